"""Score documents against a query by lexical overlap: deterministic, pointwise, explainable, invented.

The real models are not public, so no score here is *right*. What a client may rely on is the order:

    score = min(1, points(document) / points(query))
    points(text) = 8 x whole words + 4 x parts + 2 x pairs in order and adjacent
                   + 1 x pairs in order only + length(query) / (length(query) + length(text))

Each distinct word of the query counts once, and so does each distinct pair of neighbouring words. For a word that
the text does not contain whole, *parts* is the share of its parts that the text contains. If the text shares no word
and no part with the query, the score is 0. Adding a missing word to a text never lowers its score: it adds at least 4
points, and costs at most one adjacent pair and less than 1 point of length. Only words of unspaced scripts that lie
inside one another can lose one adjacent pair each.

The time is linear in the size of the request. Text that occurs in no language is therefore compared less precisely:
see `_LONGEST`, `_NESTED`, `_search`, `_pairs_of` and `tokens.normalise`.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import count, islice, pairwise
from math import fsum
from operator import itemgetter
from typing import Any, NamedTuple

from together_rerank_mockserver.api.rendering import ranked_texts, returned_text
from together_rerank_mockserver.ranking.search import Places, contents, places_of
from together_rerank_mockserver.ranking.tokens import (
    KINDS,
    is_plain,
    next_words,
    normalise,
    parts,
    spans,
    spread,
    words,
)

WHOLE, PART, ADJACENT, IN_ORDER = 8.0, 4.0, 2.0, 1.0
# A word of an unspaced script counts only as a whole run if it is longer, or if more words of the query are its
# beginning or its end.
_LONGEST, _NESTED = 1_000, 8
# Up to so many words, each is searched for separately.
_FEW = 8
# The result of `_most` for the shortest text.
_LEAST = 32
Pair = tuple[str, str]
# The number of a word of the query, and where the word begins and ends in a text.
_Place = tuple[int, int, int]
# A spread text, the needles found in it, and the numbers of the query's words: those that are whole, the pairs that
# are adjacent, and the pairs that are only in order.
_Match = tuple[str, set[str], Collection[int], Collection[tuple[int, int]], Collection[tuple[int, int]]]


class Ranked(NamedTuple):
    """One document's position in the request's `documents`, from 0, and its relevance, 0.0 to 1.0."""

    index: int  # type: ignore[assignment]  # hides a method of tuples that nothing here uses
    score: float


@dataclass(frozen=True, slots=True)
class Points:
    """The points of a text for each part of the formula, and the points of the query.

    The score is the sum of the points of the text, divided by those of the query, and at most 1.
    """

    whole: float
    parts: float
    adjacent: float
    in_order: float
    length: float
    query: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a text has its score, 0.0 to 1.0."""

    score: float
    points: Points
    whole: tuple[str, ...]  # words of the query found whole, in the query's order
    parts: dict[str, tuple[str, ...]]  # for each word found in part only, which parts, in the word's order
    adjacent: tuple[Pair, ...]  # neighbours in the query found adjacent and in that order
    in_order: tuple[Pair, ...]  # neighbours in the query found in that order, with something between them


def rank(query: str, texts: Sequence[str]) -> list[Ranked]:
    """Return *texts* ranked by relevance to *query*: best first, equals in the order given."""
    scores = Query(query).scores(texts)
    return sorted(map(Ranked, count(), scores), key=itemgetter(1), reverse=True)


