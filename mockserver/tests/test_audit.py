"""The audit: its arguments, what declares a fallback, what ends it, and the report."""

import asyncio
import json
import logging
import re
import sys
import threading
import time

import pytest

from reranker import LOG, admin, search  # noqa: F401  # admin is a fixture
from together_rerank_mockserver.audit.outcome import Outcome
from together_rerank_mockserver.audit.pipeline import Declaration, Pipeline
from together_rerank_mockserver.audit.report import AuditReport, Row
from together_rerank_mockserver.audit.rerank_audit import RerankAudit
from together_rerank_mockserver.resilience import Finding

PASSAGES = ["Pandas eat bamboo.", "Llamas live in Peru.", "Bears hunt seals.", "Bees make honey."]


@pytest.fixture
def audit(admin):
    """Return a function that runs the case `ranking`, unless `only` names others."""

    def run(pipeline, *, selected=(), **options):
        options = {"query": "llamas", "passages": PASSAGES, "top_n": 3, "patience": 1, "only": ["ranking"], **options}
        return RerankAudit(admin, "test", selected, "again {}".format)(pipeline, **options)

    return run


def returns(value):
    def run(query, passages):
        return value

    return run


# Arguments.

WRONG_ARGUMENTS = {
    "no query": ({"query": " "}, "`query` must be a text, not ' '"),
    "a query that is no text": ({"query": None}, "`query` must be a text, not None"),
    "a text as passages": ({"passages": "llamas"}, "`passages` must be a list of texts, not 'llamas'"),
    "objects as passages": ({"passages": [{"text": "a"}]}, "`passages` must be a list of texts, not [{'text': 'a'}]"),
    "two passages": ({"passages": ["a", "b"]}, "`passages` must be at least 3 different texts, none of them blank"),
    "equal passages": ({"passages": ["a", "b", "c", "A "]}, "`passages` must be at least 3 different texts"),
    "a blank passage": ({"passages": ["a", "b", "c", " "]}, "`passages` must be at least 3 different texts"),
    "top_n is 0": ({"top_n": 0}, "`top_n` must be how many passages the pipeline returns, from 1, not 0"),
    "top_n is true": ({"top_n": True}, "from 1, not True"),
    "no patience": ({"patience": 0}, "`patience` must be a number of seconds above 0, up to 600, not 0"),
    "too much patience": ({"patience": 601}, "up to 600, not 601"),
    "an unknown case": ({"only": ["504-html"]}, "there is no case '504-html'; the nearest: 503-html"),
    "a name that is like none": ({"only": ["%%"]}, "there is no case '%%'; known: ranking, ties"),
    "an unknown case to accept": ({"accept": {"slwo": "x"}}, "there is no case 'slwo'; the nearest: slow"),
    "no reason": ({"accept": {"503": " "}}, "`accept` has no reason for '503'; say why the team lives with it"),
    "no regular expression": ({"fallback_log": "("}, "`fallback_log` must be a regular expression, not '(': "),
}


@pytest.mark.parametrize("name", WRONG_ARGUMENTS)
def test_a_wrong_argument_is_named(audit, name):
    options, message = WRONG_ARGUMENTS[name]

    with pytest.raises(ValueError, match=re.escape(message)):
        audit(search, **options)


def test_what_cannot_be_called_is_refused(audit):
    with pytest.raises(TypeError, match="takes a function with the arguments query and passages, not 'search'"):
        audit("search")


@pytest.mark.parametrize("returned", [{"hits": []}, "llamas", [{"text": "llamas"}], 3])
def test_what_cannot_be_read_is_refused(audit, returned):
    with pytest.raises(TypeError, match="not a list of passages or indexes; `read` can be a function"):
        audit(returns(returned))


def test_an_asynchronous_generator_is_refused(audit):
    async def generate(query, passages):
        yield passages[0]

    with pytest.raises(TypeError, match="returned <async_generator"):
        audit(generate)


def test_the_cases_of_the_command_line_are_run_instead(audit):
    report = audit(search, selected=["401", "ties"], quick=True)

    assert [row.name for row in report.rows] == ["ties", "401"]


def test_a_pipeline_with_other_arguments_fails(audit):
    report = audit(str.lower)

    with pytest.raises(AssertionError, match=r"crash, ranking.*\n.*TypeError: str.lower\(\) takes no arguments"):
        report.assert_no_silent_failure()


# What declares a fallback.


def fallback(query, passages):
    return passages[:3]


