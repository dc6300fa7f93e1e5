"""Split text into words, and words into parts.

A word is a run of letters, digits and underscores after NFKC and casefolding, its combining marks
included. Scripts that put no spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) make
runs of their own, whose parts are pairs of characters; elsewhere a part is three letters of a word.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Literal

_UNSPACED = ("CJK ", "HIRAGANA ", "KATAKANA", "IDEOGRAPHIC ITERATION", "THAI ", "LAO ", "KHMER ", "MYANMAR ")
_JOINERS = "\u200c\u200d"
_RUN = re.compile("w[wm]*|u[um]*")
_ASCII_WORD = re.compile(r"\w+", re.ASCII)
_ASCII = bytes(range(128))
_SPREAD = re.sub(rb"\W", b" ", _ASCII).lower() + bytes(range(128, 256))
# So many characters of a text that are in no word are replaced, one after another.
_REPLACED = 20
# Characters that are normalised at once: the time for a run of marks grows with the square of its length.
_PIECE = 128
# A text that NFKC makes longer than this times its length, and some characters, stays as it is but for NFC.
_EXPANSION, _SOME = 3, 20


def normalise(text: str) -> str:
    """Return *text* in the form that is compared: NFKC, then casefolded."""
    if text.isascii():
        return text.lower()
    # Casefolding can leave what NFKC would compose, so it comes between two of them.
    return _nfkc(_nfkc(text).casefold())


def spread(text: str) -> str:
    """Return *text* normalised and between two spaces, with a space for all that is in no word.

    A word of it is then whole exactly where there is a space on either side. Not so in a text with words of unspaced
    scripts or with marks, which is left as it is, and between two newlines: `is_plain` tells.
    """
    if not text.isascii():
        text = normalise(text)
        others = {other: KINDS[other] for other in set(text.encode().translate(None, _ASCII).decode())}
        kinds = [*others.values()]
        if "u" in kinds or "m" in kinds or kinds.count(" ") > _REPLACED:
            return f"\n{text}\n"
        for other, kind in others.items():
            if kind == " ":
                text = text.replace(other, " ")
    return f" {text.encode().translate(_SPREAD).decode()} "


def is_plain(text: str) -> bool:
    """Return whether in the *spread* text a word is whole exactly where there is a space on either side."""
    return text[0] == " "


def words(text: str) -> list[str]:
    if text.isascii():
        return _ASCII_WORD.findall(text)
    return [text[start:end] for start, end in spans(text)]


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each word of the normalised *text* begins and ends."""
    return map(re.Match.span, _RUN.finditer("".join(map(KINDS.__getitem__, text))))


def next_words(text: str, positions: Iterable[int]) -> dict[int, int]:
    """Return for each of *positions* in a *spread* text where the first word from there on begins, or the text ends."""
    found = {len(text): len(text)}
    # From the last one, so that no gap is crossed twice.
    for position in sorted(positions, reverse=True):
        at = position
        while at not in found and KINDS[text[at]] in " m":
            at += 1
        found[position] = found.get(at, at)
    return found


def parts(word: str) -> list[str]:
    """Return the parts by which *word* can be matched in part, each once; none when it is too short."""
    size = 2 if KINDS[word[0]] == "u" else 3
    found: dict[str, None] = {}
    for at in range(len(word) - size + 1):
        found[word[at : at + size]] = None
    return list(found)


def _nfkc(text: str) -> str:
    if unicodedata.is_normalized("NFKC", text):
        return text
    normal = _normalised("NFKC", text)
    # One character can become 18, but not many of a text of any language.
    return normal if len(normal) <= _EXPANSION * len(text) + _SOME else _normalised("NFC", text)


def _normalised(form: Literal["NFC", "NFKC"], text: str) -> str:
    return "".join([unicodedata.normalize(form, piece) for piece in _pieces(text)])


def _pieces(text: str) -> Iterator[str]:
    """Cut *text* where that does not change what it normalises to; inside of longer runs of marks, anywhere."""
    start = 0
    while len(text) - start > 2 * _PIECE:
        end = start + _PIECE
        while end < start + 2 * _PIECE and not _is_boundary(text[end]):
            end += 1
        yield text[start:end]
        start = end
    yield text[start:]


def _is_boundary(character: str) -> bool:
    """Return whether *character* neither changes places nor composes with what is before it."""
    first = unicodedata.normalize("NFKD", character)[0]
    return unicodedata.category(first)[0] != "M" and not "\u1160" <= first <= "\u11ff"


class _Kinds(dict[str, str]):
    """Kind of each character: `w` of a word, `u` of a word in an unspaced script, `m` a mark on either, else a space.

    By name and category, which Unicode never changes for a character once assigned.
    """

    def __missing__(self, character: str) -> str:
        kind = self[character] = _kind(character)
        return kind


def _kind(character: str) -> str:
    category = unicodedata.category(character)
    if character != "_" and character not in _JOINERS and category[0] not in "LMN":
        return " "
    if unicodedata.name(character, "").startswith(_UNSPACED):
        return "u"
    return "m" if category[0] == "M" or character in _JOINERS else "w"


KINDS = _Kinds()
