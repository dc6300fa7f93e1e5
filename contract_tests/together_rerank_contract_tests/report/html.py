"""The report as one HTML page, with the exchanges of each requirement, that loads nothing and runs no script."""

import json
from importlib.resources import files
from typing import Any

from together_rerank_contract_tests import PROGRAM
from together_rerank_contract_tests.client.budget import plural
from together_rerank_contract_tests.client.exchange import Exchange, excerpt, printable
from together_rerank_contract_tests.client.variables import Headers
from together_rerank_contract_tests.report.report import Report
from together_rerank_contract_tests.run.outcome import Outcome
from together_rerank_fixtures.redaction import Redactor

# The most characters of the headers, of a body, and of the options in a summary to show.
_MAX_SHOWN, _MAX_SUMMARY = 2_000, 120


def html(report: Report) -> str:
    """Return *report* as HTML, without the key."""
    from jinja2 import Environment, StrictUndefined  # most runs write no HTML

    template = files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, lstrip_blocks=True, trim_blocks=True, undefined=StrictUndefined)
    data = report.data
    used = {each.requirement.id: _exchanges(each) for each in report.outcomes}
    # Many requirements use the same exchange, and it takes time to search it for the key.
    unique = {id(each): each for exchanges in used.values() for each in exchanges}
    shown = {key: _exchange(each, report.mask) for key, each in unique.items()}
    return environment.from_string(template).render(
        program=PROGRAM,
        data=data,
        spent=report.spent,
        passed=not report.verdict.status and not report.has_only_failed_should,
        states=list(dict.fromkeys(row["state"] for row in data["requirements"])),
        exchanges={name: [shown[id(each)] for each in exchanges] for name, exchanges in used.items()},
    )


def _exchanges(outcome: Outcome) -> list[Exchange]:
    """Return the exchanges of *outcome*, the failing one first."""
    failing = [outcome.failure.exchange] if outcome.failure else []
    others = [each for each in outcome.exchanges if not any(each is first for first in failing)]
    return [*failing, *others]


def _exchange(exchange: Exchange, mask: Redactor) -> dict[str, Any]:
    call = f"{exchange.method} {exchange.url}"
    received_headers = tuple(exchange.received_headers.items())
    return {
        "status": exchange.status,
        "summary": mask.text(_summary(exchange)),
        "request": _message(call, exchange.headers, exchange.content, mask),
        "response": _message(f"HTTP {exchange.status}", received_headers, exchange.received, mask),
    }


def _summary(exchange: Exchange) -> str:
    """Return what distinguishes the request from others: the number of documents, and its options."""
    request, call = exchange.request, f"{exchange.method} "
    if not isinstance(request, dict) or not isinstance(request.get("documents"), list):
        return call + excerpt(exchange.content, _MAX_SUMMARY)
    options = {name: value for name, value in request.items() if name not in ("model", "query", "documents")}
    shown = excerpt(json.dumps(options, ensure_ascii=False), _MAX_SUMMARY) if options else ""
    return f"{call}{plural(len(request['documents']), 'document')} {shown}"


def _message(start: str, headers: Headers, content: bytes, mask: Redactor) -> str:
    """Return a request or a response as text, with printable characters and line feeds only."""
    head = _cut(mask.text("".join(f"{name}: {value}\n" for name, value in headers)))
    body = _cut(mask.content(content).decode("utf-8", "backslashreplace"))
    return "\n".join(map(printable, f"{start}\n{head}\n{body}".strip().split("\n")))


def _cut(text: str) -> str:
    if len(text) <= _MAX_SHOWN:
        return text
    return f"{text[:_MAX_SHOWN]}\n[cut: {_MAX_SHOWN:,} of {len(text):,} characters are shown]\n"
