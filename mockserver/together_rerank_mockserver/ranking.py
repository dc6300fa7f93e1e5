"""Score documents against a query by lexical overlap: deterministic, pointwise, explainable, invented.

The real models are not public, so no score here is *right*. What a client may rely on is the order:

    score = min(1, points(document) / points(query))
    points(text) = 8 x whole words + 4 x parts + 2 x pairs in order and adjacent
                   + 1 x pairs in order only + length(query) / (length(query) + length(text))

over the distinct words of the query and the distinct pairs of neighbours in it; *parts* is, for a word
that is not there whole, the share of its parts that are. Without a shared word or part all of it is 0.
A missing word put into a text wins at least 4 and loses at most 1 pair's adjacency and less than 1 of
length, so it never lowers the score.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter

from ahocorasick_rs import AhoCorasick, Implementation

from together_rerank_mockserver.tokens import KINDS, is_unspaced, normalise, parts, words

WHOLE, PART, ADJACENT, IN_ORDER = 8.0, 4.0, 2.0, 1.0
# A DFA takes five times as long to build and searches in half the time: it pays above this many characters.
_DFA_PAYS = 30_000
_BATCH = 200_000
_BETWEEN = "\n"

Pair = tuple[str, str]
Places = dict[str, list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Ranked:
    """One document's place.

    Attributes:
        index: position in the request's `documents`, from 0.
        score: relevance, 0.0 to 1.0.
    """

    index: int
    score: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a text has its score.

    Attributes:
        score: 0.0 to 1.0.
        whole: words of the query found whole, in the query's order.
        parts: for each word found in part only, which parts, in the word's order.
        adjacent: neighbours in the query found adjacent and in that order.
        in_order: neighbours in the query found in that order, with something between them.
    """

    score: float
    whole: tuple[str, ...]
    parts: dict[str, tuple[str, ...]]
    adjacent: tuple[Pair, ...]
    in_order: tuple[Pair, ...]


def rank(query: str, texts: list[str]) -> list[Ranked]:
    """Return *texts* ranked by relevance to *query*: best first, equals in the order given."""
    scores = Query(query, sum(map(len, texts))).scores(texts)
    ranking = [Ranked(index, score) for index, score in enumerate(scores)]
    return sorted(ranking, key=lambda ranked: -ranked.score)


