"""The JUnit, JSON and Markdown reports agree with the exit status and are valid."""

import datetime as dt
import json
import re
from collections import Counter
from dataclasses import replace
from importlib.resources import files
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from broken import (
    AcceptsAnyKey,
    AppliesTopNBeforeRanking,
    ErrorsAsHtml,
    RejectsObjects,
    ScoresAboveOne,
    ScoresDependOnOtherFields,
)
from commanding import MODEL_AND_KEY, contract, verdict
from judging import PLAIN
from legitimate import Correct, NoId
from miniature import MODEL, Refused
from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.report import github, html, markdown
from together_rerank_contract_tests.report.report import Report, Verdict
from together_rerank_contract_tests.run.outcome import Outcome, State
from together_rerank_contract_tests.run.session import ContractSession
from together_rerank_contract_tests.settings import Settings
from together_rerank_contract_tests.suite.requirements import Level, RequirementFailed

pytestmark = pytest.mark.slow  # all tests together

SCHEMA = json.loads(files("together_rerank_contract_tests").joinpath("report.schema.json").read_text())
FORMS = ("junit", "json", "markdown")


@pytest.fixture
def judge_and_report(tmp_path):
    """Run the contract tests against a server; return the run and the three reports."""

    def report(kind, *options):
        paths = {form: tmp_path / form for form in FORMS}
        written = [part for form, path in paths.items() for part in (f"--{form}", path)]
        with kind() as server:
            ran = contract(server.url, *MODEL_AND_KEY, *options, *written)
        assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".toml") == sorted(FORMS)
        return (
            ran,
            ET.parse(paths["junit"]).getroot(),
            json.loads(paths["json"].read_text()),
            paths["markdown"].read_text(),
        )

    return report


@pytest.mark.parametrize(
    "kind", [Correct, AppliesTopNBeforeRanking, ScoresDependOnOtherFields, NoId, ErrorsAsHtml, AcceptsAnyKey]
)
def test_the_reports_agree_with_the_exit_status(kind, judge_and_report):
    ran, junit, report, markdown = judge_and_report(kind)

    jsonschema.validate(report, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert report["verdict"]["status"] == ran.returncode
    assert verdict(ran).startswith(report["verdict"]["text"])
    assert markdown.startswith(f"## {report['verdict']['text']}\n")
    suite = junit.find("testsuite")
    problems = int(suite.get("failures")) + int(suite.get("errors"))
    assert (problems > 0) is (ran.returncode != 0)
    names = [case.get("name").split()[0] for case in suite.iter("testcase")]
    assert names == [row["id"] for row in report["requirements"]]
    assert all(row["id"] in markdown for row in report["requirements"])


class EndsInEveryState(AppliesTopNBeforeRanking, ScoresDependOnOtherFields, ScoresAboveOne):
    """Fails a requirement of each level, and gives reasons to skip requirements and to leave some open."""

    def answer(self, request):
        return {key: value for key, value in super().answer(request).items() if key != "id"}

    def check_model(self, model):
        if model != MODEL:
            raise Refused(503, "busy")


def test_failures_come_first_in_every_report(judge_and_report, tmp_path):
    ran, junit, report, markdown = judge_and_report(EndsInEveryState, "--level", "info", *known(tmp_path, KNOWN_USAGE))
    rows = report["requirements"]
    states = [f"{row['state']} {row['level']}" if row["state"] == "failed" else row["state"] for row in rows]

    assert list(dict.fromkeys(states)) == [
        *("failed MUST", "failed SHOULD", "failed INFO", "known", "inconclusive", "skipped", "passed")
    ]
    ids = [row["id"] for row in rows]
    assert [case.get("name").split()[0] for case in junit.iter("testcase")] == ids
    assert re.findall(r"^\| (RR-\S+)", markdown, re.MULTILINE) == ids
    shown = [row["id"] for row in rows if row["state"] != "passed"]
    assert re.findall(r"^[\w ]{13} (RR-\S+)", ran.stdout, re.MULTILINE) == shown


class RejectsEverything(Correct):
    def authenticate(self, headers):
        raise Refused(403, "no")


def test_a_reason_that_several_requirements_have_is_printed_once(judge_and_report):
    ran, _, report, markdown = judge_and_report(RejectsObjects)
    reasons = Counter(row["reason"] for row in report["requirements"] if row["state"] == "skipped")
    reason, _ = reasons.most_common(1)[0]
    ids = [row["id"] for row in report["requirements"] if row["reason"] == reason]
    titles = [
        f"skipped       {row['id']}  {row['level']}  {row['sentence']}\n"
        for row in report["requirements"]
        if row["id"] in ids
    ]

    assert len(ids) > 3
    assert f"\n\n{''.join(titles)}  reason    {reason}\n  for       {ids[0]}, {ids[1]}, " in ran.stdout
    assert " ".join(ran.stdout.split()).count(", ".join(ids)) == 2  # of this reason, and of all skipped
    assert ran.stdout.count(reason) == 1
    assert markdown.count(reason) == 1


def test_requirements_that_were_not_run_are_listed_with_their_reason_once():
    with Correct() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "--max-requests", 20)
        url = server.url
    unreachable = contract(url, *MODEL_AND_KEY)

    assert ran.stdout.count("\nnot run       RR-") > 10
    assert ran.stdout.count("  reason    the 20 requests of --max-requests are spent\n  for       RR-") == 1
    assert "not run       RR-" not in unreachable.stdout  # the verdict has the reason


