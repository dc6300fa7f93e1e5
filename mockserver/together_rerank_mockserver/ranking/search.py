"""Find the words and parts of words of a query in texts.

There are three ways, and each finds the same. To ask each text for each needle is the fastest for little text. An
automaton takes as long for many needles as for few, but has to be built, and gives up the interpreter's lock for
that and for each search, which costs under load. For very many needles each piece of a text is looked up.
"""

from collections.abc import Collection, Iterable, Iterator
from functools import cached_property

from ahocorasick_rs import AhoCorasick, Implementation

# Needles times characters from which on an automaton pays.
_ASKED = 100_000
# Characters of texts for each character of needles from which on an automaton pays.
_LOOKED_UP = 6
# A DFA searches in a third of the time, but takes up to three times as long to build, and of long needles it makes a
# large table.
_DFA_SEARCHED, _DFA_LENGTH = 30, 10_000
# Characters that are searched at once; each hit takes some 8 bytes, or 200 with its place.
_WINDOW = 100_000
# No normalised text has a capital.
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
        """Yield each needle with each place where it begins in *text*: of one needle from first to last."""
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
    """Cut *text*, that the hits need not all be held at once; what begins between two places is whole in the window."""
    size = max(_WINDOW, longest)
    for begin in range(0, len(text), size):
        yield begin, begin + size, text[begin : begin + size + longest - 1]


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Group *texts* into batches of about a window; a longer text is a batch of its own."""
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