class Query:
    def __init__(self, text: str) -> None:
        normal = normalise(text)
        self._length = len(normal)
        order = words(normal)
        self._words = dict(zip(dict.fromkeys(order), count()))
        self._pairs = dict.fromkeys(pairwise(map(self._words.__getitem__, order)))
        pieces = list(map(parts, self._words))
        # The number of parts of each word, and the words that have each part; a word between spaces is no part.
        self._sizes = list(map(len, pieces))
        self._owners: dict[str, list[int]] = {}
        for number, each in enumerate(pieces):
            for part in each:
                self._owners.setdefault(part, []).append(number)
        self._most_owners = max(map(len, self._owners.values()), default=0)
        self._spaced = {f" {word} ": number for word, number in self._words.items()}
        self._owners |= {spaced: [] for spaced in self._spaced}
        self._inner = _inner(self._words)
        self._outer = {word: number for word, number in self._words.items() if word not in self._inner}
        self._points = WHOLE * len(self._sizes) + ADJACENT * len(self._pairs) + 0.5

    def scores(self, texts: Sequence[str]) -> list[float]:
        return list(map(self._score, self._matches(texts)))

    def evidence(self, text: str) -> Evidence:
        return next(self.evidences([text]))

    def evidences(self, texts: Sequence[str]) -> Iterator[Evidence]:
        """Yield the evidence of each of *texts*; parts are limited to the words that `_most` allows."""
        names = list(self._words)
        places = [dict(zip(parts(word), count())) for word in names]
        order = dict(zip(self._pairs, count()))
        for match in self._matches(texts):
            text, found, whole, *pairs = match
            shared = ((number, part) for part in sorted(found) for number in self._owners[part])
            partial: dict[int, list[str]] = {}
            for number, part in islice(shared, _most(text)):
                if number not in whole:
                    partial.setdefault(number, []).append(part)
            adjacent, in_order = (sorted(each, key=order.__getitem__) for each in pairs)
            yield Evidence(
                self._score(match),
                self._points_of(match),
                tuple(names[number] for number in sorted(whole)),
                {
                    names[number]: tuple(sorted(partial[number], key=places[number].__getitem__))
                    for number in sorted(partial)
                },
                tuple((names[left], names[right]) for left, right in adjacent),
                tuple((names[left], names[right]) for left, right in in_order),
            )

    def _matches(self, texts: Sequence[str]) -> Iterator[_Match]:
        characters = sum(map(len, texts)) + 2 * len(texts)
        inner = Places(self._inner, characters)
        has_short = 0 in self._sizes
        has_no_word = self._spaced.keys().isdisjoint
        for text, found in contents(self._owners, map(spread, texts), characters):
            is_partial = has_no_word(found) if is_plain(text) else not (found or has_short)
            yield (text, found, (), (), ()) if is_partial else self._match(text, found, inner)

    def _match(self, text: str, found: set[str], inner: Places) -> _Match:
        needles = self._spaced.keys() & found if is_plain(text) else None
        places = self._search(text, inner) if needles is None else []
        whole = set(map(itemgetter(0), places) if needles is None else map(self._spaced.__getitem__, needles))
        if not whole or not (pairs := self._pairs_of(whole, text)):
            return text, found, whole, (), ()
        following: dict[int, int] = {}
        if needles and len(needles) > _FEW:
            # Places are counted in words here, not in characters.
            numbers = map(self._words.get, text.split())
            places = [(number, at, at + 1) for at, number in enumerate(numbers) if number is not None]
        else:
            for needle in needles or ():
                length = len(needle) - 2
                places += [(self._spaced[needle], at + 1, at + 1 + length) for at in places_of(needle, text)]
            following = next_words(text, {end for _, _, end in places})
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        beginning: dict[int, list[int]] = {}
        for word, begin, _ in places:
            first.setdefault(word, begin)
            last[word] = begin
            beginning.setdefault(begin, []).append(word)
        neighbours = {(left, right) for left, _, end in places for right in beginning.get(following.get(end, end), ())}
        adjacent = self._pairs.keys() & neighbours
        in_order = {(left, right) for left, right in pairs if first[left] < last[right]} - adjacent
        return text, found, whole, adjacent, in_order

    def _pairs_of(self, whole: set[int], text: str) -> list[tuple[int, int]]:
        """Return the pairs whose words are both in *whole*; none if there are too many to compare."""
        if len(self._pairs) <= _FEW:
            return [pair for pair in self._pairs if pair[0] in whole and pair[1] in whole]
        following = [(left, self._next[left]) for left in whole if left in self._next]
        if sum([min(len(rights), len(whole)) for _, rights in following]) > _most(text) // 4:
            return []
        return [(left, right) for left, rights in following for right in rights & whole]

    def _search(self, text: str, inner: Places) -> list[_Place]:
        """Return the places of words in a text that is not plain; the places of one word ascend."""
        # If there are more places, words of unspaced scripts count only as whole runs, too.
        most = 2 * len(text) + 16
        places = [(self._words[word], at, at + len(word)) for word, at in islice(inner.find(text), most + 1)]
        runs = self._outer
        if len(places) > most:
            places, runs = [], self._words
        if runs:
            cut = ((text[start:end], start, end) for start, end in spans(text))
            places += [(runs[word], start, end) for word, start, end in cut if word in runs]
        return places

    def _score(self, match: _Match) -> float:
        text, found, whole, adjacent, in_order = match
        if not whole and not found:
            return 0.0
        owners, sizes = self._owners, self._sizes
        points = WHOLE * len(whole) + ADJACENT * len(adjacent) + IN_ORDER * len(in_order) if whole else 0.0
        at_most = len(found) * self._most_owners
        if at_most <= _LEAST or at_most <= _most(text) or self._can_share(text, found):
            shares: dict[int, int] = {}
            for part in found:
                for word in owners[part]:
                    shares[word] = shares.get(word, 0) + 1
            if not whole and not shares:
                return 0.0
            for word in whole:
                shares.pop(word, 0)
            # Sorted, because a sum of floats depends on the order.
            for word in sorted(shares):
                points += PART * shares[word] / sizes[word]
        else:
            # The same sum except for rounding, because a whole word has all of its parts.
            weights = map(self._weights.__getitem__, found)
            points += fsum(weights) - PART * sum(sizes[word] > 0 for word in whole)
        points += self._length / (self._length + len(text) - 2)
        score = points / self._points
        return score if score < 1 else 1.0

    def _points_of(self, match: _Match) -> Points:
        """Return the points of each part. `_score` computes their sum on its own, because it must be fast."""
        text, found, whole, adjacent, in_order = match
        has_parts = any(self._owners[part] for part in found)
        weights = map(self._weights.__getitem__, found)
        return Points(
            whole=WHOLE * len(whole),
            # A whole word has all of its parts, which do not count. Rounded, because the sum has a rounding error.
            parts=max(0.0, round(fsum([*weights, *(-PART for word in whole if self._sizes[word])]), 9)),
            adjacent=ADJACENT * len(adjacent),
            in_order=IN_ORDER * len(in_order),
            length=self._length / (self._length + len(text) - 2) if whole or has_parts else 0.0,
            query=self._points,
        )

    def _can_share(self, text: str, found: set[str]) -> bool:
        """Return whether there are few enough words that share the parts *found* to count them one by one."""
        shared = sum([len(self._owners[part]) for part in found])
        return shared <= _most(text)

    @cached_property
    def _next(self) -> dict[int, set[int]]:
        following: dict[int, set[int]] = {}
        for left, right in self._pairs:
            following.setdefault(left, set()).add(right)
        return following

    @cached_property
    def _weights(self) -> dict[str, float]:
        """The points of each part, summed over the words that have it."""
        return {part: fsum([PART / self._sizes[word] for word in owners]) for part, owners in self._owners.items()}


