"""What an endpoint answers to the library's requests, one by one, and each answer as a file of an exchange."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import together_rerank_fixtures as fixtures
from together_rerank_contract_tests import PROGRAM, selection
from together_rerank_contract_tests.endpoint import BUSY, Endpoint
from together_rerank_contract_tests.exchange import Exchange
from together_rerank_contract_tests.findings import BudgetSpent, Inconclusive, Throttled
from together_rerank_contract_tests.masking import Mask
from together_rerank_contract_tests.selection import Question
from together_rerank_contract_tests.transport import is_too_soon
from together_rerank_fixtures import bodies, conformity
from together_rerank_fixtures.exchange import parse, text

# What of an answer's headers is of use and says nothing of anybody; whatever else comes is left out.
KEPT = (
    *("Content-Type", "Allow", "WWW-Authenticate", "Retry-After", "retry-after-ms", "x-should-retry"),
    *("x-ratelimit-*", "x-tokenlimit-*", "x-inference-version"),
)
# How many in a row may be busy after all the waiting; who is, is so for the next one too.
_MOST_BUSY_IN_A_ROW = 2
_WRITABLE = re.compile(r"[\t -~]*")
_NO_MASK = Mask()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what came of it.

    Attributes:
        answer: as the library has answers, with whatever the endpoint may have echoed.
    """

    question: Question
    came: Exchange
    answer: fixtures.Response

    @property
    def name(self) -> str:
        """The name of the exchange."""
        return self.question.name


@dataclass
class Asking:
    """How far the asking came.

    Attributes:
        answers: what was answered.
        skipped: why some were not to be asked, by name.
        missing: what could not be found out, or kept, and why, by name.
        stopped: why the rest was not asked, "" when there is none.
        busy_in_a_row: so many of the last were told to come again, also after all the waiting.
        interrupted: somebody wanted it to end.
    """

    answers: list[Asked] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    stopped: str = ""
    busy_in_a_row: int = 0
    interrupted: bool = False


def asked(
    exchanges: Sequence[fixtures.Exchange], endpoint: Endpoint, first: Exchange, tell: Callable[[str], None]
) -> Asking:
    """Ask *endpoint*, whose first answer is *first*, for *exchanges*; *tell* gets a sign for each."""
    asking = Asking()
    reasons = {exchange.name: selection.why_not(exchange, endpoint, first) for exchange in exchanges}
    asking.skipped = {name: reason for name, reason in reasons.items() if reason}
    left = [selection.question(exchange, endpoint) for exchange in exchanges if not reasons[exchange.name]]
    try:
        while left:
            tell(_ask(left[0], endpoint, asking))
            left.pop(0)
            if asking.busy_in_a_row == _MOST_BUSY_IN_A_ROW and left:
                asking.stopped = (
                    "the endpoint was busy twice in a row, after all the waiting, so no more was asked; try --rate"
                )
                break
    except BudgetSpent as fault:
        asking.stopped = str(fault)
    except KeyboardInterrupt:
        asking.stopped, asking.interrupted = "interrupted", True
    answered = {each.name for each in asking.answers}
    asking.missing |= {each.name: asking.stopped for each in left if each.name not in answered}
    return asking


def _ask(question: Question, endpoint: Endpoint, asking: Asking) -> str:
    try:
        came = selection.ask(question, endpoint)
    except Inconclusive as fault:
        asking.busy_in_a_row = asking.busy_in_a_row + 1 if isinstance(fault, Throttled) else 0
        asking.missing[question.name] = str(fault)
        return "?"
    asking.busy_in_a_row = asking.busy_in_a_row + 1 if is_too_soon(came) else 0
    if came.flaw or came.status in BUSY:
        busy = f"the endpoint answers {came.answered}"
        asking.missing[question.name] = f"the body cannot be read: {came.flaw}" if came.flaw else busy
        return "?"
    body = next(bodies.forms(came.received)).get("body")
    answer = fixtures.Response(came.status, _kept(came, _NO_MASK), body, came.received)
    asking.answers.append(Asked(question, came, answer))
    return "."


def files(asking: Asking, today: dt.date) -> dict[str, bytes]:
    """Return the answers as files, by their path; what cannot be kept becomes missing."""
    found = {}
    for each in asking.answers:
        try:
            found[f"{each.name}.json"] = file(each, today)
        except fixtures.FixtureError as fault:
            asking.missing[each.name] = f"cannot be kept: {fault}"
    return found


def file(asked: Asked, today: dt.date) -> bytes:
    """Return *asked* as a file that the library reads, without the key.

    Raises:
        FixtureError: it cannot be one, or the key could be read in it all the same.
    """
    question, mask = asked.question, asked.came.mask
    request, place = question.request, urlsplit(question.url).netloc
    sent: dict[str, Any] = {"method": request.method, "path": request.path, "headers": _sent(asked)}
    if request.content:
        sent |= next(bodies.forms(request.content, exact=True))
    data: dict[str, Any] = {
        # Not the library's, which tells of the library's answer.
        "shows": mask.text(f"What {place} answers to the request of {question.name}."),
        "source": {
            "kind": "observed",
            "citation": mask.text(f"{place}, by {PROGRAM} record"),
            "date": today.isoformat(),
        },
        "deviations": [],
        "request": sent,
        "response": {
            "status": asked.answer.status,
            "headers": _kept(asked.came, mask),
            **_masked(asked.came.received, mask),
        },
    }
    if mask.is_in(_legible(data["response"])):
        raise fixtures.FixtureError("the key is in it, in a form that is not masked")
    where = f"{question.name}.json"
    found = conformity.deviations(parse(question.name, text(data).encode(), where))
    data["deviations"] = [_as_data(each.deviation) for each in found]
    content = text({name: value for name, value in data.items() if value != []}).encode()
    conformity.check(parse(question.name, content, where), where)
    return content


def _sent(asked: Asked) -> dict[str, str]:
    """Return the headers that were sent, as the library has them: without a key there is none."""
    has_sent = any(name == "Authorization" for name, _ in asked.came.headers)
    headers = asked.question.request.headers
    return {name: value for name, value in headers.items() if has_sent or name != "Authorization"}


def _masked(content: bytes, mask: Mask) -> dict[str, Any]:
    """Return *content* in the form of a file; first read, then masked, for JSON may write the key in many ways."""
    form = next(bodies.forms(content))
    if "base64" in form:
        return next(bodies.forms(mask.content(content)))
    masked: dict[str, Any] = mask.value(form)
    return masked


def _legible(response: dict[str, Any]) -> str:
    """Return all that can be read of *response*, as one text."""
    body = response.get("body")
    parts = [
        *response["headers"].values(),
        response.get("text") or json.dumps(body, ensure_ascii=False),
        base64.b64decode(response.get("base64", "")).decode("latin-1"),
    ]
    return "\n".join(parts)


def _as_data(deviation: fixtures.Deviation) -> dict[str, str]:
    parts = {"at": deviation.at, "rule": deviation.rule, "reading": deviation.reading}
    return {name: value for name, value in parts.items() if value is not None}


def _kept(came: Exchange, mask: Mask) -> dict[str, str]:
    found = {_kept_name(name): mask.text(value) for name, value in came.received_headers.items()}
    return {name: value for name, value in sorted(found.items()) if name and _WRITABLE.fullmatch(value)}


def _kept_name(name: str) -> str:
    """Return *name* as the library writes it, "" when it is not kept."""
    for kept in KEPT:
        if name.lower() == kept.lower():
            return kept
        if kept.endswith("*") and name.lower().startswith(kept[:-1]):
            return name.lower()
    return ""
