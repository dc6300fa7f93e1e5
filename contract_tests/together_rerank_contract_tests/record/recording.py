"""Turn an endpoint's answers into exchange files, without the key and with impersonal headers only."""

import base64
import datetime as dt
import json
import re
from typing import Any
from urllib.parse import urlsplit

import together_rerank_fixtures as fixtures
from together_rerank_contract_tests import PROGRAM
from together_rerank_contract_tests.record.comparison import Comparison, SentExchange
from together_rerank_fixtures import bodies, conformity
from together_rerank_fixtures.exchange import parse, text

# What of an answer's headers is of use and says nothing of anybody; whatever else comes is left out.
_KEPT = ("Content-Type", "Allow", "WWW-Authenticate", "Retry-After", "retry-after-ms", "x-should-retry")
_KEPT_AS_LOWER = re.compile(r"x-ratelimit-.*|x-tokenlimit-.*|x-inference-version", re.IGNORECASE)
_WRITABLE = re.compile(r"[\t -~]*")


def files(comparison: Comparison, today: dt.date) -> dict[str, bytes]:
    """Return the answers as files, by their path; what cannot be kept becomes missing."""
    found = {}
    for each in comparison.answers:
        try:
            found[f"{each.name}.json"] = _file(each, today)
        except fixtures.FixtureError as fault:
            comparison.missing[each.name] = f"cannot be kept: {fault}"
    return found


def _file(sent: SentExchange, today: dt.date) -> bytes:
    """Return the exchange *sent* as a JSON file of the library, without the key; raise FixtureError if that fails."""
    request, received, mask = sent.request, sent.received, sent.received.mask
    # Without a key the request had no Authorization, even if the library's has one.
    sends_key = any(name == "Authorization" for name, _ in received.headers)
    sent_headers = {name: value for name, value in request.headers.items() if sends_key or name != "Authorization"}
    place = urlsplit(received.url).netloc
    body = next(bodies.forms(request.content, exact=True)) if request.content else {}
    data: dict[str, Any] = {
        # Not the library's, which tells of the library's answer.
        "shows": mask.text(f"What {place} answers to the request of {sent.name}."),
        "source": {
            "kind": "observed",
            "citation": mask.text(f"{place}, by {PROGRAM} record"),
            "date": today.isoformat(),
        },
        "deviations": [],
        "request": {"method": request.method, "path": request.path, "headers": sent_headers, **body},
        "response": {
            "status": received.status,
            "headers": _headers(sent),
            **next(bodies.forms(mask.content(received.received))),
        },
    }
    if mask.is_legible(_legible(data["response"])):
        raise fixtures.FixtureError("the key is in it, in a form that is not masked")
    where = f"{sent.name}.json"
    found = conformity.deviations(parse(sent.name, text(data).encode(), where))
    data["deviations"] = [_as_data(each.deviation) for each in found]
    content = text({name: value for name, value in data.items() if value != []}).encode()
    conformity.check(parse(sent.name, content, where), where)
    return content


def _legible(response: dict[str, Any]) -> str:
    """Return all that can be read of *response*, as one text."""
    parts = [
        *response["headers"].values(),
        response.get("text") or json.dumps(response.get("body"), ensure_ascii=False),
        base64.b64decode(response.get("base64", "")).decode("latin-1"),
    ]
    return "\n".join(parts)


def _as_data(deviation: fixtures.Deviation) -> dict[str, str]:
    parts = {"at": deviation.at, "rule": deviation.rule, "reading": deviation.reading}
    return {name: value for name, value in parts.items() if value is not None}


def _headers(sent: SentExchange) -> dict[str, str]:
    usual = {name.lower(): name for name in _KEPT}
    found = {}
    for name, value in sent.received.received_headers.items():
        kept = usual.get(name.lower()) or (name.lower() if _KEPT_AS_LOWER.fullmatch(name) else None)
        shown = sent.received.mask.text(value)
        if kept and _WRITABLE.fullmatch(shown):
            found[kept] = shown
    return dict(sorted(found.items()))