def calls(query, passages, degraded):
    degraded("the reranker is down")
    return passages


def calls_nothing(query, passages, degraded):
    return passages


def logs(message, level=logging.WARNING):
    def run(query, passages):
        LOG.log(level, message, "x")
        return passages[:3]

    return run


def returned_by(search, declaration):
    pipeline = Pipeline(search, 1, declaration)
    with pipeline.active():
        return pipeline.call("llamas", PASSAGES).declared


DECLARED = {
    "a log record": (logs("cannot rerank: %s"), Declaration(log=re.compile("rerank: x$")), "log"),
    "another log record": (logs("ranked: %s"), Declaration(log=re.compile("cannot")), None),
    "a log record that cannot be formatted": (
        logs("cannot rerank: %d %d", logging.DEBUG),
        Declaration(log=re.compile("t")),
        None,
    ),
    "a value": (fallback, Declaration(value=PASSAGES[:3]), "value"),
    "another value": (fallback, Declaration(value=None), None),
    "None": (returns(None), Declaration(value=None), "value"),
    "a function of the value": (fallback, Declaration(value=lambda returned: len(returned) == 3), "value"),
    "an argument": (calls, Declaration(argument="degraded"), "argument"),
    "an argument that is not called": (calls_nothing, Declaration(argument="degraded"), None),
    "nothing": (fallback, Declaration(), None),
}


@pytest.mark.parametrize("name", DECLARED)
def test_a_fallback_is_declared_by(name):
    pipeline, declaration, expected = DECLARED[name]

    assert returned_by(pipeline, declaration) == expected


def test_a_thread_of_an_earlier_call_declares_the_fallback_of_this_one():
    work, done = threading.Semaphore(0), threading.Semaphore(0)

    def log():
        while work.acquire(timeout=10):
            LOG.warning("cannot rerank")
            done.release()

    async def start(query, passages):
        # The task of another call keeps the context of the first one.
        if query == "first":
            tasks.append(asyncio.create_task(asyncio.to_thread(log)))
        work.release()
        await asyncio.to_thread(done.acquire, timeout=10)
        return passages

    tasks = []
    pipeline = Pipeline(start, 5, Declaration(log=re.compile("cannot")))
    with pipeline.active():
        declared = [pipeline.call(query, PASSAGES).declared for query in ("first", "second")]

    assert declared == ["log", "log"]


def test_log_records_still_reach_their_handlers(caplog):
    before = logging.getLogRecordFactory()

    returned_by(logs("cannot rerank: %s"), Declaration(log=re.compile("cannot")))

    assert caplog.messages == ["cannot rerank: x"]
    assert logging.getLogRecordFactory() is before


# What ends an audit.


class EndOfTheTest(BaseException):
    pass


@pytest.mark.parametrize("error", [EndOfTheTest, KeyboardInterrupt])
def test_what_ends_a_test_is_no_outcome(audit, error):
    def end(query, passages):
        raise error

    async def end_later(query, passages):
        raise error

    for pipeline in (end, end_later):
        with pytest.raises(error):
            audit(pipeline)


def test_an_exit_in_an_async_pipeline_is_a_crash(audit):
    async def leave(query, passages):
        sys.exit(3)

    (row,) = audit(leave, only=["503"]).rows

    assert (row.outcome, row.did) == (Outcome.CRASH, "raised SystemExit: 3")


def test_a_call_that_retries_forever_ends_after_the_audit(audit):
    ended = threading.Event()

    def retry(query, passages):
        while True:
            try:
                found = search(query, passages)
            except Exception:  # noqa: BLE001  # as a wrong pipeline does
                time.sleep(0.01)
            else:
                ended.set()
                return found

    (row,) = audit(retry, only=["503"], patience=0.2).rows

    assert row.outcome is Outcome.HANG
    assert ended.wait(5)


def test_an_async_call_that_hangs_is_cancelled_after_the_audit(audit):
    cancelled = threading.Event()

    async def wait(query, passages):
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    (row,) = audit(wait, only=["503"], patience=0.1).rows

    assert row.outcome is Outcome.HANG
    assert cancelled.wait(5)


def test_a_client_can_be_shared_by_two_audits(audit):
    loops = set()

    async def pipeline(query, passages):
        loops.add(asyncio.get_running_loop())
        return await asyncio.to_thread(search, query, passages)

    for _ in range(2):
        audit(pipeline).assert_no_silent_failure()

    assert len(loops) == 1


