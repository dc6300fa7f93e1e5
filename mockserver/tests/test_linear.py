"""The time for a request is linear: four times as much text takes about four times as long, whatever the text."""

import gc
import sys
import time
from itertools import product
from string import ascii_lowercase

import pytest

from together_rerank_mockserver.ranking.score import explain, rank

NAMES = ["".join(letters) for letters in product(ascii_lowercase, repeat=3)]


def clique(size):
    """Return a query with about *size* pairs of words, all pairs of a few words, and documents of these words."""
    words = NAMES[: int(size**0.5)]
    return " ".join(f"{left} {right}" for left, right in product(words, words)), [" ".join(words)] * len(words)


# For each kind of text: a size that takes some milliseconds, and the query and documents of a size.
KINDS = {
    "marks in a document": (4_000, lambda size: ("a", ["a" + "\u0301\u0323" * size])),
    "marks in a query": (4_000, lambda size: ("a" + "\u0301\u0323" * size, ["a"])),
    "marks that a letter hides": (4_000, lambda size: ("a", ["a" + "\u0f73" * size])),
    "empty documents": (2_000, lambda size: (" ".join(NAMES[:size]), [""] * size)),
    "one part of all words": (2_000, lambda size: (" ".join("abc" + name for name in NAMES[:size]), ["abc"] * size)),
    "one word before all words": (2_000, lambda size: (" b ".join(NAMES[:size]), ["b"] * size)),
    "all pairs of words": (2_500, clique),
}


def seconds(function, *arguments):
    """Return the least CPU time that *function* takes."""
    taken = []
    gc.disable()
    try:
        for _ in range(4):
            begin = time.process_time()
            function(*arguments)
            taken.append(time.process_time() - begin)
    finally:
        gc.enable()
    return min(taken)


def is_linear(function, request, size):
    """Return whether four times the size takes less than seven times as long, in one of several measurements.

    A time that grows with the square takes sixteen times as long in each of them.
    """
    return any(seconds(function, *request(4 * size)) < 7 * seconds(function, *request(size)) for _ in range(5))


@pytest.mark.parametrize("kind", KINDS)
def test_the_time_to_rank_is_linear_in_the_request(kind):
    size, request = KINDS[kind]

    assert is_linear(rank, request, size)


@pytest.mark.parametrize("gap", ["", " ", "\u0301", "京"])
def test_words_inside_words_take_few_calls_per_character(gap):
    query = " ".join("東" * times for times in range(1, 60))
    text = ("東" * 58 + gap) * 40
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        rank(query, [text])
    finally:
        sys.setprofile(None)

    assert calls < 20 * (len(query) + len(text))


@pytest.mark.parametrize("kind", ["fields", "words"])
def test_the_time_to_explain_is_linear_in_the_request(kind):
    def request(size):
        body = {"model": "m", "query": "llama", "documents": [{"text": "llama"}] * size}
        names = NAMES[:size]
        body |= {"rank_fields": names} if kind == "fields" else {"query": " ".join(names)}
        return (body,)

    assert is_linear(explain, request, 1_000)


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_has_the_same_score_alone_and_among_others(kind):
    size, request = KINDS[kind]
    query, documents = request(size)
    documents = documents[:40]

    together = {ranked.index: ranked.score for ranked in rank(query, [*documents, "a", *documents])}

    for index, document in enumerate(documents):
        (alone,) = rank(query, [document])
        assert alone.score == together[index] == together[len(documents) + 1 + index]
