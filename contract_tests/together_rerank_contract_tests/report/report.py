"""The result of a session: the verdict with its exit status, and the report as text and as JSON."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import version
from typing import Any

from together_rerank_contract_tests.run import dialect, known
from together_rerank_contract_tests.run.known import Known
from together_rerank_contract_tests.run.outcome import Outcome, State, resolve_prerequisites
from together_rerank_contract_tests.run.session import ContractSession
from together_rerank_contract_tests.suite.requirements import Level
from together_rerank_fixtures.redaction import Redactor


class Verdict(Enum):
    """The verdict of a run: its text and its exit status."""

    KEEPS = ("keeps the contract", 0)
    BREAKS = ("does not keep the contract", 1)
    COULD_NOT_TELL = ("could not tell", 3)
    BUDGET_SPENT = ("budget spent before the end", 4)
    KIT_FAULT = ("a fault of the kit itself; please report it", 70)
    INTERRUPTED = ("interrupted", 130)

    @property
    def status(self) -> int:
        return int(self.value[1])

    def __str__(self) -> str:
        return str(self.value[0])


@dataclass(frozen=True)
class Report:
    """The report of a finished session.

    `verdict_line`, `reason` and `outcomes` may contain a key that the endpoint echoed: mask them before you print them.

    Attributes:
        reason: why the run ended early; "" if it did not.
        remarks: lines about known deviations that pass now or have expired.
    """

    session: ContractSession
    outcomes: list[Outcome]
    verdict: Verdict
    reason: str
    remarks: list[str]

    @property
    def mask(self) -> Redactor:
        return self.session.transport.mask

    @property
    def verdict_line(self) -> str:
        counts = Counter(each.state for each in self.outcomes)
        failed = Counter(each.requirement.level for each in self.outcomes if each.state is State.FAILED)
        parts = [f"{failed[level]} {level} failed" for level in Level if failed[level]]
        parts += [f"{counts[state]} {state}" for state in State if state is not State.FAILED and counts[state]]
        skipped = [each.requirement.id for each in self.outcomes if each.state is State.SKIPPED]
        skipped_ids = f" (skipped: {', '.join(skipped)})" if skipped else ""
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.verdict}{reason} -- {', '.join(parts) or 'nothing was judged'}{skipped_ids}; {self.spent}"

    @property
    def spent(self) -> str:
        """The seed, the requests, the tokens and the time, as text."""
        budget, settings = self.session.transport.budget, self.session.settings
        return f"seed {settings.seed}, {budget.summary}"

    @property
    def data(self) -> dict[str, Any]:
        """The report in the form of `report.schema.json`, without the key."""
        session = self.session
        settings, budget, fuzz = session.settings, session.transport.budget, session.fuzzing
        first, counts = session.endpoint.first, Counter(each.state for each in self.outcomes)
        report = {
            "kit": version("together-rerank-kit"),
            "endpoint": session.endpoint.url,
            "model": session.endpoint.model,
            "reading": settings.reading,
            "level": settings.level,
            "seed": settings.seed,
            "verdict": {"text": str(self.verdict), "status": self.verdict.status, "reason": self.reason},
            "dialect": {
                "name": dialect.dialect_of(first) if first else "unknown",
                "deviations": dialect.deviations(first) if first and first.status == 200 else [],
            },
            "counts": {str(state): counts[state] for state in State},
            "spent": budget.counts,
            "fuzz": {"requests": fuzz.requests, "seconds": round(fuzz.seconds, 3)} if fuzz.has_begun else None,
            "remarks": self.remarks,
            "requirements": [_requirement_data(each, settings.level) for each in self.outcomes],
        }
        masked: dict[str, Any] = self.mask.value(report)
        return masked

    def as_text(self) -> str:
        """Return the report for a terminal: the requirements that did not pass, and the verdict."""
        shown = [each for each in self.outcomes if each.state not in (State.PASSED, State.NOT_RUN)]
        rows = [each.as_text(self.mask) for each in shown]
        fuzz = self.session.fuzzing
        if fuzz.has_begun and fuzz.seconds:
            speed = f"{fuzz.requests / fuzz.seconds:.0f} a second"
            rows.append(f"fuzz      {fuzz.requests} requests in {fuzz.seconds:.1f} s, {speed}")
        rows += [f"note      {remark}" for remark in self.remarks]
        return "\n\n".join([*rows, self.mask.text(self.verdict_line)])

    def as_json(self) -> str:
        return json.dumps(self.data, ensure_ascii=False, indent=2) + "\n"


def build_report(session: ContractSession, deviations: Sequence[Known], today: dt.date) -> Report:
    """Return the report of *session*, with the known *deviations* that have not expired on *today*."""
    outcomes = resolve_prerequisites(known.apply(session.outcomes, deviations, today))
    verdict = _verdict(outcomes, session)
    remarks = known.remarks(outcomes, deviations, today)
    reason = session.stop_reason if verdict in (Verdict.COULD_NOT_TELL, Verdict.BUDGET_SPENT) else ""
    return Report(session, outcomes, verdict, reason, remarks)


def _verdict(outcomes: list[Outcome], session: ContractSession) -> Verdict:
    states = {each.state for each in outcomes}
    if session.interrupted:
        return Verdict.INTERRUPTED
    if any(each.fails(session.settings.level) for each in outcomes):
        return Verdict.BREAKS
    if State.ERROR in states:
        return Verdict.KIT_FAULT
    if session.transport.budget.spent:
        return Verdict.BUDGET_SPENT
    is_open = any(each.is_undecided_must for each in outcomes)
    if is_open or session.stop_reason or not states & {State.PASSED, State.FAILED, State.KNOWN}:
        return Verdict.COULD_NOT_TELL
    return Verdict.KEEPS


def _requirement_data(outcome: Outcome, level: str) -> dict[str, Any]:
    requirement, failure = outcome.requirement, outcome.failure
    finding = failure and {
        "sent": failure.exchange.request_excerpt,
        "expected": failure.expected,
        "received": failure.received,
        "status": failure.exchange.status,
        "times": failure.times,
        "curl": failure.exchange.curl,
    }
    return {
        "id": requirement.id,
        "level": str(requirement.level),
        "sentence": requirement.sentence,
        "source": {"kind": requirement.source.kind, "text": requirement.source.text},
        "why": requirement.why,
        "state": str(outcome.state),
        "counts": requirement.counts(level),
        "reason": outcome.reason,
        "finding": finding,
    }
