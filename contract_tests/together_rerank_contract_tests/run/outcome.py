"""The outcome of one requirement: its state, the reason, and its row in the text report."""

import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from together_rerank_contract_tests.client.budget import BudgetSpent
from together_rerank_contract_tests.client.exchange import Exchange, printable, wrap
from together_rerank_contract_tests.client.transport import Inconclusive
from together_rerank_contract_tests.suite.requirements import (
    Level,
    NotApplicable,
    PrerequisiteFailed,
    Requirement,
    RequirementFailed,
)
from together_rerank_fixtures.redaction import Redactor

_WIDTH = 112


class State(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    KNOWN = "known"
    INCONCLUSIVE = "inconclusive"
    SKIPPED = "skipped"
    NOT_RUN = "not run"
    ERROR = "error"


# One progress character for each member of `State`.
_MARKS = dict(zip(State, ".FK?s-E", strict=True))


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one requirement.

    Attributes:
        reason: why it neither passed nor failed.
        failure: what was expected and received, if it failed.
        prerequisites: the ids of the requirements that may explain why it could not be judged.
        exchanges: the exchanges that its test used.
    """

    requirement: Requirement
    state: State
    reason: str = ""
    failure: RequirementFailed | None = None
    prerequisites: tuple[str, ...] = ()
    exchanges: tuple[Exchange, ...] = ()

    @property
    def mark(self) -> str:
        # The prerequisite reports the failure.
        return "s" if self.prerequisites else _MARKS[self.state]

    @property
    def is_undecided_must(self) -> bool:
        """Whether this is a MUST that neither passed nor failed."""
        return self.requirement.level is Level.MUST and self.state in (State.INCONCLUSIVE, State.NOT_RUN)

    def fails(self, level: str) -> bool:
        return self.state is State.FAILED and self.requirement.counts(level)

    @property
    def title(self) -> str:
        """The first line of the console report: state, id, level and sentence."""
        requirement = self.requirement
        state = "FAILED" if self.state is State.FAILED else str(self.state)
        return f"{state:<13} {requirement.id}  {requirement.level}  {requirement.sentence}"

    def as_text(self, mask: Redactor, others: Sequence["Outcome"] = ()) -> str:
        """Return the text of the console report, without the key; *others* have the same reason."""
        requirement, failure = self.requirement, self.failure
        fields = {"reason": self.reason} if self.reason else {}
        if fields and others:
            fields["for"] = ", ".join(each.requirement.id for each in (self, *others))
        if failure is not None:
            times = f" ({failure.times} times)" if failure.times > 1 else ""
            fields |= {
                "sent": failure.exchange.request_excerpt,
                "expected": failure.expected,
                "received": failure.received + times,
                "source": str(requirement.source),
                "why": requirement.why,
            }
        lines = [each.title for each in (self, *others)]
        # Mask the key before wrapping: a key that is cut in two is not recognised.
        lines += [line for name, value in fields.items() for line in wrap(f"  {name:<10}", mask.text(value), _WIDTH)]
        if failure is not None:
            lines.append(f"  {mask.text(printable(failure.exchange.curl))}")
        return "\n".join(lines)


def outcome_of(requirement: Requirement, raised: BaseException | None) -> Outcome:  # noqa: PLR0911  # one per type
    """Return the outcome of a test that raised *raised*, or None if it passed."""
    reason = printable(str(raised))
    match raised:
        case None:
            return Outcome(requirement, State.PASSED)
        case RequirementFailed():
            return Outcome(requirement, State.FAILED, failure=raised)
        case PrerequisiteFailed():
            return Outcome(requirement, State.INCONCLUSIVE, reason, prerequisites=raised.requirement_ids)
        case Inconclusive():
            return Outcome(requirement, State.INCONCLUSIVE, reason)
        case NotApplicable():
            return Outcome(requirement, State.SKIPPED, reason)
        case BudgetSpent() | KeyboardInterrupt():
            return Outcome(requirement, State.NOT_RUN, reason or "interrupted")
        case _:
            return Outcome(requirement, State.ERROR, printable(describe_exception(raised)))


def resolve_prerequisites(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return *outcomes*, skipped if a prerequisite failed, because the prerequisite reports the failure."""
    outcomes = list(outcomes)
    failed = {each.requirement.id for each in outcomes if each.state in (State.FAILED, State.KNOWN)}
    return [replace(each, state=State.SKIPPED) if failed & {*each.prerequisites} else each for each in outcomes]


def describe_exception(raised: BaseException) -> str:
    """Return the type, message and place of *raised* in one line."""
    frames = traceback.extract_tb(raised.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(raised).__name__}: {raised}{where}"
