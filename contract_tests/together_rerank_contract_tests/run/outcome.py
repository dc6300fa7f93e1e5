"""The outcome of one requirement: its state, the reason, and its row in the text report."""

import traceback
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from together_rerank_contract_tests.client.budget import BudgetSpent
from together_rerank_contract_tests.client.exchange import printable, wrapped
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


# In the order of `State`.
_SIGNS = dict(zip(State, ".FK?s-E", strict=True))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a requirement ended.

    Attributes:
        reason: why, unless it passed or failed.
        unmet: what was found, where it failed.
        prerequisites: the ids of the requirements one of which must be met before it can be judged.
    """

    requirement: Requirement
    state: State
    reason: str = ""
    failure: RequirementFailed | None = None
    prerequisites: tuple[str, ...] = ()

    @property
    def sign(self) -> str:
        # The requirement that blocks this one reports the failure.
        return "s" if self.prerequisites else _SIGNS[self.state]

    @property
    def leaves_open(self) -> bool:
        """Whether this is a MUST without a verdict."""
        return self.requirement.level is Level.MUST and self.state in (State.INCONCLUSIVE, State.NOT_RUN)

    def fails(self, level: str) -> bool:
        return self.state is State.FAILED and self.requirement.counts(level)

    def row(self, mask: Redactor) -> str:
        requirement, unmet = self.requirement, self.failure
        state = "FAILED" if self.state is State.FAILED else str(self.state)
        fields = {"because": self.reason} if self.reason else {}
        if unmet is not None:
            times = f" ({unmet.times} times)" if unmet.times > 1 else ""
            fields |= {
                "sent": unmet.exchange.sent,
                "expected": unmet.expected,
                "received": unmet.received + times,
                "source": str(requirement.source),
                "why": requirement.why,
            }
        lines = [f"{state:<13} {requirement.id}  {requirement.level}  {requirement.sentence}"]
        # Mask the key before wrapping: half a key is not recognised.
        lines += [line for name, value in fields.items() for line in wrapped(f"  {name:<10}", mask.text(value), _WIDTH)]
        if unmet is not None:
            lines.append(f"  {mask.text(printable(unmet.exchange.curl))}")
        return "\n".join(lines)


def outcome_of(requirement: Requirement, raised: BaseException | None) -> Outcome:  # noqa: PLR0911  # one a kind
    match raised:
        case None:
            return Outcome(requirement, State.PASSED)
        case RequirementFailed():
            return Outcome(requirement, State.FAILED, failure=raised)
        case PrerequisiteFailed():
            return Outcome(requirement, State.INCONCLUSIVE, str(raised), prerequisites=raised.by)
        case Inconclusive():
            return Outcome(requirement, State.INCONCLUSIVE, str(raised))
        case NotApplicable():
            return Outcome(requirement, State.SKIPPED, str(raised))
        case BudgetSpent() | KeyboardInterrupt():
            return Outcome(requirement, State.NOT_RUN, str(raised) or "interrupted")
        case _:
            return Outcome(requirement, State.ERROR, place_of(raised))


def settled(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return *outcomes* with what waited for an unmet requirement as skipped, for there the fault is told."""
    outcomes = list(outcomes)
    unmet = {each.requirement.id for each in outcomes if each.state in (State.FAILED, State.KNOWN)}
    return [replace(each, state=State.SKIPPED) if unmet & {*each.prerequisites} else each for each in outcomes]


def place_of(raised: BaseException) -> str:
    """Return the type, message and place of *raised* in one line."""
    frames = traceback.extract_tb(raised.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(raised).__name__}: {raised}{where}"
