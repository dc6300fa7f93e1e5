"""What a terminal gets: who answers, a sign for each requirement, those that were not met, and the verdict."""

import sys

from together_rerank_contract_tests import dialect
from together_rerank_contract_tests.endpoint import Endpoint
from together_rerank_contract_tests.examination import Examination, Progress
from together_rerank_contract_tests.exchange import printable
from together_rerank_contract_tests.outcome import Outcome, State
from together_rerank_contract_tests.output import show
from together_rerank_contract_tests.report import Report

_SIGNS = {
    State.PASSED: ".",
    State.FAILED: "F",
    State.INCONCLUSIVE: "?",
    State.SKIPPED: "s",
    State.NOT_RUN: "-",
    State.ERROR: "E",
}


class Counting(Progress):
    def opened(self, examination: Examination) -> None:
        settings = examination.settings
        judged = f"reading   {settings.reading}, at the level {settings.level}"
        show("\n".join([*answering(examination.endpoint), judged]) + "\n\n")

    def ended(self, outcome: Outcome) -> None:
        # What waits for another requirement is told there, once that has failed.
        show("s" if outcome.blocked_by else _SIGNS[outcome.state])

    def fuzzed(self, requests: int) -> None:
        # Elsewhere than on a terminal lines would pile up.
        if sys.stdout is not None and sys.stdout.isatty():
            show(f"\r{requests} requests by Schemathesis ")


def answering(endpoint: Endpoint) -> list[str]:
    lines = [f"endpoint  {endpoint.url}", f"model     {endpoint.model}"]
    if endpoint.first is not None:
        found = dialect.deviations(endpoint.first)
        lines.append(f"dialect   {dialect.named(endpoint.first)}" + (f": {', '.join(found)}" if found else ""))
    return [endpoint.transport.mask.text(printable(line)) for line in lines]


def text(report: Report) -> str:
    shown = [each for each in report.outcomes if each.state not in (State.PASSED, State.NOT_RUN)]
    rows = [each.row(report.mask) for each in shown]
    fuzz = report.examination.fuzzing
    if fuzz.has_begun and fuzz.seconds:
        speed = f"{fuzz.requests / fuzz.seconds:.0f} a second"
        rows.append(f"fuzz      {fuzz.requests} requests in {fuzz.seconds:.1f} s, {speed}")
    rows += [f"note      {remark}" for remark in report.remarks]
    return "\n\n".join([*rows, report.mask.text(report.line)])


def listing(examination: Examination) -> str:
    """Return the selected requirements, and what judging them would cost, without a request."""
    rows = [f"{each.id:<17} {each.level:<7} {each.sentence}" for each in examination.selected]
    requests, tokens = examination.estimate
    return "\n".join([*rows, "", f"{len(rows)} requirements, about {requests} requests and {tokens} tokens"])
