"""The JUnit, JSON and Markdown reports agree with the exit status and are valid."""

import datetime as dt
import json
from importlib.resources import files
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from broken import AcceptsAnyKey, AppliesTopNBeforeRanking, ErrorsAsHtml, ScoresDependOnOtherFields
from commanding import MODEL_AND_KEY, contract, verdict
from legitimate import Correct, NoId

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
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FORMS)
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


def test_a_finding_has_the_request_and_a_command_that_repeats_it(judge_and_report):
    _, junit, report, markdown = judge_and_report(AppliesTopNBeforeRanking)

    (row,) = [row for row in report["requirements"] if row["id"] == "RR-RESULT-005"]
    assert row["finding"]["curl"].startswith("curl -sS -i -H ")
    assert row["finding"]["sent"].startswith("POST http://127.0.0.1:")
    assert row["finding"]["curl"] in markdown
    failures = [case.find("failure").text for case in junit.iter("testcase") if case.find("failure") is not None]
    assert row["finding"]["curl"] in failures[0]


def test_a_failed_should_is_no_junit_failure_at_level_must(judge_and_report):
    ran, junit, report, _ = judge_and_report(ScoresDependOnOtherFields)

    assert ran.returncode == 0
    assert report["counts"]["failed"] == 1
    assert junit.find("testsuite").get("failures") == "0"


def test_a_must_that_was_not_judged_is_a_junit_error(judge_and_report):
    ran, junit, report, _ = judge_and_report(Correct, "--max-requests", 5)

    assert ran.returncode == 4
    assert int(junit.find("testsuite").get("errors")) > 0
    assert report["verdict"]["reason"]


def test_a_run_that_cannot_judge_the_endpoint_is_a_junit_error(tmp_path):
    with Correct() as server:
        url = server.url
    ran = contract(url, *MODEL_AND_KEY, "-k", "RR-RELATION", "--junit", tmp_path / "junit")

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
    assert "keeps the contract" in late.stdout
    assert json.loads((tmp_path / "report.json").read_text())["verdict"]["status"] == 0


KNOWN = """
["RR-RESULT-005"]
reason = "it cuts before it ranks; the vendor knows"
expires = {expires}

["RR-USAGE-003"]
reason = "the same"
expires = 2999-01-01
"""


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
    assert "2 known" in verdict(ran)


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
