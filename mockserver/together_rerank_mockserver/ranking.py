"""Score documents against a query by lexical overlap: deterministic, pointwise, explainable, invented.

The real models are not public, so no score here is *right*. What a client may rely on is the order:

    score = min(1, points(document) / points(query))
    points(text) = 8 x whole words + 4 x parts + 2 x pairs in order and adjacent
                   + 1 x pairs in order only + length(query) / (length(query) + length(text))

over the distinct words of the query and the distinct pairs of neighbours in it; *parts* is, for a word
that is not there whole, the share of its parts that are. Without a shared word or part all of it is 0.
A missing word put into a text wins at least 4 and loses at most 1 pair's adjacency and less than 1 of
length, so it never lowers the score; words of unspaced scripts that lie inside one another, and so end in
one place, can lose one adjacency each.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count, pairwise
from operator import itemgetter
from typing import NamedTuple

from together_rerank_mockserver.search import contents, places
from together_rerank_mockserver.tokens import is_plain, is_whole, next_word, normalise, parts, spread, words

WHOLE, PART, ADJACENT, IN_ORDER = 8.0, 4.0, 2.0, 1.0

Pair = tuple[str, str]


class Ranked(NamedTuple):
    """One document's position in the request's `documents`, from 0, and its relevance, 0.0 to 1.0."""

    index: int  # type: ignore[assignment]  # the method of that name, which every tuple has, is of no use here
    score: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a text has its score, 0.0 to 1.0."""

    score: float
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
        order = words(normal)
        self._length = len(normal)
        self._pairs = dict.fromkeys(pairwise(order))
        # Of each word how many parts it has, and of each part whose it is.
        self._sizes: dict[str, int] = {}
        self._owners: dict[str, list[str]] = {}
        self._order = {word: place for place, word in enumerate(dict.fromkeys(order))}
        for word in self._order:
            pieces = parts(word)
            self._sizes[word] = len(pieces)
            for piece in pieces:
                self._owners.setdefault(piece, []).append(word)
        self._spaced = {f" {word} ": word for word in self._sizes}
        self._points = WHOLE * len(self._sizes) + ADJACENT * len(self._pairs) + 0.5

    def scores(self, texts: Sequence[str]) -> list[float]:
        return [self._score(text, found) for text, found in self._search(texts)]

    def evidence(self, text: str) -> Evidence:
        ((searched, found),) = self._search([text])
        whole, adjacent, in_order = self._match(searched, found)
        met = {word: tuple(part for part in parts(word) if part in found) for word in self._sizes if word not in whole}
        return Evidence(
            self._score(searched, found),
            tuple(word for word in self._sizes if word in whole),
            {word: pieces for word, pieces in met.items() if pieces},
            tuple(pair for pair in self._pairs if pair in adjacent),
            tuple(pair for pair in self._pairs if pair in in_order),
        )

    def _search(self, texts: Sequence[str]) -> Iterator[tuple[str, set[str]]]:
        """Yield each of *texts* spread, with the needles that are in it: parts and, if it is plain, spaced words."""
        plain = [*self._spaced, *self._owners]
        # What is ASCII is plain.
        needles = plain if all(map(str.isascii, texts)) else [*self._sizes, *self._owners]
        return contents(needles, plain, map(spread, texts), sum(map(len, texts)))

    def _score(self, text: str, found: set[str]) -> float:
        if not found:
            return 0.0
        whole, adjacent, in_order = self._match(text, found)
        shares: dict[str, int] = {}
        owners = self._owners
        for needle in found:
            for word in owners.get(needle, ()):
                if word not in whole:
                    shares[word] = shares.get(word, 0) + 1
        if not whole and not shares:
            return 0.0
        points = WHOLE * len(whole) + ADJACENT * len(adjacent) + IN_ORDER * len(in_order)
        # In the query's order, for a sum of floats depends on it.
        for word in sorted(shares, key=self._order.__getitem__):
            points += PART * shares[word] / self._sizes[word]
        points += self._length / (self._length + len(text) - 2)
        return min(1.0, points / self._points)

    def _match(self, text: str, found: set[str]) -> tuple[Collection[str], Collection[Pair], Collection[Pair]]:
        """Return the words that are whole in *text*, the pairs that are adjacent, and those that are only in order."""
        if not is_plain(text):
            needles = self._sizes.keys() & found
            first, adjacent, in_order = self._match_pairs(text, needles, self._pairs_of(needles))
            return first, adjacent, in_order
        needles = self._spaced.keys() & found
        if not needles:
            return (), (), ()
        whole = {self._spaced[needle] for needle in needles}
        pairs = self._pairs_of(whole)
        # For places matter in pairs alone.
        needles = {f" {word} " for pair in pairs for word in pair}
        _, adjacent, in_order = self._match_pairs(text, needles, pairs)
        return whole, adjacent, in_order

    def _match_pairs(
        self, text: str, needles: Collection[str], pairs: Collection[Pair]
    ) -> tuple[Collection[str], set[Pair], list[Pair]]:
        """Return which words among *needles* are whole in *text*, and which *pairs* are adjacent or only in order."""
        first: dict[str, int] = {}
        last: dict[str, int] = {}
        adjacent: set[Pair] = set()
        # Of the many words that may come next in a query, few can begin in one place: one of each length.
        lengths: dict[str, set[int]] = {}
        for left, right in pairs:
            lengths.setdefault(left, set()).add(len(right))
        for needle, at in places(needles, text):
            word = self._spaced.get(needle, needle)
            start = at + (needle != word)
            end = start + len(word)
            if is_whole(text, start, end):
                first.setdefault(word, start)
                last[word] = start
                if word in lengths:
                    following = next_word(text, end)
                    for after in [following + length for length in lengths[word]]:
                        pair = word, text[following:after]
                        if pair in pairs and is_whole(text, following, after):
                            adjacent.add(pair)
        in_order = [
            (left, right)
            for left, right in pairs
            if left in first and right in first and first[left] < last[right] and (left, right) not in adjacent
        ]
        return first, adjacent, in_order

    def _pairs_of(self, met: Collection[str]) -> set[Pair]:
        return {(left, right) for left in met for right in self._next.get(left, ()) if right in met}

    @cached_property
    def _next(self) -> dict[str, list[str]]:
        following: dict[str, list[str]] = {}
        for left, right in self._pairs:
            following.setdefault(left, []).append(right)
        return following
