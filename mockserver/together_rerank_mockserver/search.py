"""Where the needles of a query lie in texts: by asking each text, or, where that takes longer, by an automaton.

While an automaton is built a short text is asked many times; and for that, and again for each search, it gives
up the interpreter's lock, which costs under load. But its time grows with the text alone, not with the needles.
"""

from collections.abc import Collection, Iterable, Iterator

from ahocorasick_rs import AhoCorasick, Implementation

from together_rerank_mockserver.tokens import is_plain

# Needles times characters from which on an automaton pays.
_ASKED = 100_000
# Needles up to which one does not pay for the places in a single text, however long.
_FEW = 8
# A DFA searches in a fifth of the time, but takes up to three times as long to build, and of many needles it makes a
# large table.
_DFA_CHARACTERS_A_NEEDLE, _DFA_NEEDLES = 100, 10_000
# What one search may find at the most; each hit is some 40 bytes, or 200 with its place.
_MOST_HITS = 1_000_000
# No normalised text has a capital.
_BETWEEN = "A"


def contents(
    needles: Collection[str], plain: Collection[str], texts: Iterable[str], characters: int
) -> Iterator[tuple[str, set[str]]]:
    """Yield each of the spread *texts* with those of *needles* that it contains; in a plain one, those of *plain*.

    The texts are about *characters* long in all. An automaton looks for both kinds in every text.
    """
    if len(needles) * characters <= _ASKED:
        return ((text, {each for each in (plain if is_plain(text) else needles) if each in text}) for text in texts)
    return _Automaton({*needles, *plain}, characters).contents(texts)


def places(needles: Collection[str], text: str) -> Iterator[tuple[str, int]]:
    """Yield each of *needles* with each place where it begins in *text*: of one needle from first to last."""
    if len(needles) <= _FEW or len(needles) * len(text) <= _ASKED:
        return _asked(needles, text)
    return _Automaton(needles, len(text)).places(text)


def _asked(needles: Iterable[str], text: str) -> Iterator[tuple[str, int]]:
    for needle in needles:
        at = text.find(needle)
        while at >= 0:
            yield needle, at
            at = text.find(needle, at + 1)


class _Automaton:
    def __init__(self, needles: Collection[str], characters: int) -> None:
        self._needles = [*needles, _BETWEEN]
        pays = characters > _DFA_CHARACTERS_A_NEEDLE * len(needles) and len(needles) < _DFA_NEEDLES
        kind = Implementation.DFA if pays else Implementation.NoncontiguousNFA
        self._automaton = AhoCorasick(self._needles, store_patterns=True, implementation=kind)
        # Of needles that end in one place, no two are of a length.
        lengths = set(map(len, self._needles))
        self._overlap = max(lengths) - 1
        self._window = max(_MOST_HITS // len(lengths), 2 * self._overlap)

    def contents(self, texts: Iterable[str]) -> Iterator[tuple[str, set[str]]]:
        for batch in _batches(texts, self._window):
            if len(batch) == 1:
                found: set[str] = set()
                for _, window in self._windows(batch[0]):
                    found.update(self._hits(window))
                yield batch[0], found
                continue
            hits = self._hits(_BETWEEN.join([*batch, ""]))
            first = 0
            for text in batch:
                last = hits.index(_BETWEEN, first)
                yield text, set(hits[first:last])
                first = last + 1

    def _hits(self, text: str) -> list[str]:
        return self._automaton.find_matches_as_strings(text, overlapping=True)

    def places(self, text: str) -> Iterator[tuple[str, int]]:
        for begin, window in self._windows(text):
            for number, start, _ in self._automaton.find_matches_as_indexes(window, overlapping=True):
                yield self._needles[number], begin + start

    def _windows(self, text: str) -> Iterator[tuple[int, str]]:
        """Cut *text*, that the hits need not all be held at once; what is cut in two is whole in the overlap."""
        for end in range(self._window, len(text) + self._window, self._window):
            begin = max(0, end - self._window - self._overlap)
            yield begin, text[begin:end]


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
