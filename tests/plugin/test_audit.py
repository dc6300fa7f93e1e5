"""The fixture `rerank_audit` in projects: its options, what it prints, and the mocks that it works with."""

import time

import pytest

from mock_process import ALONE, running

SEARCH = '''
PASSAGES = [f"Passage {number} is about {what}." for number, what in enumerate(["bees", "pandas", "llamas", "bears"])]

def search(query, passages, timeout=0.3):
    """Return indexes; raise an error, or fall back without a word if the answer has no results."""
    status, answer = post({"model": "m", "query": query, "documents": passages, "top_n": 2}, timeout=timeout)
    if status != 200:
        raise RuntimeError(status)
    return [each["index"] for each in answer["results"]] if "results" in answer else [0, 1]

def audited(rerank_audit, search=search, patience=1, **options):
    return rerank_audit(search, query="llamas", passages=PASSAGES, top_n=2, patience=patience, **options)
'''
# Of a search that falls back if there are no results.
FAILS = SEARCH + "def test_it(rerank_audit):\n    audited(rerank_audit, quick=True).assert_no_silent_failure()\n"


def test_a_silent_failure_is_shown_with_the_line_that_repeats_it(run_pytest):
    run = run_pytest(FAILS)

    assert run.all_outcomes() == ["failed"]
    run.text("test_it.py::test_it").fnmatch_lines(
        [
            "*- silent fallback, results-missing: `results` is missing",
            "*the pipeline returned the passages [[]0, 1], not [[]2, 3]; answers: 200",
            "*again: pytest 'test_it.py::test_it' --rerank-audit-case results-missing",
        ]
    )
    run.text("test_it.py::test_it").no_fnmatch_line("*received no request*")
    run.lines.fnmatch_lines(["*== rerank audit ==*", "test_it.py::test_it", "results-missing * SILENT FALLBACK *"])
    run.lines.no_fnmatch_line("ties *")


def test_one_case_can_be_repeated(run_pytest):
    run = run_pytest(FAILS, "--rerank-audit-case=results-missing", "--rerank-audit-case", "ties", "-v")

    run.lines.fnmatch_lines(["ties *right*", "results-missing * SILENT FALLBACK*", "1 right, 1 silent fallback"])
    run.lines.no_fnmatch_line("ranking *")


def test_an_unknown_case_is_named(run_pytest):
    run = run_pytest(FAILS, "--rerank-audit-case=result-missing")

    run.lines.fnmatch_lines(["*ValueError: there is no case 'result-missing'; the nearest: results-missing*"])


def test_an_audit_that_is_marked_slow_runs_on_request(run_pytest):
    slow = FAILS.replace("def test_it", "@pytest.mark.slow\ndef test_it")

    skipped, run = run_pytest(slow, "-rs"), run_pytest(slow, "--rerank-audit")

    assert skipped.all_outcomes() == ["skipped"]
    skipped.lines.fnmatch_lines(["*a slow audit; --rerank-audit runs it"])
    skipped.lines.no_fnmatch_line("*== rerank audit ==*")
    run.lines.fnmatch_lines(["*again: pytest 'test_it.py::test_it' --rerank-audit --rerank-audit-case results-missing"])


def test_what_ends_a_test_ends_it_in_a_pipeline(run_pytest):
    tests = """
def search_of(end):
    def search_and_end(query, passages):
        try:
            return search(query, passages)
        except RuntimeError:
            end()

    return search_and_end

def test_fail(rerank_audit):
    audited(rerank_audit, search_of(lambda: pytest.fail("as the pipeline says")), only=["ranking", "503"])

def test_skip(rerank_audit):
    audited(rerank_audit, search_of(lambda: pytest.skip("as the pipeline says")), only=["ranking", "503"])

def test_after_these(rerank_audit):
    audited(rerank_audit, only=["ranking", "503"]).assert_no_silent_failure()
"""

    run = run_pytest(SEARCH + tests)

    assert run.outcomes("test_it.py::test_fail") == ["failed"]
    run.text("test_it.py::test_fail").fnmatch_lines(["*Failed: as the pipeline says"])
    assert run.outcomes("test_it.py::test_skip") == ["skipped"]
    assert run.outcomes("test_it.py::test_after_these") == ["passed"]


@pytest.mark.slow
def test_a_pipeline_without_a_timeout_does_not_delay_the_end(run_pytest):
    tests = """
def test_it(rerank_audit):
    report = audited(rerank_audit, lambda *given: search(*given, timeout=None), only=["slow", "hang", "503"])
    assert [row.outcome.value for row in report.rows] == ["loud error", "hang", "hang"]

def test_later(rerank_mock):
    assert order() == [1, 0]
"""
    began = time.monotonic()

    run = run_pytest(SEARCH + tests)

    assert run.all_outcomes() == ["passed", "passed"]
    assert "warning" not in run.output
    assert time.monotonic() - began < 10


def test_an_async_pipeline_can_be_audited_in_an_async_test(run_pytest):
    tests = """
import asyncio

async def search_later(query, passages):
    return await asyncio.to_thread(search, query, passages)

@pytest.mark.asyncio
async def test_it(rerank_audit):
    audited(rerank_audit, search_later, only=["ranking", "503", "hang"]).assert_no_silent_failure()
"""
    plugins = " ".join(each for each in [*ALONE, "-pno:xdist"] if "asyncio" not in each)

    run = run_pytest(SEARCH + tests, plugins=plugins, ini="asyncio_default_fixture_loop_scope = function\n")

    assert run.all_outcomes() == ["passed"]


def test_two_audits_and_other_faults_fit_into_one_test(run_pytest):
    tests = """
def test_it(rerank_mock, rerank_audit):
    rerank_mock.fail(429)
    first, second = (audited(rerank_audit, only=["ranking", "503"]) for _ in range(2))
    first.assert_no_silent_failure()
    second.assert_no_silent_failure()
    assert post()[0] == 429
    assert len(rerank_mock.requests) == 1
"""

    run = run_pytest(SEARCH + tests)

    assert run.all_outcomes() == ["passed"]
    assert run.output.count("1 right, 1 loud error") == 2


@pytest.mark.slow
def test_workers_report_their_audits(run_pytest):
    tests = FAILS + "def test_more(rerank_audit):\n    audited(rerank_audit, only=['ranking'])\n"

    run = run_pytest(tests, "-n2", plugins=" ".join(ALONE))

    run.lines.fnmatch_lines_random(["*== rerank audit ==*", "results-missing * SILENT FALLBACK *", "1 right"])


# What granian cannot do.
RAW_SOCKET = {"hang", "reset", "empty"}


@pytest.mark.served
@pytest.mark.parametrize(("server", "not_shown"), [("granian", RAW_SOCKET), ("threaded", set())])
def test_a_running_mock_is_audited_with(run_pytest, server, not_shown):
    tests = f"""
def test_it(rerank_audit):
    report = audited(rerank_audit)
    outcomes = {{row.name: row.outcome.value for row in report.rows}}
    assert {{name for name in outcomes if outcomes[name] == "not shown"}} - {{"text-unasked"}} == {not_shown}
    assert outcomes["ranking"] == outcomes["two-at-once"] == outcomes["many-passages"] == "right"
    assert outcomes["503"] == outcomes["slow"] == "loud error"
    assert outcomes["results-missing"] == "silent fallback"
"""
    with running("-q", "--server", server) as mock:
        run = run_pytest(SEARCH + tests, f"--rerank-mock-url={mock.url}")

    assert run.all_outcomes() == ["passed"], run.output
