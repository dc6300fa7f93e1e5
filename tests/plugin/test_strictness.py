"""Errors that fail a test automatically, and their messages."""

import pytest

from plugin_client import post

CASES = {
    "an unused fault": (
        "rerank_mock.fail(503, times=3).then.fault('unsorted')\n    post()",
        ["unused faults: 503 (2 left), unsorted (1 left)"],
    ),
    "an unused fault before one for all calls": (
        "rerank_mock.fail(503).then.fail(429, times='always')",
        ["unused faults: 503 (1 left)"],
    ),
    "a ranking for one call that names no document": (
        "rerank_mock.rank_first(containing='bear', times=1)\n    post()",
        ["unused ranking, because no request had a document that it names"],
    ),
    "an unused ranking for one call": (
        "rerank_mock.rank([1], times=2)\n    post()",
        ["unused rankings: {'rank': [1], 'times': 1}"],
    ),
    "an unused ranking": (
        "rerank_mock.rank_first(containing='bear')\n    post()",
        [
            "unused ranking, because it applied to no answer: {'rank_first': 'bear'}",
            "latest requests:",
            "+?.?? s #1 query=*",
        ],
    ),
    "a fault that could not change the answer": (
        "rerank_mock.fault('unsorted')\n    post({**BODY, 'documents': ['a']})",
        ["unused faults: unsorted (1 left)", "  the fault could not change #1 query='llama' 1 doc -> 200 [[]0] scored"],
    ),
    "an invalid request": (
        "post({'model': 'm', 'query': 'q', 'documents': ['a'], 'top_k': 2})",
        [
            "unexpected invalid requests (rerank_mock.expect_refusal() expects one):",
            "  #1 query='q' 1 doc -> 400 refused: `/top_k` is not a field; did you mean `top_n`?",
        ],
    ),
    "a wrong path": (
        "post(path='/v1/v1/rerank')",
        ["*", "  #1 POST /v1/v1/rerank -> 404 refused: *remove /v1 from its base URL*"],
    ),
    "more refusals than expected": (
        "rerank_mock.expect_refusal()\n    post([])\n    post([])",
        ["*", "  #2 POST /v1/rerank -> 400*"],
    ),
    "fewer refusals than expected": (
        "rerank_mock.expect_refusal(2)\n    post([])",
        ["rerank_mock.expect_refusal() expects 2 invalid requests, got 1"],
    ),
    "a misuse of the mock": (
        "rerank_mock.rank([5])\n    post()",
        ["unused ranking*", "*", "  #1 query='llama' 2 docs -> 400 misuse: The ranking override names*"],
    ),
}
DID_NOT_PASS = """
def test_fails(rerank_mock):
    rerank_mock.fail(503)
    post([])
    assert 0

def test_skips(rerank_mock):
    rerank_mock.fail(503)
    pytest.skip("for a reason")

@pytest.mark.xfail(reason="known", strict=True)
def test_is_known_to_fail(rerank_mock):
    rerank_mock.fail(503)
    assert 0

@pytest.fixture
def broken(rerank_mock):
    rerank_mock.fail(503)
    raise RuntimeError

def test_broken(broken):
    pass

def test_after(rerank_mock):
    assert order() == [1, 0]
"""
ABOVE_A_LIMIT = """
@pytest.fixture
def rerank_mock_settings():
    return {"max_documents": 1}

def test_unexpected(rerank_mock):
    assert post()[0] == 400

def test_expected(rerank_mock):
    rerank_mock.expect_refusal()
    assert post()[0] == 400
"""
SHOWS_THE_NEAREST = """
def test_shows(rerank_mock):
    for query, top_n in (("bear", 1), ("llamas", 2), ("llama", 1)):
        post({**BODY, "query": query, "top_n": top_n})
    rerank_mock.assert_called(times=1, query="llama", top_n=1, model="m", status=200)
    rerank_mock.assert_called(query="llama", top_n=2, documents=["panda", "bear"])
"""
SHOWS_THE_LATEST = """
import time

def test_shows(rerank_mock):
    for number in range(-2, 15):
        post({**BODY, "query": f"llama {number}"})
    post({**BODY, "documents": ["a"] * 12})
    rerank_mock.rank([2])
    post({**BODY, "documents": ["a"] * 12, "top_n": 3})
    rerank_mock.admin.call("DELETE", "ranking")
    rerank_mock.fault("unsorted").then.fail(429).then.fault("reset")
    post({**BODY, "query": "x" * 100, "documents": ["b", "x" * 100]})
    post(path="/cohere/v2/rerank")
    time.sleep(0.1)
    try:
        post()
    except OSError:
        pass
    assert 0
"""


def functions():
    return "\n".join(
        f"def test_{number}(rerank_mock):\n    {code}\n" for number, (code, _) in enumerate(CASES.values())
    )


@pytest.fixture(scope="module")
def strict(run_pytest):
    files = {
        f"test_{name}.py": f"import pytest\nfrom plugin_client import BODY, order, post\n{tests}"
        for name, tests in (
            ("did", DID_NOT_PASS),
            ("limited", ABOVE_A_LIMIT),
            ("nearest", SHOWS_THE_NEAREST),
            ("shown", SHOWS_THE_LATEST),
        )
    }
    return run_pytest(functions(), files=files)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_passed_test_fails_at_teardown_because_of(strict, case):
    node = f"test_it.py::test_{list(CASES).index(case)}"

    assert strict.outcomes(node) == ["passed", "error"]
    strict.text(node).fnmatch_lines(["rerank_mock:", *CASES[case][1]])
    strict.text(node).no_fnmatch_line("*Traceback*")
    strict.lines.fnmatch_lines([f"*ERROR at teardown of {node.rpartition(':')[2]} *"])


