"""The library has the answers of the mock: `drift` finds nothing there, and `record` reproduces the library."""

import json

import pytest

import together_rerank_fixtures as fixtures
from commanding import contract, verdict
from mock_process import running
from snippets import ROOT, snippets

KEY = "the-mocks-key"
pytestmark = pytest.mark.served
CONFIGURATIONS = {
    "with a key and a model": (("--api-key", KEY, "--model", "rank"), ("--model", "rank")),
    "with default settings": ((), ()),
}


def run_command(mock, command, *options):
    return contract(command, mock.url, "--api-key-env", "MOCK_KEY", *options, MOCK_KEY=KEY)


def skipped(*, closed):
    """Return the exchanges that need settings which the mock lacks; a *closed* mock has keys and models."""
    configured = {"api_keys", "models"} if closed else set()
    return {each.name for each in fixtures.all() if not each.forced and set(each.mock) - configured}


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_drift_finds_nothing_at_the_mock(configuration, tmp_path):
    flags, options = CONFIGURATIONS[configuration]
    with running("-q", *flags) as mock:
        ran = run_command(mock, "drift", *options, "--json", tmp_path / "drift.json")
    report = json.loads((tmp_path / "drift.json").read_text())

    assert (ran.returncode, ran.stderr, report["drift"], report["missing"]) == (0, "", [], {})
    assert set(report["skipped"]) == skipped(closed=bool(flags))
    assert {"too_large/body", *([] if flags else ["not_found/model", "unauthorized/invalid_key"])} <= set(
        report["skipped"]
    )
    assert all(f"{why}: " in ran.stdout for why in report["skipped"].values())
    assert len(report["answered"]) > 60
    assert verdict(ran).startswith(f"no drift -- {len(report['answered'])} exchanges compared, ")


def test_recording_the_mock_reproduces_the_library(tmp_path):
    with running("-q", "--api-key", KEY, "--model", "Salesforce/Llama-Rank-v1") as mock:
        ran = run_command(mock, "record", "--model", "Salesforce/Llama-Rank-v1", "--out", tmp_path / "kept")
        recorded = fixtures.read(tmp_path / "kept")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert len(recorded) > 60
    other_model = {"success/document_example_scored"}  # the document writes its model with a capital
    for exchange in recorded:
        library = fixtures.get(exchange.name)
        if exchange.name not in other_model:
            assert exchange.request == library.request
            assert exchange.response == library.response
            assert exchange.deviations == library.deviations


def test_a_fault_of_the_mock_is_reported_as_drift():
    with running("-q") as mock:
        ran = run_command(mock, "drift", "--model", "mock/usage-missing", "--only", "success/*")

    assert ran.returncode == 1
    rows = [" ".join(line.split()) for line in ran.stdout.splitlines() if line.startswith(("200 ", "error", "status"))]
    assert rows == ["200 /usage object or null or absent object"]
    assert verdict(ran).startswith("drift -- 1 difference, ")


def test_the_row_on_the_page_is_in_the_report():
    (row,) = [each.text for each in snippets("docs/record-and-drift.md") if each.language == "text"]

    report = (ROOT / "docs/reports/llama-cpp-drift.txt").read_text()
    assert all(f"{part}\n" in report for part in row.strip("\n").split("\n", 1))
