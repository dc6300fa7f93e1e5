"""The marks in a text: what a score is for, at the places where it is."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from together_rerank_mockserver.ranking.marks import marks
from together_rerank_mockserver.ranking.score import Query
from together_rerank_mockserver.ranking.tokens import normalise

# Letters whose normal form is longer, shorter, composed with a neighbour, or in a script without spaces.
texts = st.text(
    st.sampled_from("aabcdefi éßﬁΐͅά ㍿㌀東京都가각ᄀ\u0301ㆍİŉ-ะข้าว") | st.characters(codec="utf-8"), max_size=40
)


def marked(query, text):
    return [(mark.kind, mark.text) for mark in marks(text, Query(query).evidence(text)) if mark.kind]


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("llamas in Peru", "A LLAMA, seen in Peru.", [("part", "LLAMA"), ("whole", "in"), ("whole", "Peru")]),
        ("office", "an oﬃce", [("whole", "oﬃce")]),
        ("office", "ﬃces", [("part", "ﬃce")]),
        ("Straße", "STRASSE", [("whole", "STRASSE")]),
        ("café", "Cafe\u0301!", [("whole", "Cafe\u0301")]),
        ("東京", "新東京都", [("whole", "東京")]),
        ("京都", "東京都民 京 都", [("whole", "京都")]),
        ("llama", "panda", []),
        ("", "panda", []),
        ("llama", "", []),
    ],
)
def test_words_and_parts_are_marked_as_they_are_written(query, text, expected):
    assert marked(query, text) == expected


@given(texts, texts)
def test_marks_are_a_division_of_the_text_and_contain_what_matched(query, text):
    evidence = Query(query).evidence(text)
    found = marks(text, evidence)
    parts = [part for each in evidence.parts.values() for part in each]

    assert "".join(mark.text for mark in found) == text
    assert all(left.kind != right.kind for left, right in pairwise(found))
    for mark in found:
        if mark.kind == "whole":
            assert any(word in normalise(mark.text) for word in evidence.whole)
    runs = "".join(normalise(mark.text) if mark.kind else "\n" for mark in found).split("\n")
    for run in filter(None, runs):
        assert any(each in run for each in [*evidence.whole, *parts])
    if any(mark.kind for mark in found):
        assert all(any(each in run for run in runs) for each in [*evidence.whole, *parts])


@given(texts, texts)
def test_a_text_without_a_score_has_no_marks(query, text):
    evidence = Query(query).evidence(text)

    assert evidence.score or not any(mark.kind for mark in marks(text, evidence))


def test_a_text_that_cannot_be_normalised_in_pieces_gets_no_marks():
    text = "llama " + "\ufdfa" * 40

    assert marked("llama", text) == []
