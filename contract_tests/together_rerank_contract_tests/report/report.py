"""The result of a session: the verdict with its exit status, and the report as text and as JSON."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import version
from typing import Any

from together_rerank_contract_tests.client.exchange import printable, wrap
from together_rerank_contract_tests.report.exchanges import Exchanges, exchanges_of
from together_rerank_contract_tests.run import known
from together_rerank_contract_tests.run.known import Known
from together_rerank_contract_tests.run.outcome import Outcome, State, resolve_prerequisites
from together_rerank_contract_tests.run.session import ContractSession
from together_rerank_contract_tests.suite import dialect
from together_rerank_contract_tests.suite.requirements import Level
from together_rerank_fixtures.redaction import Redactor

_WIDTH = 112
# The sequence of the outcomes in every report.
_SEQUENCE = (
    *(State.FAILED, State.KNOWN, State.ERROR, State.INCONCLUSIVE),
    *(State.SKIPPED, State.NOT_RUN, State.PASSED),
)


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
        date: the day of the run.
    """

    session: ContractSession
    outcomes: list[Outcome]
    verdict: Verdict
    reason: str
    remarks: list[str]
    date: dt.date

    @property
    def mask(self) -> Redactor:
        return self.session.transport.mask

    @property
    def failed(self) -> Counter[Level]:
        """How many requirements of each level failed."""
        return Counter(each.requirement.level for each in self.outcomes if each.state is State.FAILED)

    @property
    def has_only_failed_should(self) -> bool:
        """Whether the run passed although a SHOULD failed."""
        return self.verdict is Verdict.KEEPS and self.failed[Level.SHOULD] > 0

    @property
    def verdict_text(self) -> str:
        """The verdict in words; of a run that passed, also what it did not judge and how many SHOULDs failed."""
        quick = self.session.settings.quick
        if self.has_only_failed_should:
            judged = " that --quick judges" if quick else ""
            return f"keeps every MUST{judged}; {self.failed[Level.SHOULD]} SHOULD failed"
        return "keeps what --quick judges" if quick and self.verdict is Verdict.KEEPS else str(self.verdict)

    @property
    def verdict_line(self) -> str:
        counts, failed = Counter(each.state for each in self.outcomes), self.failed
        if self.has_only_failed_should:  # the text of the verdict has their number
            del failed[Level.SHOULD]
        parts = [f"{failed[level]} {level} failed" for level in Level if failed[level]]
        parts += [f"{counts[state]} {state}" for state in State if state is not State.FAILED and counts[state]]
        skipped = [each.requirement.id for each in self.outcomes if each.state is State.SKIPPED]
        skipped_ids = f" (skipped: {', '.join(skipped)})" if skipped else ""
        reason = f": {printable(self.reason)}" if self.reason else ""
        nothing = "nothing else was judged" if self.has_only_failed_should else "nothing was judged"
        return f"{self.verdict_text}{reason} -- {', '.join(parts) or nothing}{skipped_ids}; {self.spent}"

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
        exchanges = Exchanges(self.mask)
        report = {
            "kit": version("together-rerank-kit"),
            "date": self.date.isoformat(),
            "endpoint": session.endpoint.url,
            "model": session.endpoint.model,
            "reading": settings.reading,
            "level": settings.level,
            "seed": settings.seed,
            "verdict": {"text": self.verdict_text, "status": self.verdict.status, "reason": self.reason},
            "dialect": {
                "name": dialect.name_of(session.endpoint.document),
                "closest": dialect.recognised(first.body) if first else "unknown",
                "deviations": dialect.deviations(first) if first and first.status == 200 else [],
            },
            "counts": {str(state): counts[state] for state in State},
            "spent": budget.counts,
            "fuzz": {"requests": fuzz.requests, "seconds": round(fuzz.seconds, 3)} if fuzz.has_begun else None,
            "remarks": self.remarks,
            "notes": session.notes,
            "requirements": [_requirement_data(each, settings.level, exchanges) for each in self.outcomes],
        }
        masked: dict[str, Any] = printable_value(self.mask.value(report))
        return {**masked, "exchanges": exchanges.shown}

    @property
    def groups(self) -> list[list[Outcome]]:
        """The outcomes that did not pass; those with the same state and the same reason are one group.

        It is empty if nothing was judged: the verdict has the reason.
        """
        groups: dict[tuple[str, str], list[Outcome]] = {}
        for each in self.outcomes:
            if each.state is not State.PASSED:
                groups.setdefault((each.state, each.requirement.id if each.failure else each.reason), []).append(each)
        return list(groups.values()) if {each.state for each in self.outcomes} - {State.NOT_RUN} else []

    def as_text(self) -> str:
        """Return the report for a terminal: the requirements that did not pass, and the verdict."""
        rows = [first.as_text(self.mask, others) for first, *others in self.groups]
        fuzz = self.session.fuzzing
        if fuzz.has_begun and fuzz.seconds:
            speed = f"{fuzz.requests / fuzz.seconds:.0f} a second"
            rows.append(f"fuzz      {fuzz.requests} requests in {fuzz.seconds:.1f} s, {speed}")
        notes = [*self.remarks, *self.session.notes]
        rows += ["\n".join(wrap("note      ", self.mask.text(note), _WIDTH)) for note in notes]
        return "\n\n".join([*rows, self.mask.text(self.verdict_line)])

    def as_json(self) -> str:
        return json.dumps(self.data, ensure_ascii=False, indent=2) + "\n"


def build_report(session: ContractSession, deviations: Sequence[Known], today: dt.date) -> Report:
    """Return the report of *session*, with the known *deviations* that have not expired on *today*."""
    outcomes = resolve_prerequisites(known.apply(session.outcomes, deviations, today))
    outcomes.sort(key=_place)
    verdict = _verdict(outcomes, session)
    remarks = known.remarks(outcomes, deviations, today)
    reason = session.stop_reason if verdict in (Verdict.COULD_NOT_TELL, Verdict.BUDGET_SPENT) else ""
    return Report(session, outcomes, verdict, reason, remarks, today)


def _place(outcome: Outcome) -> tuple[int, int]:
    """Return the sort key of *outcome*: the state, and of a failure also the level."""
    level = [*Level].index(outcome.requirement.level) if outcome.state is State.FAILED else 0
    return _SEQUENCE.index(outcome.state), level


def printable_value(value: Any, show: Callable[[str], str] = printable) -> Any:
    """Return the JSON value *value* with its strings, but not its keys, as *show* shows them."""
    if isinstance(value, dict):
        return {key: printable_value(each, show) for key, each in value.items()}
    if isinstance(value, list):
        return [printable_value(each, show) for each in value]
    return show(value) if isinstance(value, str) else value


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


def _requirement_data(outcome: Outcome, level: str, exchanges: Exchanges) -> dict[str, Any]:
    requirement, failure = outcome.requirement, outcome.failure
    exchange = next(iter(exchanges_of(outcome)), None)
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
        "exchange": exchange and exchanges.number(exchange),
    }
