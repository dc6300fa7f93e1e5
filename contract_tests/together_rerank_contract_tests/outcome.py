"""What came of one requirement."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from together_rerank_contract_tests.findings import Blocked, BudgetSpent, Inconclusive, NotApplicable, Unmet
from together_rerank_contract_tests.requirements import Requirement


class State(StrEnum):
    """How a requirement ended."""

    PASSED = "passed"
    FAILED = "failed"
    KNOWN = "known"
    INCONCLUSIVE = "inconclusive"
    SKIPPED = "skipped"
    NOT_RUN = "not run"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a requirement ended.

    Attributes:
        reason: why, unless it passed or failed.
        unmet: what was found, where it failed.
        blocked_by: the ids of the requirements one of which must be met before it can be judged.
    """

    requirement: Requirement
    state: State
    reason: str = ""
    unmet: Unmet | None = None
    blocked_by: tuple[str, ...] = ()


def outcome_of(requirement: Requirement, raised: BaseException | None) -> Outcome:  # noqa: PLR0911  # one a kind
    """Return the outcome of a test that ended with *raised*."""
    match raised:
        case None:
            return Outcome(requirement, State.PASSED)
        case Unmet():
            return Outcome(requirement, State.FAILED, unmet=raised)
        case Blocked():
            return Outcome(requirement, State.INCONCLUSIVE, str(raised), blocked_by=raised.by)
        case Inconclusive():
            return Outcome(requirement, State.INCONCLUSIVE, str(raised))
        case NotApplicable():
            return Outcome(requirement, State.SKIPPED, str(raised))
        case BudgetSpent() | KeyboardInterrupt():
            return Outcome(requirement, State.NOT_RUN, str(raised) or "interrupted")
        case _:
            return Outcome(requirement, State.ERROR, _place(raised))


def settled(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return *outcomes* with what waited for an unmet requirement as skipped, for there the fault is told."""
    outcomes = list(outcomes)
    unmet = {each.requirement.id for each in outcomes if each.state in (State.FAILED, State.KNOWN)}
    return [replace(each, state=State.SKIPPED) if unmet & {*each.blocked_by} else each for each in outcomes]


def _place(raised: BaseException) -> str:
    frames = traceback.extract_tb(raised.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(raised).__name__}: {raised}{where}"
