"""Mark the words and the parts of words that match in a text."""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Literal, NamedTuple

from together_rerank_mockserver.ranking.score import Evidence
from together_rerank_mockserver.ranking.search import Places
from together_rerank_mockserver.ranking.tokens import KINDS, is_boundary, normalise, spans

Kind = Literal["", "part", "whole"]
_RANKS: tuple[Kind, ...] = ("", "part", "whole")  # of two marks of one place, the later is shown


class Mark(NamedTuple):
    """A piece of a text, and what it is: a whole word, a part of a word, or neither."""

    text: str
    kind: Kind


def marks(text: str, evidence: Evidence) -> list[Mark]:
    """Return *text* in pieces, with a mark on each piece that *evidence*, that of *text*, names.

    Words match after normalisation, so a piece can be longer than its word, as a ligature is, and differ from it in
    case. A text whose pieces cannot be normalised one by one, which no language has, gets no marks.
    """
    pieces = list(_pieces(text))
    normals = list(map(normalise, pieces))
    normal = "".join(normals)
    if normal != normalise(text):
        return [Mark(text, "")]
    ranks = bytearray(len(normal))
    for start, end in _places_of_parts(normal, evidence):
        ranks[start:end] = b"\1" * (end - start)
    for start, end in _places_of_words(normal, evidence):
        ranks[start:end] = b"\2" * (end - start)
    return [
        Mark("".join(piece for piece, _ in group), _RANKS[rank])
        for rank, group in groupby(_ranked(pieces, normals, ranks), itemgetter(1))
    ]


def _pieces(text: str) -> Iterator[str]:
    """Split *text* wherever that does not change its normal form."""
    start = 0
    for end in range(1, len(text)):
        if text[end].isascii() or is_boundary(text[end]):
            yield text[start:end]
            start = end
    if text:
        yield text[start:]


def _ranked(pieces: list[str], normals: list[str], ranks: bytearray) -> Iterator[tuple[str, int]]:
    """Yield each piece with the highest rank of the characters of its normal form."""
    end = 0
    for piece, normal in zip(pieces, normals, strict=True):
        begin, end = end, end + len(normal)
        yield piece, max(ranks[begin:end], default=0)


def _places_of_parts(normal: str, evidence: Evidence) -> Iterator[tuple[int, int]]:
    parts = {part for found in evidence.parts.values() for part in found}
    for size in (2, 3):
        yield from ((at, at + size) for at in range(len(normal)) if normal[at : at + size] in parts)


def _places_of_words(normal: str, evidence: Evidence) -> Iterator[tuple[int, int]]:
    whole = set(evidence.whole)
    yield from ((start, end) for start, end in spans(normal) if normal[start:end] in whole)
    # A word of a script without spaces is also found inside a run.
    unspaced = [word for word in whole if KINDS[word[0]] == "u"]
    yield from ((at, at + len(word)) for word, at in Places(unspaced, len(normal)).find(normal))
