"""Rankings that a test sets in place of the computed ranking."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from sys import getsizeof
from typing import Any

from together_rerank_mockserver.api.errors import Misuse
from together_rerank_mockserver.ranking.score import Ranked

_MAX = 100_000
_LONGEST = 10_000


class InvalidOverride(ValueError):
    """A ranking that the mock cannot read; the message says what it accepts."""


@dataclass(frozen=True, slots=True)
class RankingOverride:
    """A ranking that a test sets; documents it does not mention are ranked as usual."""

    as_dict: dict[str, Any]  # the JSON that sets it
    # Takes the usual ranking and the texts of its documents, and returns the ranking of the test; None if it does
    # not apply to them. Raises Misuse if it names a document that the request does not have.
    apply: Callable[[list[Ranked], list[str]], list[Ranked] | None]
    size: int  # about how many bytes it takes in memory


def from_json(data: Any) -> RankingOverride:
    """Parse *data* as a design; raise InvalidOverride if it is not a valid one."""
    if not isinstance(data, dict) or len(data) != 1 or not data.keys() <= _READ.keys():
        raise InvalidOverride(
            'it must be {"rank": [2, 0]}, {"rank_first": "llama"} or {"scores": {"0": 0.9, "2": 0.1}}'
        )
    ((name, value),) = data.items()
    return RankingOverride(data, _READ[name](value), 2 * _size(value))  # the JSON, and as much for what `apply` uses


def _size(value: Any) -> int:
    children = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return getsizeof(value) + sum(map(_size, children))


def _order(value: Any) -> Any:
    indexes = value if isinstance(value, list) else []
    if not 0 < len(indexes) <= _MAX or not all(type(each) is int and 0 <= each < 1_000_000_000 for each in indexes):
        raise InvalidOverride("`rank` must list indexes of documents, whole numbers from 0, the best first")
    if len(set(value)) < len(value):
        raise InvalidOverride("`rank` must name each document once")

    def apply(ranking: list[Ranked], _: list[str]) -> list[Ranked]:
        _check_indexes(value, ranking)
        return _in_order(value, ranking)

    return apply


def _first(value: Any) -> Any:
    is_text = isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)
    if not is_text or not 0 < len(value) <= _LONGEST:
        raise InvalidOverride(
            f"`rank_first` must be a text that documents can have in them, of 1 to {_LONGEST} characters"
        )
    wanted = value.casefold()

    def apply(ranking: list[Ranked], texts: list[str]) -> list[Ranked] | None:
        having = [ranked.index for ranked in ranking if wanted in texts[ranked.index].casefold()]
        return _in_order(having, ranking) if having else None

    return apply


def _scores(value: Any) -> Any:
    if not isinstance(value, dict) or not 0 < len(value) <= _MAX:
        raise InvalidOverride("`scores` must be an object with a score for each index")
    for index, score in value.items():
        if not (index.isascii() and index.isdigit() and len(index) < 10):
            raise InvalidOverride(
                f"`scores` must name documents by their indexes, whole numbers from 0, not `{index[:100]}`"
            )
        if type(score) not in (int, float) or not 0 <= score <= 1:
            wanted = "numbers from 0 to 1; for wrong ones there are faults, such as `score-above-one`"
            raise InvalidOverride(f"`scores` has {str(score)[:100]} for {index}, and must have {wanted}")
    scores = {int(index): float(score) for index, score in value.items()}
    if len(scores) < len(value):
        raise InvalidOverride("`scores` must name each document once")

    def apply(ranking: list[Ranked], _: list[str]) -> list[Ranked]:
        _check_indexes(scores, ranking)
        scored = [Ranked(index, scores.get(index, 0.0)) for index in range(len(ranking))]
        return sorted(scored, key=lambda ranked: -ranked.score)

    return apply


_READ: dict[str, Callable[[Any], Any]] = {"rank": _order, "rank_first": _first, "scores": _scores}


def _check_indexes(indexes: Iterable[int], ranking: list[Ranked]) -> None:
    if (last := max(indexes)) >= len(ranking):
        raise Misuse(f"The ranking asked for names document {last}, and the request has {len(ranking)}, counted from 0")


def _in_order(first: list[int], ranking: list[Ranked]) -> list[Ranked]:
    """Return *ranking* with *first* before the others, and scores that fall evenly from 1 to above 0."""
    taken = set(first)
    indexes = [*first, *(ranked.index for ranked in ranking if ranked.index not in taken)]
    count = len(indexes)
    return [Ranked(index, (count - place) / count) for place, index in enumerate(indexes)]
