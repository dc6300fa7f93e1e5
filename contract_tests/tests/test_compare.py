"""The command `compare`."""

import json
import re

import pytest

from broken import AppliesTopNBeforeRanking
from commanding import MODEL_AND_KEY, contract
from legitimate import Correct


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Return the paths of a report of a correct server, and of one that fails two requirements."""
    folder = tmp_path_factory.mktemp("reports")
    paths = folder / "good.json", folder / "bad.json"
    for path, kind in zip(paths, (Correct, AppliesTopNBeforeRanking), strict=True):
        with kind() as server:
            contract(server.url, *MODEL_AND_KEY, "--json", path)
    return paths


def rows(ran):
    return [line.split()[:6] for line in ran.stdout.splitlines() if " RR-" in line]


def test_what_got_worse_is_listed_and_changes_the_exit_status(reports):
    good, bad = reports
    ran = contract("compare", good, bad)

    assert (ran.returncode, ran.stderr) == (1, "")
    assert ["worse", "RR-RESULT-005", "MUST", "passed", "->", "failed"] in rows(ran)
    assert ["worse", "RR-USAGE-003", "SHOULD", "passed", "->", "failed"] in rows(ran)
    assert {row[1] for row in rows(ran)} == AppliesTopNBeforeRanking.breaks
    assert "new       http://127.0.0.1:" in ran.stdout
    assert "model miniature/rank: does not keep the contract\n" in ran.stdout
    assert re.search(rf"\n\n{len(rows(ran))} worse, \d+ equal\n$", ran.stdout)


def test_what_got_better_does_not_change_the_exit_status(reports):
    ran = contract("compare", *reversed(reports))

    assert ran.returncode == 0
    assert {row[0] for row in rows(ran)} == {"better"}
    assert re.search(rf"\n\n{len(rows(ran))} better, \d+ equal\n$", ran.stdout)


def test_equal_reports_have_no_table(reports):
    ran = contract("compare", reports[1], reports[1])

    assert (ran.returncode, rows(ran)) == (0, [])
    assert re.search(r"\n\n\d+ equal\n$", ran.stdout)


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("passed", "known", "worse"),
        ("passed", "inconclusive", "worse"),
        ("known", "failed", "worse"),
        ("skipped", "failed", "worse"),
        ("known", "passed", "better"),
        ("failed", "known", "better"),
        ("not run", "passed", "better"),
        ("failed", "inconclusive", "changed"),
        ("known", "skipped", "changed"),
        ("error", "not run", "changed"),
        (None, "failed", "new"),
        ("failed", None, "removed"),
    ],
)
def test_each_change_of_an_outcome_has_a_kind(old, new, kind, reports, tmp_path):
    written = []
    for name, state in (("old", old), ("new", new)):
        report = json.loads(reports[0].read_text())
        report["requirements"][0] |= {"id": "RR-RESPONSE-999", "state": state}
        if state is None:
            del report["requirements"][0]
        written.append(tmp_path / name)
        written[-1].write_text(json.dumps(report))
    ran = contract("compare", *written)

    (row,) = rows(ran)
    assert row[:2] == [kind, "RR-RESPONSE-999"]
    assert ran.returncode == (kind == "worse")
    assert " -> ".join(filter(None, (old, new))) in ran.stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory"),
        (b"", "not JSON: Expecting value"),
        (b"\xff", "not JSON: "),
        (b"[" * 100_000, "not JSON: "),
        (b"[]", "not a report that --json wrote: $: [] is not of type 'object'"),
        (b'{"kit": "\\u001b[31m"}', "not a report that --json wrote: $: 'endpoint' is a required property"),
    ],
)
def test_a_file_that_is_no_report_is_named_in_one_line(content, message, reports, tmp_path):
    path = tmp_path / "report.json"
    if content is not None:
        path.write_bytes(content)

    for pair in ((reports[0], path), (path, reports[0])):
        ran = contract("compare", *pair)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert f"{path}: {message}" in ran.stderr
        assert ran.stderr.count("\n") == 1
        assert ran.stderr.strip().isprintable()


def test_texts_of_a_report_are_printed_without_control_characters(reports, tmp_path):
    report = json.loads(reports[1].read_text())
    report["model"] = report["requirements"][0]["sentence"] = "\x1b[31m\nevil"
    (tmp_path / "report.json").write_text(json.dumps(report))
    ran = contract("compare", reports[0], tmp_path / "report.json")

    assert all(line.isprintable() for line in ran.stdout.split("\n"))
    assert ran.stdout.count("\\x1b[31m\\nevil") == 2
