"""The report for a terminal: who answers, what was not met and how to see it, and the verdict."""

from __future__ import annotations

import textwrap
from contextlib import suppress
from typing import TextIO

from together_rerank_contract_tests import dialect
from together_rerank_contract_tests.endpoint import Endpoint
from together_rerank_contract_tests.examination import Examination, Progress
from together_rerank_contract_tests.exchange import Exchange, printable
from together_rerank_contract_tests.masking import Mask
from together_rerank_contract_tests.outcome import Outcome, State
from together_rerank_contract_tests.report import Report

_WIDTH = 110
_INDENT = 10
_SIGNS = {
    State.PASSED: ".",
    State.FAILED: "F",
    State.INCONCLUSIVE: "?",
    State.SKIPPED: "s",
    State.NOT_RUN: "-",
    State.ERROR: "E",
}


class Counting(Progress):
    """Progress as it is printed: a header, then a sign for each requirement."""

    def __init__(self, out: TextIO | None) -> None:
        self._out = out

    def opened(self, examination: Examination) -> None:
        """Print who answers."""
        self._print(f"{header(examination)}\n\n")

    def ended(self, outcome: Outcome) -> None:
        """Print one sign."""
        # What waits for another requirement is told there, once that has failed.
        self._print("s" if outcome.blocked_by else _SIGNS[outcome.state])

    def fuzzed(self, requests: int) -> None:
        """Count on a terminal; elsewhere lines would pile up."""
        if self._out is not None and self._out.isatty():
            self._print(f"\r{requests} requests by Schemathesis ")

    def _print(self, text: str) -> None:
        show(self._out, text)


def show(out: TextIO | None, text: str) -> None:
    """Write *text*; whoever reads may have left, or know fewer characters."""
    if out is None:  # closed before the start
        return
    encoding = getattr(out, "encoding", None) or "utf-8"
    with suppress(OSError, ValueError):
        out.write(text.encode(encoding, "backslashreplace").decode(encoding))
        out.flush()


def header(examination: Examination) -> str:
    """Return who answers, in which dialect, and how it is judged."""
    settings = examination.settings
    judged = f"reading   {settings.reading}, at the level {settings.level}"
    return "\n".join([*answering(examination.endpoint, examination.first), judged])


def answering(endpoint: Endpoint, first: Exchange | None) -> list[str]:
    """Return who answers, and in which dialect, where *first* was answered."""
    lines = [f"endpoint  {endpoint.url}", f"model     {endpoint.model}"]
    if first is not None and first.status == 200:
        found = dialect.deviations(first)
        lines.append(f"dialect   {dialect.named(first)}" + (f": {', '.join(found)}" if found else ""))
    return [endpoint.transport.mask.text(printable(line)) for line in lines]


def row(outcome: Outcome, mask: Mask) -> str:
    """Return all that is to be said of a requirement that was not passed."""
    requirement, unmet = outcome.requirement, outcome.unmet
    state = "FAILED" if outcome.state is State.FAILED else str(outcome.state)
    fields = {"because": outcome.reason} if outcome.reason else {}
    if unmet is not None:
        fields["sent"] = unmet.exchange.sent
        fields["expected"] = unmet.expected
        fields["received"] = unmet.received + (f" ({unmet.times} times)" if unmet.times > 1 else "")
        fields["source"] = str(requirement.source)
        fields["why"] = requirement.why
    lines = [f"{state:<13} {requirement.id}  {requirement.level}  {requirement.sentence}"]
    # Masked before it is broken into lines: of half a key nothing would be found.
    lines += [line for name, value in fields.items() for line in _field(name, mask.text(value))]
    return "\n".join(lines if unmet is None else [*lines, f"  {mask.text(printable(unmet.exchange.curl))}"])


def text(report: Report) -> str:
    """Return the rows and the verdict."""
    rows = [row(each, report.examination.transport.mask) for each in report.outcomes if _is_shown(each)]
    fuzz = report.examination.fuzzing
    if fuzz.has_begun and fuzz.seconds:
        rows.append(
            f"fuzz      {fuzz.requests} requests in {fuzz.seconds:.1f} s, {fuzz.requests / fuzz.seconds:.0f} a second"
        )
    rows += [f"note      {remark}" for remark in report.remarks]
    return "\n\n".join([*rows, report.examination.transport.mask.text(report.line)])


def _is_shown(outcome: Outcome) -> bool:
    return outcome.state is not State.PASSED and outcome.state is not State.NOT_RUN


def _field(name: str, value: str) -> list[str]:
    wrapped = textwrap.wrap(printable(value), _WIDTH - _INDENT, break_on_hyphens=False) or [""]
    return [f"  {name:<{_INDENT}}{wrapped[0]}", *(" " * (_INDENT + 2) + line for line in wrapped[1:])]


def listing(examination: Examination) -> str:
    """Return the selected requirements, and what judging them would cost, without a request."""
    rows = [f"{each.id:<17} {each.level:<7} {each.sentence}" for each in examination.selected]
    requests, tokens = examination.estimate
    return "\n".join([*rows, "", f"{len(rows)} requirements, about {requests} requests and {tokens} tokens"])