def _most(text: str) -> int:
    """Return how many words that share parts are counted one by one for *text*; for pairs, the limit is a quarter.

    Text in any language stays far below the limit, except with queries of some 20,000 characters.
    """
    return 8 * len(text.encode()) + _LEAST


def _inner(words: Iterable[str]) -> set[str]:
    """Return the words of unspaced scripts that are also searched for inside runs."""
    short = {word for word in words if KINDS[word[0]] == "u" and len(word) <= _LONGEST}
    if not short:
        return short
    deep = {*_nested(short), *(word[::-1] for word in _nested({word[::-1] for word in short}))}
    return short - deep


def _nested(words: Iterable[str]) -> Iterator[str]:
    """Yield each of *words* that has more than `_NESTED` other words as its beginning."""
    outer: list[str] = []
    for word in sorted(words):
        while outer and not word.startswith(outer[-1]):
            outer.pop()
        if len(outer) > _NESTED:
            yield word
        outer.append(word)


def explain(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return, best first, each document's `index`, its `text`, and the fields of its `Evidence`."""
    query = Query(request["query"])
    documents = request["documents"]
    evidence = query.evidences(ranked_texts(documents, request.get("rank_fields")))
    rows = [
        {"index": index, **asdict(why), "text": returned_text(document)}
        for index, (document, why) in enumerate(zip(documents, evidence, strict=True))
    ]
    return sorted(rows, key=lambda row: -row["score"])