def test_queued_faults_of_the_test_are_left_for_it(audit, admin):
    admin.call("POST", "faults", {"fault": "401"})

    report = audit(search)

    report.assert_no_silent_failure()
    assert admin.call("GET", "faults")["queue"] == [{"fault": "401", "times": 1}]
    admin.call("POST", "reset")


FALLBACKS = [(None, "silent fallback"), (PASSAGES[:3], "silent fallback"), ({"x": 1}, "wrong passages")]


@pytest.mark.parametrize(("fallback", "outcome"), FALLBACKS, ids=["none", "passages", "object"])
def test_an_error_of_read_is_told_from_one_of_the_pipeline(audit, fallback, outcome):
    def hits(query, passages):
        try:
            return [{"at": index} for index in search(query, passages)]
        except Exception:  # noqa: BLE001  # the fallback has another type
            return fallback

    report = audit(hits, read=lambda found: [hit["at"] for hit in found], only=["ranking", "503"])
    assert {row.name: row.outcome.value for row in report.rows} == {"ranking": "right", "503": outcome}

    with pytest.raises(TypeError, match="the pipeline returned"):
        audit(hits, read=lambda found: [hit.at for hit in found], only=["ranking"])


def test_a_fallback_without_a_fault_fails(audit):
    report = audit(search, fallback_value=lambda _: True, only=["ranking", "503"])

    assert [row.outcome.value for row in report.failures] == ["declared fallback"]


def test_passages_that_the_mock_does_not_find_are_named(audit):
    report = audit(lambda query, passages: search(query, ["text"] * len(passages)), only=["ranking"])

    assert "; no request had the passages" in report.rows[0].did


# The report.


def row(name, outcome, **more):
    return Row(name, "status", f"the fault {name}", outcome, f"did <{name}>", f"again {name}", **more)


STORM = Finding("retry-storm", "Made 9 attempts", ())
ROWS = [
    row("ranking", Outcome.RIGHT),
    row("401", Outcome.LOUD, seconds=1.25),
    row("429", Outcome.SILENT),
    row("500", Outcome.CRASH, findings=[STORM]),
    row("503", Outcome.HANG, accepted="we | they wait"),
    row("hang", Outcome.NOT_SHOWN, accepted="old"),
]
REPORT = AuditReport("a <test>", ROWS, "a <query>", 3)


def test_a_failure_is_listed_with_the_line_that_repeats_it():
    with pytest.raises(AssertionError) as raised:
        REPORT.assert_no_silent_failure()

    assert str(raised.value) == (
        "1 of 6 cases fail (1 right, 1 not shown, 1 loud error, 1 crash, 1 silent fallback, 1 hang):\n"
        "- silent fallback, 429: the fault 429\n"
        "    the pipeline did <429>; answers: no request\n"
        "    again: again 429"
    )


@pytest.mark.parametrize("outcome", [Outcome.RIGHT, Outcome.NOT_SHOWN, Outcome.DECLARED, Outcome.LOUD, Outcome.CRASH])
def test_these_outcomes_pass(outcome):
    AuditReport("test", [row("503", outcome)], "query", None).assert_no_silent_failure()


@pytest.mark.parametrize("outcome", [Outcome.SILENT, Outcome.WRONG, Outcome.HANG, Outcome.NO_EFFECT])
def test_these_outcomes_fail_unless_they_are_accepted(outcome):
    with pytest.raises(AssertionError, match=f"{outcome.value}, 503"):
        AuditReport("test", [row("503", outcome)], "query", None).assert_no_silent_failure()
    AuditReport("test", [row("503", outcome, accepted="known")], "query", None).assert_no_silent_failure()


@pytest.mark.parametrize("outcome", [Outcome.LOUD, Outcome.CRASH])
def test_an_error_without_a_fault_fails(outcome):
    with pytest.raises(AssertionError, match=f"{outcome.value}, ranking"):
        AuditReport("test", [row("ranking", outcome)], "query", None).assert_no_silent_failure()


