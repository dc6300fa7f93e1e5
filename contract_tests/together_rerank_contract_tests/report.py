"""What came of an examination: the verdict, its exit status, and all that the printed forms are made from."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import version
from typing import Any

from together_rerank_contract_tests import dialect, known
from together_rerank_contract_tests.examination import Examination, counts
from together_rerank_contract_tests.known import Known
from together_rerank_contract_tests.outcome import Outcome, State, settled
from together_rerank_contract_tests.requirements import Level


class Verdict(Enum):
    """How it ends: in words, and as an exit status."""

    KEEPS = ("keeps the contract", 0)
    BREAKS = ("does not keep the contract", 1)
    COULD_NOT_TELL = ("could not tell", 3)
    BUDGET_SPENT = ("budget spent before the end", 4)
    KIT_FAULT = ("a fault of the kit itself; please report it", 70)
    INTERRUPTED = ("interrupted", 130)

    @property
    def status(self) -> int:
        """The exit status."""
        return int(self.value[1])

    def __str__(self) -> str:
        return str(self.value[0])


@dataclass(frozen=True)
class Report:
    """An examination that is over; who prints it masks what the endpoint may have echoed.

    Attributes:
        outcomes: in the order in which they were judged.
        reason: why it ended before its end, "" when it did not.
        remarks: what is to be said of known deviations.
    """

    examination: Examination
    outcomes: list[Outcome]
    verdict: Verdict
    reason: str
    remarks: list[str]
    seconds: float

    @property
    def dialect(self) -> str:
        """The family of servers that it answers like."""
        first = self.examination.first
        return dialect.named(first) if first else "unknown"

    @property
    def deviations(self) -> list[str]:
        """In what its form differs from Together's."""
        first = self.examination.first
        return dialect.deviations(first) if first and first.status == 200 else []

    @property
    def counts(self) -> Counter[State]:
        """How many ended how."""
        return Counter(outcome.state for outcome in self.outcomes)

    @property
    def line(self) -> str:
        """The verdict in one line."""
        failed = Counter(each.requirement.level for each in self.outcomes if each.state is State.FAILED)
        parts = [f"{failed[level]} {level} failed" for level in Level if failed[level]]
        parts += [
            f"{self.counts[state]} {state}" for state in State if state is not State.FAILED and self.counts[state]
        ]
        skipped = [each.requirement.id for each in self.outcomes if each.state is State.SKIPPED]
        named = f" (skipped: {', '.join(skipped)})" if skipped else ""
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.verdict}{reason} -- {', '.join(parts) or 'nothing was judged'}{named}; {self.spent}"

    @property
    def spent(self) -> str:
        """Seed, requests, tokens and time, in words."""
        budget, settings = self.examination.transport.budget, self.examination.settings
        return f"seed {settings.seed}, {budget.in_words}, {self.seconds:.1f} s"

    def as_json(self) -> dict[str, Any]:
        """Return all of it as `report.schema.json` has it."""
        examination = self.examination
        settings, budget, fuzz = examination.settings, examination.transport.budget, examination.fuzzing
        report = {
            "kit": version("together-rerank-kit"),
            "endpoint": examination.endpoint.url,
            "model": examination.endpoint.model,
            "reading": settings.reading,
            "level": settings.level,
            "seed": settings.seed,
            "verdict": {"text": str(self.verdict), "status": self.verdict.status, "reason": self.reason},
            "dialect": {"name": self.dialect, "deviations": self.deviations},
            "counts": {str(state): self.counts[state] for state in State},
            "spent": {"requests": budget.requests, "tokens": budget.tokens, "seconds": round(self.seconds, 3)},
            "fuzz": {"requests": fuzz.requests, "seconds": round(fuzz.seconds, 3)} if fuzz.has_begun else None,
            "remarks": self.remarks,
            "requirements": [_row(each, settings.level) for each in self.outcomes],
        }
        masked: dict[str, Any] = examination.transport.mask.value(report)
        return masked


def of(examination: Examination, deviations: Sequence[Known], today: dt.date) -> Report:
    """Return the report of *examination*, with *deviations* counted as passed."""
    outcomes = settled(known.apply(examination.outcomes, deviations, today))
    verdict = _verdict(outcomes, examination)
    remarks = known.remarks(outcomes, deviations, today)
    reason = examination.stopped if verdict in (Verdict.COULD_NOT_TELL, Verdict.BUDGET_SPENT) else ""
    return Report(examination, outcomes, verdict, reason, remarks, examination.seconds)


def _verdict(outcomes: list[Outcome], examination: Examination) -> Verdict:
    states = {each.state for each in outcomes}
    level = examination.settings.level
    open_must = any(
        each.requirement.level is Level.MUST and each.state in (State.INCONCLUSIVE, State.NOT_RUN) for each in outcomes
    )
    if examination.interrupted:
        return Verdict.INTERRUPTED
    if any(each.state is State.FAILED and counts(each.requirement, level) for each in outcomes):
        return Verdict.BREAKS
    if State.ERROR in states:
        return Verdict.KIT_FAULT
    if examination.transport.budget.spent:
        return Verdict.BUDGET_SPENT
    if open_must or examination.stopped or not states & {State.PASSED, State.FAILED, State.KNOWN}:
        return Verdict.COULD_NOT_TELL
    return Verdict.KEEPS


def _row(outcome: Outcome, level: str) -> dict[str, Any]:
    requirement, unmet = outcome.requirement, outcome.unmet
    row: dict[str, Any] = {
        "id": requirement.id,
        "level": str(requirement.level),
        "sentence": requirement.sentence,
        "source": {"kind": requirement.source.kind, "text": requirement.source.text},
        "why": requirement.why,
        "state": str(outcome.state),
        "counts": counts(requirement, level),
        "reason": outcome.reason,
        "finding": None,
    }
    if unmet is not None:
        exchange = unmet.exchange
        row["finding"] = {
            "sent": exchange.sent,
            "expected": unmet.expected,
            "received": unmet.received,
            "status": exchange.status,
            "times": unmet.times,
            "curl": exchange.curl,
        }
    return row
