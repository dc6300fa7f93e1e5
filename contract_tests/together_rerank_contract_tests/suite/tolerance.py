"""How equal is equal: an endpoint's own noise, measured once, and comparisons that it cannot fool.

Scores are compared by document, never by place, and order only between documents that stand apart:
ties may fall either way, floats may differ in their last digits, and batches in a little more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

# The score of each document, by its index.
Scores = Mapping[int, float]
_LEAST = 1e-6
_OF_SPAN = 0.0125
_MAX_OF_SPAN = 0.02
_LISTWISE_OF_SPAN = 0.05
_CHANCE_OF_SPAN = 0.25


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What was measured.

    Attributes:
        span: between the highest and the lowest score.
        noise: by how much a score differed between repeats of one request, at the most; in another order, too.
        batch: by how much a score differed when fewer documents came with it, at the most.
    """

    span: float
    noise: float
    batch: float

    @property
    def is_noisy(self) -> bool:
        """Whether scores differ so much from call to call that equality means nothing."""
        return self.noise > max(_MAX_OF_SPAN * self.span, _LEAST)

    @property
    def is_listwise(self) -> bool:
        return self.batch > self.listwise

    @property
    def listwise(self) -> float:
        """By how much a score must differ for the other documents to be the reason."""
        return max(_LISTWISE_OF_SPAN * self.span, self.equal)

    @property
    def equal(self) -> float:
        """By how much two scores of one list of documents may differ and be equal."""
        least = max(3 * self.noise, _LEAST, _OF_SPAN * self.span)
        return 2 * min(least, max(_MAX_OF_SPAN * self.span, _LEAST))

    @property
    def equal_across_batches(self) -> float:
        """By how much two scores of different lists may differ and be equal."""
        return max(self.equal, 3 * self.batch)

    @property
    def chance(self) -> float:
        """Who stands apart by more than this does not change places by noise."""
        return max(_CHANCE_OF_SPAN * self.span, _LEAST)


def measured(repeats: Sequence[Scores], reordered: Scores, subset: Scores) -> Tolerance:
    """Return the tolerance from the scores of *repeats* of one request, in another order, and of its first alone."""
    first = repeats[0]
    span = max(first.values()) - min(first.values())
    noise = max(abs(one[key] - other[key]) for one in repeats for other in repeats for key in first)
    moved = max(abs(first[key] - reordered[key]) for key in first)
    # What is more is no noise: the place in the request counts.
    noise = max(noise, moved if moved <= max(_MAX_OF_SPAN * span, _LEAST) else 0.0)
    batch = min(max(abs(each[key] - subset[key]) for key in subset) for each in repeats)
    return Tolerance(span, noise, batch)


def unequal(one: Scores, other: Scores, within: float) -> int | None:
    """Return the document whose scores differ most, if by more than *within*; of those that both have."""
    differences = {key: abs(one[key] - other[key]) for key in one if key in other}
    worst = max(differences, key=differences.__getitem__, default=None)
    return worst if worst is not None and differences[worst] > within else None


def inverted(one: Scores, other: Scores, margin: float) -> tuple[int, int] | None:
    """Return two documents that stand apart by more than *margin* in both, and the other way round; None if none do."""
    shared = [key for key in one if key in other]
    for high, low in permutations(shared, 2):
        if one[high] - one[low] > margin and other[low] - other[high] > margin:
            return high, low
    return None