@pytest.mark.slow
def test_a_request_above_a_limit_must_be_expected(strict):
    assert strict.outcomes("test_limited.py::test_unexpected") == ["passed", "error"]
    strict.text("test_limited.py::test_unexpected").fnmatch_lines(["*-> 400 limit: The request has 2 documents*"])
    assert strict.outcomes("test_limited.py::test_expected") == ["passed"]


@pytest.mark.slow
def test_strictness_can_be_disabled(run_pytest):
    run = run_pytest(functions(), ini="rerank_mock_strict = false\n")

    assert run.all_outcomes() == ["passed"] * len(CASES)


@pytest.mark.slow
def test_a_failed_test_gets_no_second_failure_and_shows_its_requests(strict):
    outcomes = {
        "fails": "failed",
        "skips": "skipped",
        "is_known_to_fail": "xfailed",
        "broken": "error",
        "after": "passed",
    }

    for name, outcome in outcomes.items():
        assert strict.outcomes(f"test_did.py::test_{name}") == [outcome]
    strict.text("test_did.py::test_fails").fnmatch_lines([
        "*-- rerank mock --*",
        "+?.?? s #1 POST /v1/rerank -> 503 forced: *",
    ])  # fmt: skip


@pytest.mark.slow
def test_a_failed_test_shows_what_its_latest_requests_were(strict):
    strict.text("test_shown.py::test_shows").fnmatch_lines([
        "2 earlier requests are not shown",
        "+?.?? s #3 query='llama 0' 2 docs -> 200 [[]1,0] scored",
        "*#17 query='llama 14' *",
        "*#18 query='llama' 12 docs -> 200 [[]0,1,2,3,4,5,6,7,8,9,...] scored",
        "*#19 query='llama' 12 docs top_n=3 -> 200 [[]2,0,1] designed",
        "*#20 query='x*xxx... 2 docs -> 200 [[]0,1] forced unsorted",
        "*#21 POST /cohere/v2/rerank query='llama' 2 docs -> 429 forced: *",
        "+?.[1-9]? s #22 query='llama' 2 docs -> no answer forced reset",
        "rerank_mock.explain(rerank_mock.last_request) returns why documents have their scores",
    ])  # fmt: skip


@pytest.mark.slow
def test_a_failed_assertion_shows_the_nearest_requests_and_only_the_line_of_the_user(strict):
    shown = strict.text("test_nearest.py::test_shows")

    shown.fnmatch_lines([
        ">*rerank_mock.assert_called(query=*",
        "E*AssertionError: expected a request with query='llama', top_n=2, documents=*; 0 of 3 requests match",
        "E*most similar requests:",
        "E*#2 query='llamas' 2 docs top_n=2 -> 200 [[]1,0] scored",
        "E*query: expected 'llama', got 'llamas'",
        "E*documents: item 1: expected 'bear', got 'llama'",
        "E*#3 query='llama' 2 docs top_n=1 -> 200 [[]1] scored",
        "E*top_n: expected 2, got 1",
        ])  # fmt: skip
    shown.no_fnmatch_line("*def assert_called*")


def test_forced_and_expected_errors_do_not_fail_a_test(rerank_mock):
    rerank_mock.fail(400).then.fail(404).then.fail(422).then.fail(503).then.ok()
    assert [post()[0] for _ in range(4)] == [400, 404, 422, 503]
    rerank_mock.expect_refusal()
    assert post([])[0] == 400


def test_an_unused_ok_does_not_fail_a_test(rerank_mock):
    rerank_mock.fail(503).then.ok(2)
    post()


@pytest.mark.parametrize("fault", ["503", "unsorted", "delay"])
def test_an_unused_fault_for_all_calls_does_not_fail_a_test(rerank_mock, fault):
    rerank_mock.fault(fault, times="always")


def test_a_call_without_a_key_does_not_fail_a_test(rerank_mock):
    assert post(Authorization="Bearer")[0] == 401


def test_a_failed_assertion_states_the_reason(rerank_mock):
    with pytest.raises(TypeError, match="has no argument `qurey`; known: times, model, query, documents, top_n"):
        rerank_mock.assert_called(qurey="llama")
    with pytest.raises(AssertionError, match="expected a request; 0 of 0 requests match"):
        rerank_mock.assert_called()
    with pytest.raises(AssertionError, match=r"the mock at .* received no request to check"):
        rerank_mock.assert_resilient()
    rerank_mock.assert_called(times=0)
    post()
    rerank_mock.assert_called(times=1, top_n=None)
    with pytest.raises(AssertionError, match="expected 2 requests; 1 of 1 requests match"):
        rerank_mock.assert_called(times=2)


class TestAJournalWithDroppedEntries:
    @pytest.fixture
    def rerank_mock_settings(self):
        return {"journal_max": 2}

    def test_assert_called_fails(self, rerank_mock):
        for _ in range(4):
            post()
        assert [request.number for request in rerank_mock.requests] == [3, 4]
        with pytest.raises(AssertionError, match="2 requests are no longer in the journal"):
            rerank_mock.assert_called(times=4)
