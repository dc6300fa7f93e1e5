"""Find the words and parts of words of a query in texts.

There are three ways with the same result. Searching each text for each needle is the fastest for little text. The time
of an Aho-Corasick automaton does not depend on the number of needles, but it has to be built, and it releases the
interpreter lock for each search, which costs time under load. For very many needles, each piece of a text is looked up
in a set.
"""

from collections.abc import Collection, Iterable, Iterator
from functools import cached_property

from ahocorasick_rs import AhoCorasick, Implementation

# Use an automaton from so many needles times characters on.
_ASKED = 100_000
# Use an automaton from so many characters of text per character of the needles on.
_LOOKED_UP = 6
# A DFA searches in a third of the time, but building it takes up to three times as long, and long needles need a
# large table.
_DFA_SEARCHED, _DFA_LENGTH = 30, 10_000
# The number of characters searched at once; each hit takes some 8 bytes, or 200 with its place.
_WINDOW = 100_000
# A separator between texts: no normalised text has a capital.
_BETWEEN = "A"


def contents(needles: Collection[str], texts: Iterable[str], characters: int) -> Iterator[tuple[str, set[str]]]:
    """Yield each of *texts*, about *characters* long in all, with those of *needles* that it contains.

    A needle is two or three characters, or a word between two spaces, which counts in plain texts only.
    """
    if len(needles) * characters <= _ASKED:
        return ((text, {needle for needle in needles if needle in text}) for text in texts)
    if sum(map(len, needles)) * _LOOKED_UP > characters:
        wanted = set(needles)
        return ((text, wanted.intersection(_pieces(text))) for text in texts)
    return _contents(needles, texts, characters)


def _pieces(text: str) -> Iterator[str]:
    for size in (2, 3):
        for at in range(len(text) - size + 1):
            yield text[at : at + size]
    for word in text.split():
        yield f" {word} "


def _contents(needles: Collection[str], texts: Iterable[str], characters: int) -> Iterator[tuple[str, set[str]]]:
    find = _automaton([*needles, _BETWEEN], characters).find_matches_as_strings
    longest = max(map(len, needles))
    for batch in _batches(texts):
        if len(batch) == 1:
            found: set[str] = set()
            for _, _, window in _windows(batch[0], longest):
                found.update(find(window, overlapping=True))
            yield batch[0], found
            continue
        hits = find(_BETWEEN.join([*batch, ""]), overlapping=True)
        first = 0
        for text in batch:
            last = hits.index(_BETWEEN, first)
            yield text, set(hits[first:last])
            first = last + 1


def places_of(needle: str, text: str) -> Iterator[int]:
    """Yield each place where *needle* begins in *text*, overlapping ones too."""
    at = text.find(needle)
    while at >= 0:
        yield at
        at = text.find(needle, at + 1)


class Places:
    """Finds where *needles* begin in texts that are about *characters* long in all."""

    def __init__(self, needles: Collection[str], characters: int) -> None:
        self._needles, self._characters = [*needles], characters
        self._longest = max(map(len, needles), default=0)

    def find(self, text: str) -> Iterator[tuple[str, int]]:
        """Yield each needle with each place where it begins in *text*; the places of one needle ascend."""
        if len(self._needles) * self._characters <= _ASKED:
            yield from ((needle, at) for needle in self._needles for at in places_of(needle, text))
            return
        for begin, end, window in _windows(text, self._longest):
            for number, start, _ in self._automaton.find_matches_as_indexes(window, overlapping=True):
                if begin + start < end:
                    yield self._needles[number], begin + start

    @cached_property
    def _automaton(self) -> AhoCorasick:
        return _automaton(self._needles, self._characters)


def _automaton(needles: list[str], characters: int) -> AhoCorasick:
    length = sum(map(len, needles))
    pays = characters > _DFA_SEARCHED * length and length < _DFA_LENGTH
    kind = Implementation.DFA if pays else Implementation.ContiguousNFA
    return AhoCorasick(needles, store_patterns=True, implementation=kind)


def _windows(text: str, longest: int) -> Iterator[tuple[int, int, str]]:
    """Yield overlapping windows of *text*, to limit the hits in memory; a needle is whole where it begins."""
    size = max(_WINDOW, longest)
    for begin in range(0, len(text), size):
        yield begin, begin + size, text[begin : begin + size + longest - 1]


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Group *texts* into batches of about one window; a longer text is a separate batch."""
    batch: list[str] = []
    total = 0
    for text in texts:
        if batch and total + len(text) > _WINDOW:
            yield batch
            batch, total = [], 0
        batch.append(text)
        total += len(text)
    if batch:
        yield batch
