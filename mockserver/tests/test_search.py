"""Asked or searched by an automaton, whole or in windows: what is found is what there is."""

import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from together_rerank_mockserver import search
from together_rerank_mockserver.tokens import spread

needles = st.sets(st.text("ab東\u0301", min_size=1, max_size=4), max_size=8)
texts = st.text("ab東\u0301 ,", max_size=40).map(spread)
ways = st.sampled_from([(10**9, 10**6), (0, 10**6), (0, 20)])


def found(way, function):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_ASKED", way[0])
        patch.setattr(search, "_FEW", 0)
        patch.setattr(search, "_MOST_HITS", way[1])
        return list(function())


@given(ways, needles, st.lists(texts))
@example((0, 20), {"ab"}, [" ab ", " a ", " b ", "  ", " " + "b" * 50 + "ab" + "a" * 50 + " "])
def test_each_text_comes_with_the_needles_in_it(way, needles, texts):
    contents = found(way, lambda: search.contents(needles, needles, texts, sum(map(len, texts))))

    assert contents == [(text, {needle for needle in needles if needle in text}) for text in texts]


@pytest.mark.parametrize("asked", [10**9, 0])
def test_a_plain_text_is_searched_for_needles_of_its_own(monkeypatch, asked):
    monkeypatch.setattr(search, "_ASKED", asked)

    (_, plain), (_, other) = search.contents(["ab"], [" ab "], [" ab ", "\nab\u0301\n"], 10)

    assert plain - {"ab"} == {" ab "}
    assert other == {"ab"}


@given(ways, needles, texts)
@example((0, 20), {"aa"}, " " + "a" * 50 + " ")
def test_every_place_is_found_and_the_last_one_last(way, needles, text):
    places = found(way, lambda: search.places(needles, text))

    expected = {(needle, at) for needle in needles for at in range(len(text)) if text.startswith(needle, at)}
    assert set(places) == expected
    assert dict(places) == dict(sorted(expected, key=lambda place: place[1]))
    assert dict(reversed(places)) == dict(sorted(expected, key=lambda place: -place[1]))


def test_what_the_windows_of_a_long_text_hold_is_let_go():
    text = "a" * 4_000_000
    tracemalloc.start()
    try:
        ((_, contents),) = search.contents(["a"], ["a"], [text], len(text))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert contents == {"a"}
    # A hit takes 8 bytes, and a window has half a million.
    assert peak < 3 * len(text)


def test_what_a_search_finds_at_once_is_bounded(monkeypatch):
    lengths = []
    hits = search._Automaton._hits
    monkeypatch.setattr(search._Automaton, "_hits", lambda *args: lengths.append(len(hits(*args))) or hits(*args))
    needles = ["a" * length for length in range(1, 101)]

    for texts in (["a" * 100_000], ["a" * 1_000] * 100):
        lengths.clear()
        contents = list(search.contents(needles, needles, texts, 100_000))

        assert all(found == set(needles) for _, found in contents)
        assert max(lengths) <= 1_100_000
        assert len(lengths) > 2
