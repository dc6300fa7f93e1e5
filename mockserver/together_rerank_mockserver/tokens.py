"""Text to words: what the ranking compares, and what usage counts.

A word is a run of letters, digits and underscores after NFKC and casefolding, its combining marks
included. Scripts that put no spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) make
runs of their own, whose parts are pairs of characters; elsewhere a part is three letters of a word.
"""

import re
import unicodedata

_UNSPACED = ("CJK ", "HIRAGANA ", "KATAKANA", "IDEOGRAPHIC ITERATION", "THAI ", "LAO ", "KHMER ", "MYANMAR ")
_JOINERS = "\u200c\u200d"
_RUN = re.compile("w[wm]*|u[um]*")
_ASCII_WORD = re.compile(r"\w+", re.ASCII)
_ASCII = bytes(range(128))
_SPREAD = re.sub(rb"\W", b" ", _ASCII).lower() + bytes(range(128, 256))
# So many characters of a text that are in no word are replaced, one after another.
_REPLACED = 20
_CHARACTERS_A_TOKEN = 4


def normalise(text: str) -> str:
    """Return *text* in the form that is compared: NFKC, then casefolded."""
    if text.isascii():
        return text.lower()
    # Casefolding can leave what NFKC would compose, so it comes between two of them.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


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
    kinds = "".join(map(KINDS.__getitem__, text))
    return [text[run.start() : run.end()] for run in _RUN.finditer(kinds)]


def parts(word: str) -> list[str]:
    """Return the parts by which *word* can be matched in part, each once; none when it is too short."""
    size = 2 if KINDS[word[0]] == "u" else 3
    found: dict[str, None] = {}
    for at in range(len(word) - size + 1):
        found[word[at : at + size]] = None
    return list(found)


def is_whole(text: str, start: int, end: int) -> bool:
    """Return whether the word that a *spread* text has from *start* to *end* is whole there."""
    if KINDS[text[start]] == "u":
        return True
    if KINDS[text[end]] not in " u":
        return False
    # Marks before it may belong to a word that began earlier.
    while KINDS[text[start - 1]] == "m":
        start -= 1
    return KINDS[text[start - 1]] != "w"


def next_word(text: str, position: int) -> int:
    """Return where in a *spread* text the first word from *position* on begins, or the text ends."""
    while position < len(text) and KINDS[text[position]] in " m":
        position += 1
    return position


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