def test_a_finding_has_the_request_and_a_command_that_repeats_it(judge_and_report):
    _, junit, report, markdown = judge_and_report(AppliesTopNBeforeRanking)

    (row,) = [row for row in report["requirements"] if row["id"] == "RR-RESULT-005"]
    assert row["finding"]["curl"].startswith("curl -sS -i -H ")
    assert row["finding"]["sent"].startswith("POST http://127.0.0.1:")
    assert row["finding"]["curl"] in markdown
    failures = [case.find("failure").text for case in junit.iter("testcase") if case.find("failure") is not None]
    assert row["finding"]["curl"] in failures[0]


def test_the_json_report_has_the_exchange_of_each_requirement_once(judge_and_report):
    _, _, report, _ = judge_and_report(AppliesTopNBeforeRanking, "--level", "info")
    rows, exchanges = {row["id"]: row for row in report["requirements"]}, report["exchanges"]
    (failing,) = [exchanges[row["exchange"]] for row in rows.values() if row["id"] == "RR-RESULT-005"]

    assert report["date"] == dt.datetime.now(dt.UTC).date().isoformat()
    assert failing["request"].startswith("POST http://127.0.0.1:")
    assert "\nAuthorization: Bearer $MINI_KEY\n" in failing["request"]
    assert '"top_n": 1' in failing["request"]
    assert failing["response"].startswith("HTTP 200\ncontent-type: application/json\n")
    assert failing["summary"].endswith('{"top_n": 1}')
    used = [row["exchange"] for row in rows.values() if row["exchange"] is not None]
    assert {*used} == {*range(len(exchanges))}
    assert len(exchanges) == len({json.dumps(each) for each in exchanges}) < len(used)
    assert rows["RR-REQUEST-007"]["exchange"] is None  # it judges the exchanges of the others
    assert len(json.dumps(report)) < 200_000


def test_a_failed_should_is_no_junit_failure_at_level_must(judge_and_report):
    ran, junit, report, _ = judge_and_report(ScoresDependOnOtherFields)

    assert ran.returncode == 0
    assert report["counts"]["failed"] == 1
    assert junit.find("testsuite").get("failures") == "0"


def test_a_quick_run_in_which_a_should_failed_keeps_every_must_that_it_judged():
    session = ContractSession(Settings("http://127.0.0.1:1", quick=True))
    outcomes = [Outcome(each, State.FAILED) for each in PLAIN if each.level is Level.SHOULD][:2]
    report = Report(session, outcomes, Verdict.KEEPS, "", [], dt.date.min)
    session.finish()

    assert report.verdict_line.startswith(
        "keeps every MUST that --quick judges; 2 SHOULD failed -- nothing else was judged; "
    )


