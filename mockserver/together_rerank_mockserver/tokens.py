"""Text to words: what the ranking compares, and what usage counts.

A word is a run of letters, digits and underscores after NFKC and casefolding, its combining marks
included. Scripts that put no spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) make
runs of their own, whose parts are pairs of characters; elsewhere a part is three letters of a word.
"""

from __future__ import annotations

import re
import unicodedata

_UNSPACED = ("CJK ", "HIRAGANA ", "KATAKANA", "IDEOGRAPHIC ITERATION", "THAI ", "LAO ", "KHMER ", "MYANMAR ")
_JOINERS = "\u200c\u200d"
_RUN = re.compile("w[wm]*|u[um]*")
_CHARACTERS_A_TOKEN = 4


def normalise(text: str) -> str:
    """Return *text* in the form that is compared: NFKC, then casefolded."""
    if text.isascii():
        return text.lower()
    # Casefolding can leave what NFKC would compose, so it comes between two of them.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def words(text: str) -> list[str]:
    """Return the words of a normalised *text*, in order."""
    kinds = "".join(map(KINDS.__getitem__, text))
    return [text[run.start() : run.end()] for run in _RUN.finditer(kinds)]


def parts(word: str) -> list[str]:
    """Return the parts by which *word* can be matched in part, each once; none when it is too short."""
    size = 2 if is_unspaced(word) else 3
    return list(dict.fromkeys(word[at : at + size] for at in range(len(word) - size + 1)))


def is_unspaced(word: str) -> bool:
    """Return whether *word* is of a script without spaces, and so stands whole inside any longer run."""
    return KINDS[word[0]] == "u"


def count(text: str) -> int:
    """Return about how many tokens a model would see: one for every four characters begun."""
    return -(-len(text) // _CHARACTERS_A_TOKEN)


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
