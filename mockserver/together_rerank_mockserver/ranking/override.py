"""Override the computed ranking: pin documents to the top, or set scores."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from sys import getsizeof
from typing import Any

from together_rerank_mockserver.api.errors import Misuse
from together_rerank_mockserver.ranking.score import Ranked

_MAX = 100_000
_LONGEST = 10_000


class InvalidOverride(ValueError):
    """A ranking override that is invalid; the message says what is accepted."""


@dataclass(frozen=True, slots=True)
class RankingOverride:
    """A ranking that replaces the computed one; documents that it does not name follow as computed."""

    as_dict: dict[str, Any]  # the JSON that sets it
    # Takes the computed ranking and the texts of its documents, and returns the new ranking, or None if the override
    # does not apply to them. Raises Misuse if it names a document that the request does not have.
    apply: Callable[[list[Ranked], list[str]], list[Ranked] | None]
    size: int  # about how many bytes it takes in memory


def from_json(data: Any) -> RankingOverride:
    """Parse *data*, a JSON value; raise InvalidOverride."""
    if not isinstance(data, dict) or len(data) != 1 or not data.keys() <= _READ.keys():
        raise InvalidOverride(
            'a ranking must be {"rank": [2, 0]}, {"rank_first": "llama"} or {"scores": {"0": 0.9, "2": 0.1}}'
        )
    ((name, value),) = data.items()
    return RankingOverride(data, _READ[name](value), 2 * _size(value))  # the JSON, and as much for what `apply` uses


def _size(value: Any) -> int:
    children = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return getsizeof(value) + sum(map(_size, children))


def _rank(value: Any) -> Any:
    indexes = value if isinstance(value, list) else []
    if not 0 < len(indexes) <= _MAX or not all(type(each) is int and 0 <= each < 1_000_000_000 for each in indexes):
        raise InvalidOverride("`rank` must be a list of document indexes, integers from 0, best first")
    if len(set(value)) < len(value):
        raise InvalidOverride("`rank` must name each document once")

    def apply(ranking: list[Ranked], _: list[str]) -> list[Ranked]:
        _check_indexes(value, ranking)
        return _pinned(value, ranking)

    return apply


def _first(value: Any) -> Any:
    is_text = isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)
    if not is_text or not 0 < len(value) <= _LONGEST:
        raise InvalidOverride(f"`rank_first` must be a string of 1 to {_LONGEST} characters that documents can contain")
    wanted = value.casefold()

    def apply(ranking: list[Ranked], texts: list[str]) -> list[Ranked] | None:
        having = [ranked.index for ranked in ranking if wanted in texts[ranked.index].casefold()]
        return _pinned(having, ranking) if having else None

    return apply


def _scores(value: Any) -> Any:
    if not isinstance(value, dict) or not 0 < len(value) <= _MAX:
        raise InvalidOverride("`scores` must be an object with a score for each index")
    for index, score in value.items():
        if not (index.isascii() and index.isdigit() and len(index) < 10):
            raise InvalidOverride(f"`scores` must have document indexes as keys, integers from 0, not `{index[:100]}`")
        if type(score) not in (int, float) or not 0 <= score <= 1:
            wanted = "scores must be numbers from 0 to 1; faults such as `score-above-one` give others"
            raise InvalidOverride(f"`scores` has {str(score)[:100]} for document {index}; {wanted}")
    scores = {int(index): float(score) for index, score in value.items()}
    if len(scores) < len(value):
        raise InvalidOverride("`scores` must name each document once")

    def apply(ranking: list[Ranked], _: list[str]) -> list[Ranked]:
        _check_indexes(scores, ranking)
        scored = [Ranked(index, scores.get(index, 0.0)) for index in range(len(ranking))]
        return sorted(scored, key=lambda ranked: -ranked.score)

    return apply


_READ: dict[str, Callable[[Any], Any]] = {"rank": _rank, "rank_first": _first, "scores": _scores}


def _check_indexes(indexes: Iterable[int], ranking: list[Ranked]) -> None:
    if (last := max(indexes)) >= len(ranking):
        raise Misuse(
            f"The ranking override names document {last}, counted from 0, but the request has only {len(ranking)}"
        )


def _pinned(first: list[int], ranking: list[Ranked]) -> list[Ranked]:
    """Return *ranking* with *first* before the others, and scores that fall evenly from 1 to above 0."""
    taken = set(first)
    indexes = [*first, *(ranked.index for ranked in ranking if ranked.index not in taken)]
    count = len(indexes)
    return [Ranked(index, (count - place) / count) for place, index in enumerate(indexes)]