def test_a_note_is_in_every_report():
    session = ContractSession(Settings("http://127.0.0.1:1"))
    session.endpoint.limits.notes.append("takes 32 documents at most: <b>413</b>\x1b")
    report = Report(session, [], Verdict.KEEPS, "", [], dt.date.min)
    session.finish()

    assert "note      takes 32 documents at most: <b>413</b>\\x1b\n" in report.as_text()
    assert report.data["notes"] == ["takes 32 documents at most: <b>413</b>\\x1b"]
    assert "- `takes 32 documents at most: <b>413</b>\\x1b`\n" in markdown.markdown(report)
    assert "<dt>note</dt><dd>takes 32 documents at most: &lt;b&gt;413&lt;/b&gt;\\x1b</dd>" in html.html(report)
    jsonschema.validate(json.loads(report.as_json()), SCHEMA, cls=jsonschema.Draft202012Validator)


def test_a_must_that_was_not_judged_is_a_junit_error(judge_and_report):
    ran, junit, report, _ = judge_and_report(Correct, "--max-requests", 5)

    assert ran.returncode == 4
    assert int(junit.find("testsuite").get("errors")) > 0
    assert report["verdict"]["reason"]


def test_a_run_that_cannot_judge_the_endpoint_is_a_junit_error(tmp_path):
    with Correct() as server:
        url = server.url
    ran = contract(url, *MODEL_AND_KEY, "-k", "RR-FIELDS-001", "--junit", tmp_path / "junit")

    assert ran.returncode == 3
    suite = ET.parse(tmp_path / "junit").getroot().find("testsuite")
    assert suite.get("errors") == "1"
    assert [case.get("name") for case in suite.iter("testcase")][-1] == "verdict"


def test_a_report_that_cannot_be_written_is_named_and_the_others_are_written(tmp_path):
    (tmp_path / "folder").mkdir()
    with Correct() as server:
        files_ = ("--json", tmp_path / "report.json", "--markdown", tmp_path / "folder")
        early = contract(server.url, *MODEL_AND_KEY, "--quick", *files_)
        (tmp_path / "folder").rmdir()
        (tmp_path / ".report.md.part").mkdir()
        late = contract(server.url, *MODEL_AND_KEY, "--quick", "--markdown", tmp_path / "report.md", *files_[:2])

    assert (early.returncode, late.returncode) == (2, 2)
    assert "folder" in early.stderr
    assert "report.md: Is a directory" in late.stderr
    assert "keeps what --quick judges" in late.stdout
    assert json.loads((tmp_path / "report.json").read_text())["verdict"]["status"] == 0


KNOWN = """
["RR-RESULT-005"]
reason = "it cuts before it ranks; the vendor knows"
expires = {expires}

["RR-LIST-002"]
reason = "the same"
expires = 2999-01-01

["RR-USAGE-003"]
reason = "the same"
expires = 2999-01-01
"""

KNOWN_USAGE = KNOWN.rpartition("\n\n")[2]


def known(tmp_path, text):
    path = tmp_path / "known.toml"
    path.write_text(text)
    return "--known", path


def test_a_known_deviation_counts_as_passed(tmp_path):
    with AppliesTopNBeforeRanking() as server:
        ran = contract(
            server.url, *MODEL_AND_KEY, "--level", "should", *known(tmp_path, KNOWN.format(expires="2999-12-31"))
        )

    assert ran.returncode == 0
    assert "known         RR-RESULT-005" in ran.stdout
    assert "reason    it cuts before it ranks; the vendor knows" in ran.stdout
    assert "3 known" in verdict(ran)


def test_a_known_deviation_that_has_expired_fails(tmp_path):
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    with AppliesTopNBeforeRanking() as server:
        ran = contract(server.url, *MODEL_AND_KEY, *known(tmp_path, KNOWN.format(expires=yesterday)))

    assert ran.returncode == 1
    assert f"RR-RESULT-005 was a known deviation until {yesterday}; check it again" in ran.stdout


