"""Split text into words, and words into parts.

A word is a run of letters, digits, underscores and combining marks, after NFKC and casefolding. Scripts without spaces
between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) form separate runs. The parts of such a run are its pairs
of adjacent characters; the parts of any other word are its sequences of three characters.
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
# The maximum number of different separators of a text that are replaced one by one.
_REPLACED = 20
# The number of characters normalised at once: the time is quadratic in the length of a run of marks.
_PIECE = 128
# A text is only NFC-normalised if NFKC makes it longer than this factor times its length, plus some characters.
_EXPANSION, _SOME = 3, 20


def normalise(text: str) -> str:
    """Return *text* in the form that is compared: NFKC, then casefolded."""
    if text.isascii():
        return text.lower()
    # NFKC again, because casefolding can produce characters that NFKC composes.
    return _nfkc(_nfkc(text).casefold())


def spread(text: str) -> str:
    """Return *text* normalised, with a space for each separator, and between two spaces.

    A word is then whole exactly where it has a space on both sides. A text with words of unspaced scripts or with marks
    is only normalised, and put between two newlines; `is_plain` distinguishes the two forms.
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
    """Return whether a word of the *spread* text is whole exactly where it has a space on both sides."""
    return text[0] == " "


def words(text: str) -> list[str]:
    if text.isascii():
        return _ASCII_WORD.findall(text)
    return [text[start:end] for start, end in spans(text)]


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each word of the normalised *text* begins and ends."""
    return map(re.Match.span, _RUN.finditer("".join(map(KINDS.__getitem__, text))))


def next_words(text: str, positions: Iterable[int]) -> dict[int, int]:
    """Return, for each of *positions* in a *spread* text, where the next word begins, or where the text ends."""
    found = {len(text): len(text)}
    # Begin with the last position, so that no gap is crossed twice.
    for position in sorted(positions, reverse=True):
        at = position
        while at not in found and KINDS[text[at]] in " m":
            at += 1
        found[position] = found.get(at, at)
    return found


def parts(word: str) -> list[str]:
    """Return the distinct parts of *word*, by which it can match partially; none if it is too short."""
    size = 2 if KINDS[word[0]] == "u" else 3
    found: dict[str, None] = {}
    for at in range(len(word) - size + 1):
        found[word[at : at + size]] = None
    return list(found)


def _nfkc(text: str) -> str:
    if unicodedata.is_normalized("NFKC", text):
        return text
    normal = _normalised("NFKC", text)
    # NFKC turns one character into up to 18, but a text of any language has few such characters.
    return normal if len(normal) <= _EXPANSION * len(text) + _SOME else _normalised("NFC", text)


def _normalised(form: Literal["NFC", "NFKC"], text: str) -> str:
    return "".join([unicodedata.normalize(form, piece) for piece in _pieces(text)])


def _pieces(text: str) -> Iterator[str]:
    """Split *text* where that does not change its normal form, and anywhere inside longer runs of marks."""
    start = 0
    while len(text) - start > 2 * _PIECE:
        end = start + _PIECE
        while end < start + 2 * _PIECE and not is_boundary(text[end]):
            end += 1
        yield text[start:end]
        start = end
    yield text[start:]


def is_boundary(character: str) -> bool:
    """Return whether normalisation never moves or composes *character* with the characters before it."""
    first = unicodedata.normalize("NFKD", character)[0]
    return unicodedata.category(first)[0] != "M" and not "\u1160" <= first <= "\u11ff"


class _Kinds(dict[str, str]):
    """The kind of each character: `w` in a word, `u` in a word of an unspaced script, `m` a mark, or a space.

    It is derived from the name and the category, which Unicode never changes for an assigned character.
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
