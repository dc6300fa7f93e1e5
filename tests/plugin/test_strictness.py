"""What fails a test by itself, and what it says."""

import pytest


def fails_at_teardown(ran, *lines):
    outcomes = ran.parseoutcomes()
    assert outcomes == {"passed": 1, "errors": 1}
    ran.stdout.fnmatch_lines(["*ERROR at teardown of test_*", "rerank_mock:", *lines])
    ran.stdout.no_fnmatch_line("*Traceback*")


CASES = {
    "a fault that nobody met": (
        "rerank_mock.fail(503, times=3).then.fault('unsorted')\n    post()",
        ["faults that nobody met: 503 (2 left), unsorted (1 left)"],
    ),
    "a ranking that no answer followed": (
        "rerank_mock.rank_first(containing='bear')\n    post()",
        ["a ranking that no answer followed, for want of*: {'rank_first': 'bear'}", "what it was asked:", "#1 POST*"],
    ),
    "a fault that could change nothing": (
        "rerank_mock.fault('unsorted')\n    post({**BODY, 'documents': ['a']})",
        ["faults that nobody met: unsorted (1 left)", "  which could change nothing about #1 POST*"],
    ),
    "an invalid request": (
        "post({'model': 'm', 'query': 'q', 'documents': ['a'], 'top_k': 2})",
        [
            "requests refused as invalid, which rerank_mock.expect_refusal() did not ask for:",
            "  #1 POST /v1/rerank -> 400 (refused): `/top_k` is not a field; did you mean `top_n`?",
        ],
    ),
    "a wrong path": (
        "post(path='/v1/v1/rerank')",
        ["*", "  #1 POST /v1/v1/rerank -> 404 (refused): *the base URL already ends in /v1*"],
    ),
    "one refusal more than meant": (
        "rerank_mock.expect_refusal()\n    post([])\n    post([])",
        ["*", "  #2 POST /v1/rerank -> 400*"],
    ),
    "a refusal that did not come": (
        "rerank_mock.expect_refusal(2)\n    post([])",
        ["requests expected to be refused as invalid: 2, refused: 1"],
    ),
    "a complaint of the mock": (
        "rerank_mock.rank([5])\n    post()",
        ["a ranking that no answer followed*", "*", "  #1 POST /v1/rerank -> 400 (misuse): The ranking asked for*"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_test_that_passed_fails_for(project, case):
    code, lines = CASES[case]

    fails_at_teardown(project.run(f"def test_it(rerank_mock):\n    {code}\n"), *lines)


def test_all_of_it_can_be_turned_off(project):
    tests = "".join(f"def test_{number}(rerank_mock):\n    {code}\n" for number, (code, _) in enumerate(CASES.values()))

    ran = project.run(tests, ini="rerank_mock_strict = false\n")

    assert ran.parseoutcomes() == {"passed": len(CASES)}


def test_forced_errors_and_what_is_meant_fail_nothing(passes):
    passes(
        """
def test_it(rerank_mock):
    rerank_mock.fail(400).then.fail(404).then.fail(422).then.fail(503).then.ok()
    assert [post()[0] for _ in range(4)] == [400, 404, 422, 503]
    rerank_mock.expect_refusal()
    assert post([])[0] == 400

def test_a_success_that_nobody_met_is_no_fault(rerank_mock):
    rerank_mock.fail(503).then.ok(2)
    post()

def test_no_key(rerank_mock):
    assert post(Authorization="Bearer")[0] == 401
"""
    )


def test_a_test_that_did_not_pass_is_not_blamed_twice_and_shows_what_was_asked(project):
    ran = project.run("""
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
""")

    assert ran.parseoutcomes() == {"passed": 1, "failed": 1, "skipped": 1, "xfailed": 1, "errors": 1}
    ran.stdout.fnmatch_lines(["*-- rerank mock --*", "#1 POST /v1/rerank -> 503 (forced; fault=503; by=queue)*"])


def test_a_failed_assertion_shows_the_nearest_requests_and_the_users_line_alone(project):
    ran = project.run("""
def test_it(rerank_mock):
    for query, top_n in (("bear", 1), ("llamas", 2), ("llama", 1)):
        post({**BODY, "query": query, "top_n": top_n})
    rerank_mock.assert_called(times=1, query="llama", top_n=1, model="m", status=200)
    rerank_mock.assert_called(query="llama", top_n=2, documents=["panda", "bear"])
""")

    ran.stdout.fnmatch_lines([
        ">*rerank_mock.assert_called(query=*",
        "E*AssertionError: expected a request with query='llama', top_n=2, documents=*; 0 of 3 are such",
        "E*the nearest of the others:",
        "E*#2 POST /v1/rerank -> 200 (scored)",
        "E*query: expected 'llama', got 'llamas'",
        "E*documents: item 1: expected 'bear', got 'llama'",
        "E*#3 POST /v1/rerank -> 200 (scored)",
        "E*top_n: expected 2, got 1",
    ])  # fmt: skip
    ran.stdout.no_fnmatch_line("*def assert_called*")


def test_what_cannot_be_asserted_is_said(passes):
    passes("""
def test_it(rerank_mock):
    with pytest.raises(TypeError, match="does not know `qurey`; known: times, model, query, documents, top_n"):
        rerank_mock.assert_called(qurey="llama")
    with pytest.raises(AssertionError, match="expected a request; 0 of 0 are such"):
        rerank_mock.assert_called()
    with pytest.raises(AssertionError, match="no request came to .*, so there is nothing to judge"):
        rerank_mock.assert_resilient()
    rerank_mock.assert_called(times=0)
    post()
    rerank_mock.assert_called(times=1, top_n=None)
    with pytest.raises(AssertionError, match="expected 2 requests; 1 of 1 is such"):
        rerank_mock.assert_called(times=2)
""")


def test_a_journal_that_forgot_is_not_asserted_on(passes):
    passes(
        """
def test_it(rerank_mock):
    for _ in range(4):
        post()
    assert [request.number for request in rerank_mock.requests] == [3, 4]
    with pytest.raises(AssertionError, match="2 requests are no longer in the journal"):
        rerank_mock.assert_called(times=4)
""",
        conftest="""
@pytest.fixture(scope="session")
def rerank_mock_settings():
    return {"journal_max": 2}
""",
    )
