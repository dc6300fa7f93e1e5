"""Faults and ranking overrides that a test requests for its next calls."""

import time

import pytest

from plugin_client import BODY, order, post


def statuses(count):
    return [post()[0] for _ in range(count)]


def test_faults_apply_in_the_sequence_of_their_chain(rerank_mock):
    rerank_mock.fail(503).then.fail(429, times=2, retry_after=1.5).then.ok(2).then.fail(500)
    assert statuses(7) == [503, 429, 429, 200, 200, 500, 200]
    assert [request.retry_after for request in rerank_mock.requests[1:3]] == [1.5, 1.5]
    assert [request.fault for request in rerank_mock.requests] == ["503", "429", "429", None, None, "500", None]


def test_a_status_has_the_given_body_and_location(rerank_mock):
    rerank_mock.fail(502, body="html").then.fail(307, location="/elsewhere").then.fail(429, retry_after_ms=150)
    with rerank_mock.client() as client:
        answers = [client.post("/v1/rerank", json=BODY) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [502, 307, 429]
    assert answers[0].text.startswith("<html>")
    assert answers[1].headers["Location"] == "/elsewhere"
    assert answers[2].headers["retry-after-ms"] == "150"


def test_a_fault_can_last_until_the_end_of_the_test(rerank_mock):
    rerank_mock.fail(503).then.fail(502, times="always")

    assert statuses(4) == [503, 502, 502, 502]


def test_an_argument_that_a_fault_does_not_have_is_an_error(rerank_mock):
    with pytest.raises(TypeError, match="a fault has no argument `wait`; known: times, delay"):
        rerank_mock.fail(429, wait=2)


def test_a_duration_can_be_text_with_a_unit(rerank_mock):
    rerank_mock.delay("250ms").then.fail(429, delay="0.1s", jitter="5ms", retry_after="2s").then.fault(
        "drip", pause="1ms"
    )
    queue = rerank_mock.admin.call("GET", "faults")["queue"]

    assert [{name: spec[name] for name in spec if name not in ("fault", "times")} for spec in queue] == [
        {"delay": 250},
        {"delay": 100, "jitter": 5, "retry_after": 2},
        {"pause": 1},
    ]
    rerank_mock.reset()


@pytest.mark.parametrize(
    "request_fault",
    [
        lambda mock: mock.delay(100),
        lambda mock: mock.fault("unsorted", delay=100),
        lambda mock: mock.fail(503, delay=100),
    ],
)
def test_a_number_that_may_be_meant_in_milliseconds_gives_a_warning_at_the_line_of_the_user(rerank_mock, request_fault):
    with pytest.warns(UserWarning, match="^delay=100 is in seconds; write delay='100ms' if you mean milli") as warned:
        request_fault(rerank_mock)
    assert [each.filename for each in warned] == [__file__]
    rerank_mock.reset()
    rerank_mock.delay(30).then.delay("31s")
    rerank_mock.reset()


@pytest.mark.slow
def test_a_marker_with_such_a_number_gives_a_warning_at_the_test(run_pytest):
    run = run_pytest(MARKED, "-W", "default")

    assert run.all_outcomes() == ["passed"]
    run.lines.fnmatch_lines(["*test_it.py:*: UserWarning: delay=100 is in seconds; *"])


MARKED = """
@pytest.mark.rerank_mock(delay=100)
def test_it(rerank_mock):
    rerank_mock.reset()
"""


def test_retry_after_has_the_given_value(rerank_mock):
    rerank_mock.fail(429, retry_after=3).then.fail(429, retry_after=0).then.fail(429, retry_after="none")
    statuses(3)
    assert [request.retry_after for request in rerank_mock.requests] == [3, 0, None]


def test_a_body_fault_is_repeated_as_often_as_requested(rerank_mock):
    rerank_mock.fault("unsorted", times=2)
    assert [order(), order(), order()] == [[0, 1], [0, 1], [1, 0]]


def test_a_delay_delays_the_answer(rerank_mock):
    rerank_mock.delay(0.2)
    began = time.monotonic()
    assert order() == [1, 0]
    assert 0.2 <= time.monotonic() - began < 30
    assert rerank_mock.last_request.ended - rerank_mock.last_request.began >= 0.19


def test_connection_faults_break_the_connection(rerank_mock):
    rerank_mock.fault("reset").then.fault("empty").then.fault("drip", pause=0.01).then.fail(504, delay=0.01)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            post()
    assert statuses(2) == [200, 504]
    assert [request.status for request in rerank_mock.requests] == [None, None, 200, 504]


def test_a_reset_removes_faults_and_rankings(rerank_mock):
    rerank_mock.fail(503)
    rerank_mock.rank([0])
    rerank_mock.expect_refusal()
    post()
    rerank_mock.fail(503)
    rerank_mock.reset()
    assert rerank_mock.requests == []
    assert order() == [1, 0]


WRONG = {
    "there is no fault `unsotred`; the nearest: unsorted, .*; `together-rerank-mock faults` lists all": (
        lambda mock: mock.fault("unsotred")
    ),
    "`delay` must be a number of seconds from 0 to [0-9]*, or text such as 250ms or 2s, not '1'": lambda mock: (
        mock.delay("1")
    ),
    "`delay` must be a number of seconds from 0 to [0-9]*, or .*, not 1e.308": lambda mock: mock.delay(1e308),
    "`retry_after` must be seconds from 0 to 86400, such as": lambda mock: mock.fail(429, retry_after=10**400),
    "Infinity is not a number in JSON": lambda mock: mock.fail(429, retry_after=float("inf")),
    "rank.. takes indexes of documents, such as .2, 0., or texts, .*, not None": lambda mock: mock.rank(None),
    "rank.. takes indexes of documents, such as .2, 0., or texts, .*, not {1: 2}": lambda mock: mock.rank({1: 2}),
    "scores.. takes a score for each index": lambda mock: mock.scores([0.5]),
    "a lone surrogate in a string": lambda mock: mock.rank_first(containing="\ud800"),
    "explain.. takes the body of a rerank request, an object, not": lambda mock: mock.explain(b"x"),
    "explain.. takes a JSON value": lambda mock: mock.explain({"model": b"m"}),
    "expect_refusal.. takes how many, an integer from 1, not -1": lambda mock: mock.expect_refusal(-1),
    "`delay` must be a number of seconds from 0 to [0-9]*, or .*, not nan": lambda mock: mock.delay(float("nan")),
    "`delay` must be a number of seconds from 0 to 3600, or text such as 250ms or 2s, not -1": lambda mock: mock.delay(
        -1
    ),
    "`delay` must be a number of seconds from 0 to 3600, .*, not 30000": lambda mock: mock.delay(30000),
    "`delay` must be a number of seconds from 0 to 3600, .*, not '2h'": lambda mock: mock.delay("2h"),
    "`pause` must be a number of seconds from 0 to 60, .*, not '61s'": lambda mock: mock.fault("drip", pause="61s"),
    "`times` must be an integer from 1": lambda mock: mock.fail(429, times=0),
    "fail.. takes a status from 300 to 599, such as 429, not 200": lambda mock: mock.fail(200),
    "fail.. takes a status from 300 to 599, such as 429, not '429'": lambda mock: mock.fail("429"),
    "there is no fault `418.0`": lambda mock: mock.fault("418.0"),
    "`pause` is not a parameter of `429`": lambda mock: mock.fault("429", pause=1),
    "`retry_after` must be seconds .* `date:2` for a date in 2 s, `wrong`": (
        lambda mock: mock.fail(429, retry_after="soon")
    ),
    "`body` must be one of json, html, text, none": lambda mock: mock.fail(502, body="xml"),
    "`times` must be an integer from 1 to 1000000, or `always`": lambda mock: mock.fail(502, times="ever"),
    "rank.. takes indexes of documents, .* or texts, .*, not .'0', 1.": lambda mock: mock.rank(["0", 1]),
    "rank.. takes indexes of documents, .* or texts, .*, not 'a'": lambda mock: mock.rank("a"),
    "`rank` must be a list of document indexes": lambda mock: mock.rank([]),
    "`times` must be an integer from 1 to 1000000; PUT sets": lambda mock: mock.rank([0], times=0),
    "`rank` must name each document once": lambda mock: mock.rank([1, 1]),
    "a text of `rank_first` must be a string": lambda mock: mock.rank_first(containing=""),
    "`scores` has 2000000000.0 for 0; scores must be numbers from": lambda mock: mock.scores({0: 2e9}),
    "scores.. takes a score for each index or text, such as": lambda mock: mock.scores({"a": 1, 0: 1}),
    "`/documents` is missing": lambda mock: mock.explain({"model": "m", "query": "q"}),
}


@pytest.mark.parametrize("message", WRONG)
def test_an_invalid_argument_is_rejected_with_what_is_accepted(rerank_mock, message):
    with pytest.raises(ValueError, match=message):
        WRONG[message](rerank_mock)
    assert order() == [1, 0]


THREE = {**BODY, "documents": ["panda", "llama", "a llama in Peru"]}


def test_a_ranking_override_keeps_validation_top_n_and_faults(rerank_mock):
    rerank_mock.rank([2, 0, 1])
    assert order(THREE) == [2, 0, 1]
    assert order({**THREE, "top_n": 2}) == [2, 0]
    _, answer = post({**THREE, "return_documents": False})
    assert [each["relevance_score"] for each in answer["results"]] == [1, 2 / 3, 1 / 3]
    assert [each["document"] for each in answer["results"]] == [{}, {}, {}]
    assert {request.reply for request in rerank_mock.requests} == {"designed"}


def test_documents_that_are_not_named_keep_their_ranking(rerank_mock):
    rerank_mock.rank([0])
    assert order(THREE) == [0, 1, 2]


def test_documents_that_contain_a_text_come_first(rerank_mock):
    rerank_mock.rank_first(containing="PANDA")
    assert order(THREE) == [0, 1, 2]
    objects = [{"title": "llama", "body": "bear"}, {"title": "panda", "body": "llama"}]
    rerank_mock.rank_first(containing="bear")
    assert order({**BODY, "documents": objects}) == [0, 1]
    assert order({**BODY, "documents": objects, "rank_fields": ["title"]}) == [0, 1]
    rerank_mock.rank(["llama in", "panda"])
    assert order(THREE) == [2, 0, 1]


def test_the_answers_to_parts_of_a_list_can_be_merged(rerank_mock):
    rerank_mock.rank_first(containing="panda")
    found = {}
    for part in (["llama", "a llama"], ["a panda", "llamas"], ["llama llama"]):
        _, answer = post({**BODY, "documents": part})
        found |= {part[each["index"]]: each["relevance_score"] for each in answer["results"]}
    assert max(found, key=found.get) == "a panda"
    assert sorted(found, key=found.get)[-2:] == ["llama", "a panda"]


def test_a_ranking_can_be_for_one_call(rerank_mock):
    rerank_mock.rank_first(containing="panda")
    rerank_mock.rank([2], times=1)
    rerank_mock.scores({"peru": 7.5, "panda": -2}, times=2)
    assert order(THREE)[0] == 2
    for _ in range(2):
        _, answer = post(THREE)
        assert [(each["index"], each["relevance_score"]) for each in answer["results"]] == [(2, 7.5), (0, -2), (1, -3)]
    assert order(THREE)[0] == 0


def test_scores_can_be_given(rerank_mock):
    rerank_mock.scores({0: 0.25, 2: 1})
    _, answer = post(THREE)
    assert [(each["index"], each["relevance_score"]) for each in answer["results"]] == [(2, 1), (0, 0.25), (1, 0)]


def test_the_last_override_wins(rerank_mock):
    rerank_mock.rank([0])
    rerank_mock.rank([2])
    assert order(THREE) == [2, 1, 0]


def test_validation_and_faults_come_before_the_override(rerank_mock):
    rerank_mock.rank([0])
    rerank_mock.expect_refusal(2)
    rerank_mock.fail(503).then.fault("unsorted")
    assert post(THREE)[0] == 503
    assert post({**THREE, "top_n": 0})[0] == 400
    assert order(THREE) == [2, 1, 0]
    status, answer = post({**BODY, "documents": ["a"]})
    assert status == 200
    rerank_mock.rank([7])
    status, answer = post(THREE)
    assert status == 400
    assert answer["error"]["message"] == (
        "The ranking override names document 7, counted from 0, but the request has only 3"
    )
    assert rerank_mock.last_request.reply == "misuse"
    rerank_mock.reset()


def test_a_request_is_explained(rerank_mock):
    rerank_mock.rank([0])
    order(THREE)
    best = rerank_mock.explain(rerank_mock.last_request)[0]
    assert (best["index"], best["whole"]) == (1, ["llama"])
    assert rerank_mock.explain(THREE)[0]["score"] == best["score"]


UNREADABLE = """
import sys

@pytest.mark.parametrize("call", [
    lambda mock: mock.fault("unsotred"),
    lambda mock: mock.delay("soon"),
    lambda mock: mock.rank(None),
    lambda mock: mock.scores({0: "x"}),
    lambda mock: mock.explain({"model": b"m"}),
    lambda mock: mock.explain({}),
    lambda mock: (sys.modules.update(httpx=None), mock.client()),
    lambda mock: (setattr(mock.admin, '_send', lambda *_: (500, b'')), mock.reset()),
])
def test_it(rerank_mock, call):
    call(rerank_mock)
"""


@pytest.mark.slow
def test_the_report_of_an_invalid_argument_has_one_error(run_pytest):
    run = run_pytest(UNREADABLE)

    assert run.all_outcomes() == ["failed"] * 8
    run.lines.fnmatch_lines(["E*ValueError: there is no fault `unsotred`; the nearest: unsorted, *"])
    run.lines.no_fnmatch_line("*During handling of*")
    run.lines.no_fnmatch_line("*the direct cause of*")
