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

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from operator import itemgetter

from ahocorasick_rs import AhoCorasick, Implementation

from together_rerank_mockserver.tokens import KINDS, is_unspaced, normalise, parts, words

WHOLE, PART, ADJACENT, IN_ORDER = 8.0, 4.0, 2.0, 1.0
# A DFA takes five times as long to build and searches in half the time: it pays where a text longer than this is
# searched for a query shorter than this, of which it makes a table.
_DFA_PAYS = 30_000
# What one search may find at the most, where every needle ends at every character; each hit is some 100 bytes.
_MOST_HITS = 1_000_000
_BETWEEN = "\n"

Pair = tuple[str, str]
NumberPair = tuple[int, int]
Hit = tuple[int, int, int]


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
        self._parts = {word: parts(word) for word in self._words}
        self._length = len(normal)
        # Words come first among the needles, so a needle's number tells whether it is one.
        needles = list(dict.fromkeys([*self._words, *(part for each in self._parts.values() for part in each)]))
        self._numbers = {needle: number for number, needle in enumerate(needles)}
        self._unspaced = {self._numbers[word] for word in self._words if is_unspaced(word)}
        pairs = dict.fromkeys(pairwise(self._numbers[word] for word in order))
        self._pairs = {pair: place for place, pair in enumerate(pairs)}
        self._after: dict[int, list[int]] = {}
        for left, right in pairs:
            self._after.setdefault(left, []).append(right)
        self._rights = {right for _, right in pairs}
        self._owners: list[list[int]] = [[] for _ in needles]
        for word, each in self._parts.items():
            for part in each:
                self._owners[self._numbers[part]].append(self._numbers[word])
        self._points = WHOLE * len(self._words) + ADJACENT * len(pairs) + 0.5
        self._longest = max(map(len, needles), default=0)
        self._window = max(_MOST_HITS // max(1, len(needles)), 2 * self._longest)
        pays = characters > _DFA_PAYS and self._length < _DFA_PAYS
        kind = Implementation.DFA if pays else Implementation.NoncontiguousNFA
        self._automaton = AhoCorasick(needles, implementation=kind) if needles else None

    def scores(self, texts: Iterable[str]) -> list[float]:
        """Return the relevance of each of *texts*, 0.0 to 1.0."""
        return [self._score(match) for match in self._matches(map(normalise, texts))]

    def evidence(self, text: str) -> Evidence:
        """Return what *text* shares with the query, and the score of it."""
        (match,) = self._matches([normalise(text)])
        whole = tuple(word for number, word in enumerate(self._words) if number in match.first)
        met = {
            word: tuple(part for part in self._parts[word] if self._numbers[part] in match.met)
            for word in self._words
            if word not in whole
        }
        found = {word: parts_met for word, parts_met in met.items() if parts_met}
        return Evidence(
            self._score(match), whole, found, self._named(match.adjacent), self._named(self._in_order(match))
        )

    def _matches(self, texts: Iterable[str]) -> Iterator[_Match]:
        """Search *texts* a batch at a time: each search gives up the interpreter's lock, which costs under load."""
        for batch in _batches(texts, self._window):
            joined = _BETWEEN.join(batch)
            matches = [_Match(len(text)) for text in batch]
            ends = list(accumulate((len(text) + len(_BETWEEN) for text in batch), initial=-len(_BETWEEN)))[1:]
            if len(batch) == 1:
                for hits, end in self._search_long(joined):
                    self._take(matches[0], joined, hits, end)
            else:
                hits = self._search(joined)
                first = 0
                for match, end in zip(matches, ends, strict=True):
                    last = bisect_right(hits, end, first, key=itemgetter(2))
                    self._take(match, joined, hits[first:last], end)
                    first = last
            yield from matches

    def _search(self, text: str) -> list[Hit]:
        return self._automaton.find_matches_as_indexes(text, overlapping=True) if self._automaton else []

    def _search_long(self, text: str) -> Iterator[tuple[list[Hit], int]]:
        """Search a window at a time, that the hits in a long text need not all be held at once."""
        for begin in range(0, len(text) or 1, self._window):
            # What began in the window before and ends in this one is met here; what ended there was met there.
            back = max(0, begin - self._longest)
            hits = self._search(text[back : begin + self._window])
            yield (
                [(number, back + start, back + end) for number, start, end in hits if back + end > begin],
                begin + self._window,
            )

    def _take(self, match: _Match, text: str, hits: list[Hit], until: int) -> None:
        """Add *hits* to *match*: all those in *text* that end after the ones taken before, up to *until*."""
        match.met.update(map(itemgetter(0), hits))
        rights = []
        nexts: dict[int, int] = {}
        for number, start, end in hits:
            if number < len(self._words) and (number in self._unspaced or (_ends(text, end) and _begins(text, start))):
                match.first.setdefault(number, start)
                match.last[number] = start
                if number in self._rights:
                    rights.append((number, start))
                if number in self._after:
                    if end not in nexts:
                        nexts[end] = _next_word(text, end)
                    match.open.setdefault(nexts[end], set()).add(number)
        for right, start in rights:
            match.adjacent.update((left, right) for left in match.open.get(start, ()) if (left, right) in self._pairs)
        match.open = {at: lefts for at, lefts in match.open.items() if at > until - self._longest}

    def _score(self, match: _Match) -> float:
        shares: dict[int, int] = {}
        for needle in match.met:
            for word in self._owners[needle]:
                if word not in match.first:
                    shares[word] = shares.get(word, 0) + 1
        if not match.first and not shares:
            return 0.0
        points = WHOLE * len(match.first) + ADJACENT * len(match.adjacent) + IN_ORDER * len(self._in_order(match))
        # In the query's order, for a sum of floats depends on it.
        for word in sorted(shares):
            points += PART * shares[word] / len(self._parts[self._words[word]])
        points += self._length / (self._length + match.length)
        return min(1.0, points / self._points)

    def _in_order(self, match: _Match) -> list[NumberPair]:
        """The pairs found in the query's order, though not side by side."""
        return [
            (left, right)
            for left, start in match.first.items()
            for right in self._after.get(left, ())
            if start < match.last.get(right, -1) and (left, right) not in match.adjacent
        ]

    def _named(self, pairs: Iterable[NumberPair]) -> tuple[Pair, ...]:
        """*pairs* by their words, in the query's order."""
        ordered = sorted(pairs, key=self._pairs.__getitem__)
        return tuple((self._words[left], self._words[right]) for left, right in ordered)


@dataclass(slots=True)
class _Match:
    """What of a query was met so far in one text of *length* characters.

    Attributes:
        met: the numbers of the needles met.
        first, last: where each whole word begins first and last, by its number.
        adjacent: the pairs met side by side.
        open: where the next word begins, for the words met just before; by that place.
    """

    length: int
    met: set[int] = field(default_factory=set)
    first: dict[int, int] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)
    adjacent: set[NumberPair] = field(default_factory=set)
    open: dict[int, set[int]] = field(default_factory=dict)


def _batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """Group *texts* into batches of about *size* characters; a longer text is a batch of its own."""
    batch: list[str] = []
    total = 0
    for text in texts:
        if batch and total + len(text) > size:
            yield batch
            batch, total = [], 0
        batch.append(text)
        total += len(text)
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
