"""Every way to search finds the same: with `in`, a look-up, an automaton, and an automaton in windows."""

import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from together_rerank_mockserver.ranking import search
from together_rerank_mockserver.ranking.tokens import is_plain, spread

needles = st.sets(st.text("ab東\u0301", min_size=1, max_size=4), max_size=8)
texts = st.text("ab東\u0301 ,", max_size=40).map(spread)
# With `in`, a look-up, an automaton, and an automaton in windows.
ways = st.sampled_from([(10**9, 0, 10**6), (0, 10**9, 10**6), (0, 0, 10**6), (0, 0, 20)])


def found(way, function):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in zip(("_ASKED", "_LOOKED_UP", "_WINDOW"), way, strict=True):
            patch.setattr(search, name, value)
        return list(function())


@given(ways, needles, st.sets(st.text("ab", min_size=1, max_size=4)), st.lists(texts))
@example((0, 0, 20), {"ab"}, set(), [" ab ", " a ", " b ", "  ", " " + "b" * 50 + "ab" + "a" * 50 + " "])
def test_each_text_is_returned_with_the_needles_in_it(way, parts, words, texts):
    texts = [text for text in texts if is_plain(text)]
    needles = [*(part for part in parts if len(part) in (2, 3)), *(f" {word} " for word in words)]

    contents = found(way, lambda: search.contents(needles, texts, sum(map(len, texts))))

    assert contents == [(text, {needle for needle in needles if needle in text}) for text in texts]


@given(ways, needles, texts)
@example((0, 0, 20), {"aa"}, " " + "a" * 50 + " ")
def test_every_place_is_found_once_and_the_last_one_is_last(way, needles, text):
    places = found(way, lambda: search.Places(needles, len(text)).find(text))

    expected = [(needle, at) for at in range(len(text)) for needle in needles if text.startswith(needle, at)]
    assert sorted(places) == sorted(expected)
    assert dict(places) == dict(expected)
    assert dict(reversed(places)) == dict(reversed(expected))


def test_the_memory_of_each_window_is_freed():
    text = "a" * 4_000_000
    tracemalloc.start()
    try:
        ((_, contents),) = search.contents(["a"], [text], len(text))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert contents == {"a"}
    # A hit takes 8 bytes, and a window has 100,000.
    assert peak < len(text)
