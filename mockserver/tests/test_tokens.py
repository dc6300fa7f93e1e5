"""The words, the parts of words and the tokens of a text."""

import hashlib
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from together_rerank_mockserver.api.rendering import usage
from together_rerank_mockserver.ranking.tokens import (
    KINDS,
    is_plain,
    next_words,
    normalise,
    parts,
    spans,
    spread,
    words,
)

# Assigned after Unicode 14, which Python 3.11 has; ranges with both ends.
LATER = """0CF3 0ECE 10EFD-10EFF 1123F-11241 11B00-11B09 11F00-11F10 11F12-11F3A 11F3E-11F59 1342F 13439-13455
1B132 1B155 1D2C0-1D2D3 1DF25-1DF2A 1E030-1E06D 1E08F 1E4D0-1E4F9 1F6DC 1F774-1F776 1F77B-1F77F 1F7D9
1FA75-1FA77 1FA87-1FA88 1FAAD-1FAAF 1FABB-1FABD 1FABF 1FACE-1FACF 1FADA-1FADB 1FAE8 1FAF7-1FAF8
2B739 2EBF0-2EE5D 2FFC-2FFF 31350-323AF 31EF"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What animals, near Peru?", ["what", "animals", "near", "peru"]),
        ("top_n don't x2", ["top_n", "don", "t", "x2"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("ｆｕｌｌ ﬁne ①", ["full", "fine", "1"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("กินข้าว", ["กินข้าว"]),
        ("東京tower猫", ["東京", "tower", "猫"]),
        ("ﾗｰﾒﾝ", ["ラーメン"]),
        ("e\u0301te\u0301 \u00e9t\u00e9", ["été", "été"]),
        ("\u0301abc", ["abc"]),
        ("👩‍👩‍👧 !? \u200d", []),
        ("", []),
    ],
)
def test_a_text_is_split_into_words(text, expected):
    assert words(normalise(text)) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("animal", ["ani", "nim", "ima", "mal"]),
        ("can", ["can"]),
        ("of", []),
        ("東京都", ["東京", "京都"]),
        ("猫", []),
        ("aaaaa", ["aaa"]),
    ],
)
def test_a_word_is_split_into_parts(word, expected):
    assert parts(word) == expected


@given(st.text())
def test_words_occur_in_the_text_in_sequence(text):
    normal = normalise(text)
    position = 0

    for word in words(normal):
        position = normal.index(word, position) + len(word)


@given(st.text(), st.text())
def test_more_text_has_more_tokens(text, more):
    def tokens(text):
        return usage("", [text])["total_tokens"]

    assert tokens(text) <= tokens(text + more)
    assert tokens(text) < tokens(text + "word")


def test_every_python_version_finds_the_same_words():
    later = set()
    for spec in LATER.split():
        first, _, last = spec.partition("-")
        later.update(range(int(first, 16), int(last or first, 16) + 1))
    digest = hashlib.sha256()

    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) not in ("Cn", "Cs") and code not in later:
            digest.update(f"{code}{KINDS[character]}{normalise(character)}".encode())

    assert digest.hexdigest() == "696242506443ab1db232adb5d6079b48c1f35bb1cdd17d89087d6163c3837c97"


WORDS = st.lists(st.text(st.sampled_from("aZ1_é東ก\u0301\u200d—, \n\U0001f642") | st.characters(codec="utf-8"))).map(
    "".join
)


@given(WORDS)
def test_in_a_plain_text_words_are_separated_by_spaces(text):
    searched = spread(text)
    normal = normalise(text)

    assert len(searched) == len(normal) + 2
    assert is_plain(searched) is (not {"u", "m"} & set(map(KINDS.get, normal)) and not too_many_gaps(normal))
    assert words(searched) == words(normal)
    if is_plain(searched):
        assert searched.split() == words(normal)
    else:
        assert searched[1:-1] == normal


def too_many_gaps(normal):
    return len({character for character in normal if not character.isascii() and KINDS[character] == " "}) > 20


def test_the_work_of_spreading_a_text_does_not_grow_with_its_symbols():
    assert is_plain(spread("".join(map(chr, range(0x2200, 0x2200 + 20)))))
    assert not is_plain(spread("".join(map(chr, range(0x2200, 0x2200 + 21)))))


@given(WORDS)
def test_next_words_finds_the_start_of_the_following_word(text):
    searched = spread(text)
    places = list(spans(searched))
    following = next_words(searched, [0, *(end for _, end in places)])

    assert [searched[start:end] for start, end in places] == words(searched)
    assert [following[at] for at in [0, *(end for _, end in places)]] == [
        *(start for start, _ in places),
        len(searched),
    ]


def test_no_normalised_text_has_a_capital():
    capitals = set(map(chr, range(ord("A"), ord("Z") + 1)))

    assert not any(capitals & set(normalise(chr(code))) for code in range(sys.maxunicode + 1))
