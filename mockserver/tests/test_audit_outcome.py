"""The outcome of a call follows from what the pipeline returned or raised."""

import json

import pytest

from together_rerank_mockserver.audit.cases import Call
from together_rerank_mockserver.audit.outcome import CommandFailed, Observed, Outcome, error_text, indexes_of, judge

PASSAGES = ["pandas", "llamas", "bears", "bees"]
CALL = Call(PASSAGES, [0.1, 0.2, 0.4, 0.3])


class Number:
    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value

    def __repr__(self):
        return f"Number({self.value})"


class LibraryError(KeyError):
    """An error of a library that a caller expects."""


def outcome(returned=None, call=CALL, top_n=2, *, has_answer=True, **observed):
    return judge(call, top_n, Observed(returned, **observed), has_answer=has_answer)


def raised(error):
    return outcome(error=error)[0]


READ = [
    (["bears", "bees"], [2, 3]),
    ([2, 3], [2, 3]),
    (["bears", 3, Number(0)], [2, 3, 0]),
    ([], []),
    (None, []),
]


@pytest.mark.parametrize(("returned", "indexes"), READ)
def test_passages_and_indexes_are_read(returned, indexes):
    assert indexes_of(returned, PASSAGES) == indexes


def test_equal_passages_are_read_in_order():
    assert indexes_of(["b", "a", "b"], ["a", "b", "b"]) == [1, 0, 2]


UNREADABLE = [
    ("bears", "'bears', which is not a list of passages or indexes"),
    ({"hits": []}, "{'hits': []}, which is not a list of passages or indexes"),
    (["cats"], "'cats', which is not a passage"),
    (["bears", "bears"], "a passage twice: 'bears'"),
    ([2, 2], "the index 2 twice"),
    ([4], "the index 4, of 4 passages"),
    ([-1], "the index -1, of 4 passages"),
    ([True], "True, which is neither a passage nor an index"),
    ([0.5], "0.5, which is neither a passage nor an index"),
    ([None], "None, which is neither a passage nor an index"),
]


@pytest.mark.parametrize(("returned", "what"), UNREADABLE)
def test_what_cannot_be_read_is_wrong_and_named(returned, what):
    assert indexes_of(returned, PASSAGES) == what
    assert outcome(returned) == (Outcome.WRONG, f"returned {what}")


OUTCOMES = {
    "right passages": (["bears", "bees"], {}, Outcome.RIGHT),
    "right indexes": ([2, 3], {}, Outcome.RIGHT),
    "all": ([2, 3, 1, 0], {"top_n": None}, Outcome.RIGHT),
    "fewer passages than top_n": ([2, 3, 1, 0], {"top_n": 9}, Outcome.RIGHT),
    "another order": ([3, 2], {}, Outcome.WRONG),
    "too few": ([2], {}, Outcome.WRONG),
    "too many": ([2, 3, 1], {}, Outcome.WRONG),
    "the order of the request": ([0, 1], {}, Outcome.SILENT),
    "no passages": ([], {}, Outcome.SILENT),
    "None": (None, {}, Outcome.SILENT),
    "another order without an answer": ([3, 2], {"has_answer": False}, Outcome.SILENT),
    "right without an answer": ([2, 3], {"has_answer": False}, Outcome.RIGHT),
    "declared by a log record": ([0, 1], {"declared": "log"}, Outcome.DECLARED),
    "right, and declared by a log record": ([2, 3], {"declared": "log"}, Outcome.RIGHT),
    "declared by a value": ("down", {"declared": "value"}, Outcome.DECLARED),
    "no list, declared by an argument": ("down", {"declared": "argument"}, Outcome.WRONG),
    "still running": (None, {"is_hung": True}, Outcome.HANG),
    "no passages for no passages": ([], {"call": Call([], [])}, Outcome.RIGHT),
    "None for no passages": (None, {"call": Call([], [])}, Outcome.RIGHT),
    "equal scores, in any order": ([3, 0], {"call": Call(PASSAGES, [0.5] * 4)}, Outcome.RIGHT),
    "equal scores, one missing": ([3], {"call": Call(PASSAGES, [0.5] * 4)}, Outcome.WRONG),
    "equal passages": ([0, 2], {"call": Call(["a", "b", "a"], [0.9, 0.5, 0.9])}, Outcome.RIGHT),
    "equal passages, once": ([0, 1], {"call": Call(["a", "b", "a"], [0.9, 0.5, 0.9])}, Outcome.RIGHT),
    "equal passages, the worse one first": ([1, 0], {"call": Call(["a", "b", "a"], [0.9, 0.5, 0.9])}, Outcome.WRONG),
    "a passage without a score is left out": ([1], {"call": Call(["", "a"], [0, 0.9])}, Outcome.RIGHT),
    "a passage without a score is last": ([1, 0], {"call": Call(["", "a"], [0, 0.9])}, Outcome.RIGHT),
    "a passage without a score is first": ([0, 1], {"call": Call(["", "a"], [0, 0.9])}, Outcome.SILENT),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_outcome_of_what_is_returned(name):
    returned, more, expected = OUTCOMES[name]

    assert outcome(returned, **more)[0] is expected


def test_the_sentence_says_what_is_expected():
    assert outcome([3, 2]) == (Outcome.WRONG, "returned the passages [3, 2], not [2, 3]")
    assert outcome([]) == (Outcome.SILENT, "returned no passages, not [2, 3]")
    assert outcome(is_hung=True, seconds=19.96) == (Outcome.HANG, "was still running after 20.0 s")
    assert outcome([0, 1], declared="log") == (Outcome.DECLARED, "returned the passages [0, 1], and said so")


CRASHES = [KeyError("results"), IndexError(), TypeError(), AttributeError(), UnboundLocalError(), ZeroDivisionError()]
CRASHES += [AssertionError(), SystemExit(3), CommandFailed("x", is_crash=True)]
LOUD = [ValueError(), OSError(), TimeoutError(), RuntimeError(), LibraryError(), Exception()]
LOUD += [json.JSONDecodeError("x", "", 0), CommandFailed("x", is_crash=False)]


@pytest.mark.parametrize("error", CRASHES, ids=repr)
def test_an_error_of_the_code_is_a_crash(error):
    assert raised(error) is Outcome.CRASH


@pytest.mark.parametrize("error", LOUD, ids=repr)
def test_any_other_error_is_loud(error):
    assert raised(error) is Outcome.LOUD


def test_an_error_is_shown_in_one_line():
    assert error_text(ValueError("a\n  b")) == "ValueError: a b"
    assert error_text(KeyError()) == "KeyError"
    assert error_text(json.JSONDecodeError("x", "", 0)) == "json.JSONDecodeError: x: line 1 column 1 (char 0)"
    assert error_text(ValueError("x" * 500)) == f"ValueError: {'x' * 80}"
    failed = CommandFailed("ended with exit status 7: curl: (7) failed", is_crash=False)
    assert outcome(error=failed) == (Outcome.LOUD, "ended with exit status 7: curl: (7) failed")


def test_only_four_outcomes_are_failures():
    failures = {each.value for each in Outcome if each.is_failure}

    assert failures == {"silent fallback", "wrong passages", "hang", "no effect"}
