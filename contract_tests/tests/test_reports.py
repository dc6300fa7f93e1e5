"""The printed forms agree with the exit status, and can be read by who reads such forms."""

import datetime as dt
import json
from importlib.resources import files
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from broken import CutsBeforeItRanks, ErrorsAsHtml, LeaksOtherFields, TakesAnyKey
from commanding import OPEN, contract, verdict
from legitimate import Honest, NoId

SCHEMA = json.loads(files("together_rerank_contract_tests").joinpath("report.schema.json").read_text())
FORMS = ("junit", "json", "markdown")


@pytest.fixture
def reported(tmp_path):
    """Judge a server; return the run and the three reports."""

    def report(kind, *options):
        paths = {form: tmp_path / form for form in FORMS}
        written = [part for form, path in paths.items() for part in (f"--{form}", path)]
        with kind() as server:
            ran = contract(server.url, *OPEN, *options, *written)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FORMS)
        return (
            ran,
            ET.parse(paths["junit"]).getroot(),
            json.loads(paths["json"].read_text()),
            paths["markdown"].read_text(),
        )

    return report


@pytest.mark.parametrize("kind", [Honest, CutsBeforeItRanks, LeaksOtherFields, NoId, ErrorsAsHtml, TakesAnyKey])
def test_the_reports_say_what_the_status_says(kind, reported):
    ran, junit, report, markdown = reported(kind)

    jsonschema.validate(report, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert report["verdict"]["status"] == ran.returncode
    assert verdict(ran).startswith(report["verdict"]["text"])
    assert markdown.startswith(f"## {report['verdict']['text']}\n")
    suite = junit.find("testsuite")
    red = int(suite.get("failures")) + int(suite.get("errors"))
    assert (red > 0) is (ran.returncode != 0)
    names = [case.get("name").split()[0] for case in suite.iter("testcase")]
    assert names == [row["id"] for row in report["requirements"]]
    assert all(row["id"] in markdown for row in report["requirements"])


def test_a_finding_has_all_that_is_needed_to_see_it(reported):
    _, junit, report, markdown = reported(CutsBeforeItRanks)

    (row,) = [row for row in report["requirements"] if row["id"] == "RR-RESULT-005"]
    assert row["finding"]["curl"].startswith("curl -sS -i -H ")
    assert row["finding"]["sent"].startswith("POST http://127.0.0.1:")
    assert row["finding"]["curl"] in markdown
    failures = [case.find("failure").text for case in junit.iter("testcase") if case.find("failure") is not None]
    assert row["finding"]["curl"] in failures[0]


def test_a_should_that_does_not_count_is_not_red(reported):
    ran, junit, report, _ = reported(LeaksOtherFields)

    assert ran.returncode == 0
    assert report["counts"]["failed"] == 1
    assert junit.find("testsuite").get("failures") == "0"


def test_a_must_without_a_verdict_is_red(reported):
    ran, junit, report, _ = reported(Honest, "--max-requests", 5)

    assert ran.returncode == 4
    assert int(junit.find("testsuite").get("errors")) > 0
    assert report["verdict"]["reason"]


def test_a_run_that_could_not_tell_is_red(tmp_path):
    with Honest() as server:
        url = server.url
    ran = contract(url, *OPEN, "-k", "RR-RELATION", "--junit", tmp_path / "junit")

    assert ran.returncode == 3
    suite = ET.parse(tmp_path / "junit").getroot().find("testsuite")
    assert suite.get("errors") == "1"
    assert [case.get("name") for case in suite.iter("testcase")][-1] == "verdict"


def test_a_report_that_cannot_be_written_is_said_and_loses_no_other(tmp_path):
    (tmp_path / "folder").mkdir()
    with Honest() as server:
        files_ = ("--json", tmp_path / "report.json", "--markdown", tmp_path / "folder")
        refused = contract(server.url, *OPEN, "--quick", *files_)
        (tmp_path / "folder").rmdir()
        (tmp_path / ".report.md.part").mkdir()
        late = contract(server.url, *OPEN, "--quick", "--markdown", tmp_path / "report.md", *files_[:2])

    assert (refused.returncode, late.returncode) == (2, 2)
    assert "folder" in refused.stderr
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
    with CutsBeforeItRanks() as server:
        ran = contract(server.url, *OPEN, "--level", "should", *known(tmp_path, KNOWN.format(expires="2999-12-31")))

    assert ran.returncode == 0
    assert "known         RR-RESULT-005" in ran.stdout
    assert "reason    it cuts before it ranks; the vendor knows" in ran.stdout
    assert "2 known" in verdict(ran)


def test_a_known_deviation_that_has_expired_fails(tmp_path):
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    with CutsBeforeItRanks() as server:
        ran = contract(server.url, *OPEN, *known(tmp_path, KNOWN.format(expires=yesterday)))

    assert ran.returncode == 1
    assert f"RR-RESULT-005 was a known deviation until {yesterday}; check it again" in ran.stdout


def test_a_known_deviation_that_is_gone_is_told_and_does_not_fail(tmp_path):
    with Honest() as server:
        ran = contract(server.url, *OPEN, *known(tmp_path, KNOWN.format(expires="2999-12-31")))

    assert ran.returncode == 0
    assert "RR-RESULT-005 passes now; remove it from the file of known deviations" in ran.stdout


@pytest.mark.parametrize(
    ("text", "said"),
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
def test_a_file_of_known_deviations_that_is_not_understood_is_refused(tmp_path, text, said):
    ran = contract("http://127.0.0.1:1", *known(tmp_path, text))

    assert ran.returncode == 2
    assert said in ran.stderr
    assert ran.stderr.strip().count("\n") == 0