def test_the_table_has_a_line_for_each_case_and_each_remark():
    assert str(REPORT).splitlines() == [
        "case     outcome          time   answers     what the pipeline did",
        "ranking  right            0.0 s  no request  did <ranking>",
        "401      loud error       1.2 s  no request  did <401>",
        "429      SILENT FALLBACK  0.0 s  no request  did <429>",
        "500      crash (warning)  0.0 s  no request  did <500>",
        "503      hang (accepted)  0.0 s  no answer   did <503>",
        "hang     not shown        0.0 s  no request  did <hang>",
        "500: Made 9 attempts [retry-storm]",
        "`accept` has `hang`, which passes (not shown); remove it",
        "run 429 again: again 429",
        "1 right, 1 not shown, 1 loud error, 1 crash, 1 silent fallback, 1 hang",
    ]
    assert REPORT.table([]).splitlines()[0] == "500: Made 9 attempts [retry-storm]"
    assert [each.name for each in REPORT.notable] == ["429", "500", "503"]


def test_the_json_has_everything(tmp_path):
    REPORT.write(tmp_path / "report.json")

    report = json.loads((tmp_path / "report.json").read_text())

    assert (report["subject"], report["query"], report["top_n"], report["failed"]) == ("a <test>", "a <query>", 3, 1)
    assert report["summary"]["silent fallback"] == 1
    assert report["warnings"][0] == "500: crash: did <500>"
    assert report["cases"][3] == {
        "case": "500", "group": "status", "fault": "the fault 500", "outcome": "crash", "fails": False,
        "accepted": None, "did": "did <500>", "seconds": 0.0, "requests": 0, "answers": "no request", "statuses": [],
        "findings": ["Made 9 attempts [retry-storm]"], "again": "again 500",
    }  # fmt: skip


def test_the_markdown_escapes_its_cells(tmp_path):
    REPORT.write(tmp_path / "report.md")

    text = (tmp_path / "report.md").read_text()

    assert text.startswith("# Rerank audit of a &lt;test>: 1 failure\n")
    assert "| `429` | the fault 429 | **silent fallback** | did &lt;429> | no request |\n" in text
    assert r"| `503` | the fault 503 | hang (accepted: we \| they wait) |" in text
    assert "- `429`: `again 429`\n" in text


def test_the_html_escapes_everything(tmp_path):
    REPORT.write(tmp_path / "report.html")

    text = (tmp_path / "report.html").read_text()

    assert "<title>Rerank audit of a &lt;test&gt;: 1 failure</title>" in text
    assert "did &lt;429&gt;" in text
    assert "did <" not in text
    assert "<query>" not in text
    assert "<script" not in text


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"ends in .json, .md, .html, not to .*report.xml"):
        REPORT.write(tmp_path / "report.xml")


def test_an_audit_accepts_and_finds_what_is_stale(audit):
    accept = {"503": "we show the search", "ranking": "old", "ties": "old"}

    report = audit(fallback, only=["503", "ties"], accept=accept)

    report.assert_no_silent_failure()
    assert report.warnings == ["`accept` has `ties`, which passes (right); remove it"]
    assert [each.again for each in report.rows] == ["again ties", "again 503"]


def test_a_call_that_hangs_declares_no_fallback_of_another():
    release, logged = threading.Event(), threading.Event()

    def search(query, _):
        if query == "other":
            release.set()
            assert logged.wait(5)
            return [0]
        release.wait(5)
        logging.getLogger("search").warning("unranked")
        logged.set()
        return []

    pipeline = Pipeline(search, 0.5, Declaration(log=re.compile("unranked")))
    with pipeline.active():
        assert pipeline.call("hang", ["llama"]).is_hung
        assert pipeline.call("other", ["llama"]).declared is None


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"fallback_log": "unranked"}, "no log record matched `fallback_log`, 'unranked'; records below the enabled"),
        ({"fallback_argument": "degraded"}, "nothing called the function in the argument `degraded`"),
        ({"fallback_value": {}}, "no result was the `fallback_value`"),
    ],
)
def test_a_declaration_that_is_never_seen_is_named(audit, options, hint):
    def silent(query, passages, degraded=None):
        return fallback(query, passages)

    def loud(query, passages, degraded=None):
        return search(query, passages)

    report = audit(silent, only=["503"], **options)

    with pytest.raises(AssertionError, match=hint):
        report.assert_no_silent_failure()
    assert hint in str(report)
    assert audit(loud, only=["503"], **options).warnings == []  # a loud error needs no fallback


def test_a_pipeline_that_refuses_a_right_answer_is_named(audit):
    def strict(query, passages):
        if len(found := search(query, passages)) != 3:
            raise RuntimeError("three passages are needed")
        return found

    report = audit(strict, only=["ranking", "one-passage"])

    report.assert_no_silent_failure()
    assert report.warnings == [
        "one-passage: raised RuntimeError: three passages are needed, although no answer had a fault"
    ]
