"""Measure the noise of an endpoint once, and compare scores and rankings with a tolerance for it.

Scores are compared by document, not by rank. Two documents are compared in rank only if their scores differ clearly:
ties may be ranked either way, floats may differ in their last digits, and scores in different batches a little more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

# The score of each document, by its index or its text.
Scores = Mapping[Any, float]
# A smaller difference of two scores is a rounding error.
LEAST = 1e-6
_OF_SPAN = 0.0125
_MAX_OF_SPAN = 0.02
_LISTWISE_OF_SPAN = 0.05
_CLEAR_OF_SPAN = 0.25


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The measured noise of an endpoint, and the tolerances that follow from it.

    Attributes:
        span: the difference between the highest and the lowest score.
        noise: the largest difference of a score between repeats of a request, or after a permutation of its documents.
        batch: the largest difference of a score after other documents were removed from the request.
        alone: the difference between the scores of two documents that are sent alone; None if it is unknown.
        in_one_request: the difference between the scores of the same two documents in one request.
    """

    span: float
    noise: float
    batch: float
    alone: float | None = None
    in_one_request: float = 0.0

    @property
    def is_noisy(self) -> bool:
        """Whether scores differ too much between repeats to be compared."""
        return self.noise > max(_MAX_OF_SPAN * self.span, LEAST)

    @property
    def is_listwise(self) -> bool:
        """Whether the score of a document depends on the other documents of the request.

        Ranks, and scores that are scaled to those of the list, are the same for every document that is sent alone.
        """
        is_constant = self.alone is not None and self.alone <= LEAST and self.in_one_request > self.clear_gap
        return is_constant or self.batch > self.listwise_threshold

    @property
    def listwise_threshold(self) -> float:
        """A score that differs by more than this depends on the other documents."""
        return max(_LISTWISE_OF_SPAN * self.span, self.equal)

    @property
    def equal(self) -> float:
        """Two scores for the same list of documents are equal if they differ by at most this."""
        least = max(3 * self.noise, LEAST, _OF_SPAN * self.span)
        return 2 * min(least, max(_MAX_OF_SPAN * self.span, LEAST))

    @property
    def equal_across_batches(self) -> float:
        """Two scores for different lists of documents are equal if they differ by at most this."""
        return max(self.equal, 3 * self.batch)

    @property
    def clear_gap(self) -> float:
        """Noise does not swap two documents whose scores differ by more than this."""
        return max(_CLEAR_OF_SPAN * self.span, LEAST)


def measure(repeats: Sequence[Scores], reordered: Scores, subset: Scores, alone: Sequence[float] = ()) -> Tolerance:
    """Return the tolerance.

    It compares *repeats* of a request, a permutation of its documents, a *subset* of them, and the first two *alone*.
    """
    first = repeats[0]
    span = max(first.values()) - min(first.values())
    noise = max(abs(one[key] - other[key]) for one in repeats for other in repeats for key in first)
    moved = max(abs(first[key] - reordered[key]) for key in first)
    # A larger difference is not noise: the score depends on the position in the request.
    noise = max(noise, moved if moved <= max(_MAX_OF_SPAN * span, LEAST) else 0.0)
    batch = min(max(abs(each[key] - subset[key]) for key in subset) for each in repeats)
    between = abs(alone[0] - alone[1]) if alone else None
    return Tolerance(span, noise, batch, between, abs(first[0] - first[1]) if alone else 0.0)


def find_difference(one: Scores, other: Scores, within: float) -> Any:
    """Return the shared document whose scores differ most, if they differ by more than *within*; None otherwise."""
    differences = {key: abs(one[key] - other[key]) for key in one if key in other}
    worst = max(differences, key=differences.__getitem__, default=None)
    return worst if worst is not None and differences[worst] > within else None


def find_inversion(
    one: Scores, other: Scores, margin: float, other_margin: float | None = None
) -> tuple[Any, Any] | None:
    """Return two documents that *one* and *other* rank differently, each by more than *margin*; None otherwise.

    With *other_margin*, that is the margin in *other*; below 0, a tie counts as well.
    """
    other_margin = margin if other_margin is None else other_margin
    shared = [key for key in one if key in other]
    for high, low in permutations(shared, 2):
        if one[high] - one[low] > margin and other[low] - other[high] > other_margin:
            return high, low
    return None