def test_a_known_deviation_that_passes_is_reported_and_does_not_fail(tmp_path):
    with Correct() as server:
        ran = contract(server.url, *MODEL_AND_KEY, *known(tmp_path, KNOWN.format(expires="2999-12-31")))

    assert ran.returncode == 0
    assert "RR-RESULT-005 passes now; remove it from the file of known deviations" in ran.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[RR-RESULT-05]\nreason='x'\nexpires=2999-01-01", "there is no requirement [RR-RESULT-05]; did you mean RR-"),
        ("[RR-RESULT-005]\nexpires=2999-01-01", "`reason` is missing"),
        ("[RR-RESULT-005]\nreason='x'", "`expires` must be a date"),
        ("[RR-RESULT-005]\nreason='x'\nexpires='soon'", "`expires` must be a date"),
        ("[RR-RESULT-005]\nreason='x'\nexpires=2999-01-01T00:00:00Z", "`expires` must be a date"),
        ("[RR-RESULT-005]\nreason='x'\nexpire=2999-01-01", "`expire` is not a field"),
        ("RR-RESULT-005 = 1", "must be a table"),
        ("not toml", "not TOML"),
    ],
)
def test_an_invalid_file_of_known_deviations_is_rejected(tmp_path, text, message):
    ran = contract("http://127.0.0.1:1", *known(tmp_path, text))

    assert ran.returncode == 2
    assert message in ran.stderr
    assert ran.stderr.strip().count("\n") == 0


GITHUB = {"GITHUB_ACTIONS": "true"}


def test_on_github_each_failure_is_an_annotation(tmp_path):
    summary = tmp_path / "summary.md"
    earlier = "what an earlier step wrote\n"
    summary.write_text(earlier)
    with AppliesTopNBeforeRanking() as server:
        given = (server.url, *MODEL_AND_KEY, "--markdown", tmp_path / "report.md")
        ran = contract(*given, **GITHUB, GITHUB_STEP_SUMMARY=str(summary))
        written = (tmp_path / "report.md").read_text()
        elsewhere = contract(*given, GITHUB_STEP_SUMMARY=str(summary))

    lines = [line for line in ran.stdout.splitlines() if line.startswith("::")]
    (error,) = [line for line in lines if "RR-RESULT-005" in line]
    (should,) = [line for line in lines if "RR-USAGE-003" in line]
    assert len(lines) == len(AppliesTopNBeforeRanking.breaks)
    title = "RR-RESULT-005 MUST With `top_n`%2C the results are the best of all documents."
    assert error.startswith(f"::error title={title}::expected ")
    assert should.startswith("::error title=RR-USAGE-003 SHOULD ")
    assert verdict(ran).startswith("does not keep the contract")
    assert "::" not in elsewhere.stdout
    assert summary.read_text() == earlier + written


def test_an_annotation_escapes_what_github_decodes():
    session = ContractSession(Settings("http://127.0.0.1:1"))
    requirement = replace(PLAIN[0], level=Level.MUST, sentence="50 %: a, b")
    failure = RequirementFailed("100 %\r\n::error::", "a, b: c", Exchange("GET", "", (), b"", 200, {}, b""))
    outcome = Outcome(requirement, State.FAILED, failure=failure)
    lines = github.annotations(Report(session, [outcome], Verdict.BREAKS, "", [], dt.date.min))
    session.finish()

    assert (
        lines
        == f"::error title={requirement.id} MUST 50 %25%3A a%2C b::expected 100 %25\\r\\n::error::; received a, b: c\n"
    )


def test_a_summary_that_cannot_be_written_is_named(tmp_path):
    with Correct() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "--quick", **GITHUB, GITHUB_STEP_SUMMARY=str(tmp_path))

    assert ran.returncode == 2
    assert ran.stderr.endswith(f"{tmp_path}: Is a directory\n")


@pytest.mark.parametrize(
    ("kind", "message", "color"),
    [
        (Correct, "keeps the contract", "brightgreen"),
        (ScoresDependOnOtherFields, "keeps every MUST; 1 SHOULD failed", "yellow"),
        (AppliesTopNBeforeRanking, "does not keep the contract", "red"),
        (RejectsEverything, "could not tell", "lightgrey"),
    ],
)
def test_a_badge_has_the_verdict_in_its_color(kind, message, color, tmp_path):
    with kind() as server:
        contract(server.url, *MODEL_AND_KEY, "--badge", tmp_path / "badge.json")

    assert json.loads((tmp_path / "badge.json").read_text()) == {
        "schemaVersion": 1,
        "label": "rerank contract",
        "message": message,
        "color": color,
    }
