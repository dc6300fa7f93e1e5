"""Convert the responses of an endpoint into exchange files, without the key and without personal headers."""

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

# Response headers that are useful and not personal; all others are left out.
_KEPT_HEADERS = ("Content-Type", "Allow", "WWW-Authenticate", "Retry-After", "retry-after-ms", "x-should-retry")
_KEPT_HEADER_PATTERN = re.compile(r"x-ratelimit-.*|x-tokenlimit-.*|x-inference-version", re.IGNORECASE)
_WRITABLE = re.compile(r"[\t -~]*")


def files(comparison: Comparison, today: dt.date) -> dict[str, bytes]:
    """Return the responses as files by path; a response that cannot be saved becomes missing."""
    found = {}
    for each in comparison.sent_exchanges:
        try:
            found[f"{each.name}.json"] = _file(each, today)
        except fixtures.FixtureError as error:
            comparison.missing[each.name] = f"cannot be saved: {error}"
    return found


def _file(sent: SentExchange, today: dt.date) -> bytes:
    """Return *sent* as a JSON file in the library's format, without the key; raise FixtureError if that fails."""
    request, received, mask = sent.request, sent.received, sent.received.mask
    # Without a key, no Authorization was sent, even if the library's request has one.
    sends_key = any(name == "Authorization" for name, _ in received.headers)
    sent_headers = {name: value for name, value in request.headers.items() if sends_key or name != "Authorization"}
    host = urlsplit(received.url).netloc
    body = next(bodies.forms(request.content, exact=True)) if request.content else {}
    data: dict[str, Any] = {
        # The library's text describes the library's response.
        "shows": mask.text(f"The response of {host} to the request of {sent.name}."),
        "source": {
            "kind": "observed",
            "citation": mask.text(f"{host}, by {PROGRAM} record"),
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
    if mask.is_legible(_readable_text(data["response"])):
        raise fixtures.FixtureError("the response contains the key in a form that cannot be masked")
    where = f"{sent.name}.json"
    found = conformity.deviations(parse(sent.name, text(data).encode(), where))
    data["deviations"] = [_deviation_json(each.deviation) for each in found]
    content = text({name: value for name, value in data.items() if value != []}).encode()
    conformity.check(parse(sent.name, content, where), where)
    return content


def _readable_text(response: dict[str, Any]) -> str:
    """Return all readable text of *response*: headers and body."""
    parts = [
        *response["headers"].values(),
        response.get("text") or json.dumps(response.get("body"), ensure_ascii=False),
        base64.b64decode(response.get("base64", "")).decode("latin-1"),
    ]
    return "\n".join(parts)


def _deviation_json(deviation: fixtures.Deviation) -> dict[str, str]:
    parts = {"at": deviation.at, "rule": deviation.rule, "reading": deviation.reading}
    return {name: value for name, value in parts.items() if value is not None}


def _headers(sent: SentExchange) -> dict[str, str]:
    spellings = {name.lower(): name for name in _KEPT_HEADERS}
    headers = {}
    for name, value in sent.received.received_headers.items():
        kept_name = spellings.get(name.lower()) or (name.lower() if _KEPT_HEADER_PATTERN.fullmatch(name) else None)
        shown = sent.received.mask.text(value)
        if kept_name and _WRITABLE.fullmatch(shown):
            headers[kept_name] = shown
    return dict(sorted(headers.items()))
