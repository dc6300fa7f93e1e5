"""Override the computed ranking: pin documents to the top, or set scores."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from sys import getsizeof
from typing import Any

from together_rerank_mockserver.api.errors import Misuse
from together_rerank_mockserver.api.json_text import whole
from together_rerank_mockserver.ranking.score import Ranked

_MAX = 100_000
_MAX_TEXTS = 100
_LONGEST = 10_000
_HIGHEST = 1e9


class InvalidOverride(ValueError):
    """A ranking override that is invalid; the message says what is accepted."""


# Takes the computed ranking and the texts of its documents; returns the new ranking, and whether the override names a
# document of the request. Raises Misuse if it names an index that the request does not have.
_Apply = Callable[[list[Ranked], list[str]], tuple[list[Ranked], bool]]


@dataclass(frozen=True, slots=True)
class RankingOverride:
    """A ranking that replaces the computed one, as far as it names documents."""

    as_dict: dict[str, Any]  # the JSON that sets it
    apply: _Apply
    size: int  # about how many bytes it takes in memory


def from_json(data: Any) -> RankingOverride:
    """Parse *data*, a JSON value; raise InvalidOverride."""
    if not isinstance(data, dict) or len(data) != 1 or not data.keys() <= _READ.keys():
        raise InvalidOverride(
            'a ranking must be {"rank": [2, 0]}, {"rank": ["llama", "panda"]}, {"rank_first": "llama"}, '
            '{"scores": {"0": 0.9, "2": 0.1}} or {"text_scores": {"llama": 0.9}}'
        )
    ((name, value),) = data.items()
    return RankingOverride(data, _READ[name](value), 2 * _size(value))  # the JSON, and as much for what `apply` uses


def _size(value: Any) -> int:
    children = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return getsizeof(value) + sum(map(_size, children))


def _rank(value: Any) -> _Apply:
    named = list(map(whole, value)) if isinstance(value, list) else []
    if named and all(isinstance(each, str) for each in named):
        return _rank_by_text(_texts("rank", named))
    if not 0 < len(named) <= _MAX or not all(type(each) is int and 0 <= each < 1_000_000_000 for each in named):
        raise InvalidOverride(
            "`rank` must be a list of document indexes, integers from 0, or of texts that documents contain, best first"
        )
    if len(set(named)) < len(named):
        raise InvalidOverride("`rank` must name each document once")

    def apply(ranking: list[Ranked], _: list[str]) -> tuple[list[Ranked], bool]:
        _check_indexes(named, ranking)
        return _pinned(named, ranking), True

    return apply


def _rank_first(value: Any) -> _Apply:
    return _rank_by_text(_texts("rank_first", [value]))


def _rank_by_text(texts: list[str]) -> _Apply:
    """Rank documents with the first of *texts* before those with the second, and so on, and these before all others.

    Each text has a range of scores of its own, in which the computed score decides, so that a document has the same
    score in any list, and a client can merge the answers to several parts of one list.
    """
    width = 1 / (len(texts) + 1)

    def apply(ranking: list[Ranked], documents: list[str]) -> tuple[list[Ranked], bool]:
        found = _first_found(texts, documents)
        scored = [
            each._replace(score=width * (len(texts) - found.get(each.index, len(texts)) + 0.999 * each.score))
            for each in ranking
        ]
        return sorted(scored, key=lambda ranked: -ranked.score), bool(found)

    return apply


def _scores(value: Any) -> _Apply:
    for index in _scored("scores", "index", value, _MAX):
        if not (index.isascii() and index.isdigit() and len(index) < 10):
            raise InvalidOverride(f"`scores` must have document indexes as keys, integers from 0, not `{index[:100]}`")
    scores = {int(index): float(score) for index, score in value.items()}
    if len(scores) < len(value):
        raise InvalidOverride("`scores` must name each document once")

    def apply(ranking: list[Ranked], _: list[str]) -> tuple[list[Ranked], bool]:
        _check_indexes(scores, ranking)
        return _with_scores(scores, ranking, _lowest(scores.values())), True

    return apply


def _text_scores(value: Any) -> _Apply:
    texts = _texts("text_scores", list(_scored("text_scores", "text", value, _MAX_TEXTS)))
    scores = list(map(float, value.values()))

    def apply(ranking: list[Ranked], documents: list[str]) -> tuple[list[Ranked], bool]:
        found = {index: scores[place] for index, place in _first_found(texts, documents).items()}
        return _with_scores(found, ranking, _lowest(scores)), bool(found)

    return apply


_READ: dict[str, Callable[[Any], _Apply]] = {
    "rank": _rank,
    "rank_first": _rank_first,
    "scores": _scores,
    "text_scores": _text_scores,
}


def _texts(name: str, values: list[Any]) -> list[str]:
    """Return *values* for a comparison that ignores case; raise InvalidOverride."""
    for value in values:
        is_text = isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)
        if not is_text or not 0 < len(value) <= _LONGEST:
            wanted = f"a string of 1 to {_LONGEST} characters that documents can contain"
            raise InvalidOverride(f"a text of `{name}` must be {wanted}")
    if len(values) > _MAX_TEXTS or len(set(values)) < len(values):
        raise InvalidOverride(f"`{name}` must have at most {_MAX_TEXTS} texts, each once")
    return [value.casefold() for value in values]


def _first_found(texts: list[str], documents: list[str]) -> dict[int, int]:
    """Return the place of the first of *texts* that a document contains, by the index of the document."""
    folded = enumerate(document.casefold() for document in documents)
    places = (
        (index, next((i for i, text in enumerate(texts) if text in document), None)) for index, document in folded
    )
    return {index: place for index, place in places if place is not None}


def _scored(name: str, key: str, value: Any, most: int) -> dict[str, float]:
    """Return *value*, an object with a number for each *key*; raise InvalidOverride."""
    if not isinstance(value, dict) or not 0 < len(value) <= most:
        raise InvalidOverride(f"`{name}` must be an object with a score for each {key}, and have at most {most}")
    for each, score in value.items():
        if type(score) not in (int, float) or not abs(score) <= _HIGHEST:
            wanted = f"scores must be numbers from -{_HIGHEST:g} to {_HIGHEST:g}"
            raise InvalidOverride(f"`{name}` has {str(score)[:100]} for {each[:100]}; {wanted}")
    return value


def _lowest(scores: Iterable[float]) -> float:
    """Return the score of documents that are not named: 0, or below all others if one is negative."""
    lowest = min(scores)
    return 0.0 if lowest >= 0 else lowest - 1


def _with_scores(scores: Mapping[int, float], ranking: list[Ranked], others: float) -> list[Ranked]:
    scored = [Ranked(index, scores.get(index, others)) for index in range(len(ranking))]
    return sorted(scored, key=lambda ranked: -ranked.score)


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
