"""Exchanges as text for a report: which a requirement used, and its request and response without the key."""

import json
from typing import Any

from together_rerank_contract_tests.client.budget import plural
from together_rerank_contract_tests.client.exchange import Exchange, excerpt, printable
from together_rerank_contract_tests.client.variables import Headers
from together_rerank_contract_tests.run.outcome import Outcome
from together_rerank_fixtures.redaction import Redactor

# The most characters of the headers, of a body, and of the options in a summary to show.
_MAX_SHOWN, _MAX_SUMMARY = 2_000, 120


class Exchanges:
    """The exchanges of a report as text, each once: many requirements use the same one."""

    def __init__(self, mask: Redactor) -> None:
        self.shown: list[dict[str, Any]] = []
        self._mask = mask
        self._numbers: dict[int, int] = {}

    def number(self, exchange: Exchange) -> int:
        """Return the place of *exchange* in `shown`; add it if it is new."""
        if id(exchange) not in self._numbers:
            self._numbers[id(exchange)] = len(self.shown)
            self.shown.append(_shown(exchange, self._mask))
        return self._numbers[id(exchange)]


def exchanges_of(outcome: Outcome) -> list[Exchange]:
    """Return the exchanges of *outcome*, the failing one first."""
    failing = [outcome.failure.exchange] if outcome.failure else []
    others = [each for each in outcome.exchanges if not any(each is first for first in failing)]
    return [*failing, *others]


def printable_lines(text: str) -> str:
    """Return *text* with every unprintable character escaped, except line feeds."""
    return "\n".join(map(printable, text.split("\n")))


def _shown(exchange: Exchange, mask: Redactor) -> dict[str, Any]:
    call = f"{exchange.method} {exchange.url}"
    received_headers = tuple(exchange.received_headers.items())
    return {
        "status": exchange.status,
        "summary": mask.text(_summary(exchange)),
        "request": _message(mask.text(call), exchange.headers, exchange.content, mask),
        "response": _message(f"HTTP {exchange.status}", received_headers, exchange.received, mask),
    }


def _summary(exchange: Exchange) -> str:
    """Return what distinguishes the request from others: the number of documents, and its options."""
    request, call = exchange.request, f"{exchange.method} "
    if not isinstance(request, dict) or not isinstance(request.get("documents"), list):
        return call + excerpt(exchange.content, _MAX_SUMMARY)
    places = map(exchange.document.mapping.place, ("/model", "/query", "/documents"))
    others = [place.split("/")[1] for place in places]
    options = {name: value for name, value in exchange.sent.items() if name not in others}
    shown = excerpt(json.dumps(options, ensure_ascii=False), _MAX_SUMMARY) if options else ""
    return f"{call}{plural(len(request['documents']), 'document')} {shown}"


def _message(start: str, headers: Headers, content: bytes, mask: Redactor) -> str:
    """Return a request or a response as text, with printable characters and line feeds only."""
    head = _cut(mask.text("".join(f"{name}: {value}\n" for name, value in headers)))
    body = _cut(mask.content(content).decode("utf-8", "backslashreplace"))
    return printable_lines(f"{start}\n{head}\n{body}".strip())


def _cut(text: str) -> str:
    if len(text) <= _MAX_SHOWN:
        return text
    return f"{text[:_MAX_SHOWN]}\n[cut: {_MAX_SHOWN:,} of {len(text):,} characters are shown]\n"
