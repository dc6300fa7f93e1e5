"""Counts of all requests to a mock; no reset changes them."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

# The upper bounds of the histogram: a usual call takes a millisecond, and most delays are below 30 seconds.
BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is counted of a request."""

    status: int | None  # None if there was no answer
    fault: str | None  # the name of the fault that was applied
    seconds: float  # from the arrival of the request until its answer was ready

    @property
    def place(self) -> int:
        """The place of the duration in the histogram, from 0."""
        return bisect_left(BOUNDS_S, self.seconds)


@dataclass(slots=True)
class Totals:
    """How many requests there were, by status and fault, and by duration; their seconds; dropped journal entries."""

    requests: Counter[tuple[int | None, str | None]] = field(default_factory=Counter)
    durations: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))  # how many are between two bounds
    seconds: float = 0.0
    dropped: int = 0

    def count(self, outcome: Outcome) -> None:
        self.requests[outcome.status, outcome.fault] += 1
        self.durations[outcome.place] += 1
        self.seconds += outcome.seconds