class Query:
    """A query, ready to be compared with any number of texts.

    Args:
        text: as the request has it.
        characters: about how much text will be searched; a matter of speed alone.
    """

    def __init__(self, text: str, characters: int = 0) -> None:
        normal = normalise(text)
        order = words(normal)
        self._words = list(dict.fromkeys(order))
        self._pairs = list(dict.fromkeys(pairwise(order)))
        self._parts = {word: parts(word) for word in self._words}
        self._length = len(normal)
        self._points = WHOLE * len(self._words) + ADJACENT * len(self._pairs) + 0.5
        # Words come first among the needles, so a needle's number tells whether it is one.
        needles = list(dict.fromkeys([*self._words, *(part for each in self._parts.values() for part in each)]))
        self._numbers = {needle: number for number, needle in enumerate(needles)}
        self._unspaced = {self._numbers[word] for word in self._words if is_unspaced(word)}
        self._owners: list[list[str]] = [[] for _ in needles]
        for word, each in self._parts.items():
            for part in each:
                self._owners[self._numbers[part]].append(word)
        kind = Implementation.DFA if characters > _DFA_PAYS else Implementation.NoncontiguousNFA
        self._search = AhoCorasick(needles, implementation=kind) if needles else None

    def scores(self, texts: Iterable[str]) -> list[float]:
        """Return the relevance of each of *texts*, 0.0 to 1.0."""
        return [self._score(match) for match in self._matches(map(normalise, texts))]

    def evidence(self, text: str) -> Evidence:
        """Return what *text* shares with the query, and the score of it."""
        (match,) = self._matches([normalise(text)])
        met = {
            word: tuple(part for part in self._parts[word] if self._numbers[part] in match.met)
            for word in self._words
            if word in match.shares
        }
        whole = tuple(word for word in self._words if word in match.places)
        return Evidence(self._score(match), whole, met, tuple(match.adjacent), tuple(match.in_order))

    def _matches(self, texts: Iterable[str]) -> Iterator[_Match]:
        """Search *texts* a batch at a time: each search gives up the interpreter's lock, which costs under load."""
        for batch in _batches(texts):
            joined = _BETWEEN.join(batch)
            hits = self._search.find_matches_as_indexes(joined, overlapping=True) if self._search else []
            first = 0
            end = -len(_BETWEEN)
            for text in batch:
                end += len(_BETWEEN) + len(text)
                last = bisect_right(hits, end, first, key=itemgetter(2))
                yield self._match(joined, len(text), hits[first:last])
                first = last

    def _match(self, joined: str, length: int, hits: list[tuple[int, int, int]]) -> _Match:
        met = set(map(itemgetter(0), hits))
        places = self._places(joined, hits)
        shares: dict[str, int] = {}
        for number in met:
            for word in self._owners[number]:
                if word not in places:
                    shares[word] = shares.get(word, 0) + 1
        adjacent, in_order = self._orders(joined, places)
        return _Match(length, met, places, shares, adjacent, in_order)

    def _score(self, match: _Match) -> float:
        if not match.places and not match.shares:
            return 0.0
        points = WHOLE * len(match.places) + ADJACENT * len(match.adjacent) + IN_ORDER * len(match.in_order)
        # In the query's order, for a sum of floats depends on it.
        for word in self._words:
            if word in match.shares:
                points += PART * match.shares[word] / len(self._parts[word])
        points += self._length / (self._length + match.length)
        return min(1.0, points / self._points)

    def _places(self, text: str, hits: list[tuple[int, int, int]]) -> Places:
        places: Places = {}
        for number, start, end in hits:
            if number < len(self._words):
                word = self._words[number]
                if number in self._unspaced or (_ends(text, end) and _begins(text, start)):
                    places.setdefault(word, []).append((start, end))
        return places

    def _orders(self, text: str, places: Places) -> tuple[list[Pair], list[Pair]]:
        """The pairs found adjacent, and those found in order only."""
        adjacent: list[Pair] = []
        in_order: list[Pair] = []
        pairs = [(left, right) for left, right in self._pairs if left in places and right in places]
        starts = {right: {start for start, _ in places[right]} for _, right in pairs}
        nexts = {left: {_next_word(text, end) for _, end in places[left]} for left, _ in pairs}
        for left, right in pairs:
            if not nexts[left].isdisjoint(starts[right]):
                adjacent.append((left, right))
            elif places[left][0][0] < places[right][-1][0]:
                in_order.append((left, right))
        return adjacent, in_order


@dataclass(frozen=True, slots=True)
class _Match:
    """What of a query was met in a text of *length* characters, by needle, and where each whole word stands."""

    length: int
    met: set[int]
    places: Places
    shares: dict[str, int]
    adjacent: list[Pair]
    in_order: list[Pair]


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Group *texts* until each group is long enough for a search to be worth its price, and no longer."""
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _ends(text: str, end: int) -> bool:
    """Whether a word of a spaced script goes on no further at *end*."""
    return end == len(text) or KINDS[text[end]] in " u"


def _begins(text: str, start: int) -> bool:
    """Whether a word of a spaced script begins at *start*; marks before it may belong to one that began earlier."""
    before = start - 1
    while before >= 0 and KINDS[text[before]] == "m":
        before -= 1
    return before < 0 or KINDS[text[before]] != "w"


def _next_word(text: str, position: int) -> int:
    while position < len(text) and KINDS[text[position]] in " m":
        position += 1
    return position
