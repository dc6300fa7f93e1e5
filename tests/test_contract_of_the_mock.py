"""The contract tests against a mock: one that is correct, and one that returns an error on every call."""

import json

import pytest

from commanding import contract, verdict
from mock_process import running
from together_rerank_mockserver.faults.catalogue import Catalogue
from together_rerank_mockserver.faults.status import StatusFault
from together_rerank_spec import load

KEY, MODEL = "the-mocks-key", "rank"
pytestmark = pytest.mark.served
# Statuses that the document lacks, and that do not depend on the settings or the moment.
UNDOCUMENTED = {"500", "502", "520", "524", "529"}
STATUSES = [fault.name for fault in Catalogue(load()) if isinstance(fault, StatusFault)]
OPEN = ("--model", MODEL, "--api-key-env", "MOCK_KEY")


def run_contract(mock, *arguments):
    return contract(mock.url, *arguments, MOCK_KEY=KEY)


@pytest.fixture(scope="module")
def mock():
    with running("-q", "--api-key", KEY, "--model", MODEL) as mock:
        yield mock


@pytest.mark.fuzz
@pytest.mark.exhaustive
def test_the_mock_keeps_the_contract_under_schemathesis(mock, tmp_path):
    ran = run_contract(
        mock, *OPEN, "--level", "should", "--fuzz", "--max-requests", 500, "--json", tmp_path / "report.json"
    )

    assert ran.returncode == 0, ran.stdout
    assert "80 passed;" in verdict(ran)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["fuzz"]["requests"] > 300
    assert report["dialect"] == {"name": "together", "closest": "together", "deviations": []}


@pytest.mark.fuzz
def test_the_mock_keeps_the_uncorrected_document_too():
    with running("-q", "--api-key", KEY, "--model", MODEL, "--reading", "vendored") as mock:
        ran = run_contract(mock, *OPEN, "--level", "should", "--fuzz", "--reading", "vendored", "--max-requests", 300)

    assert ran.returncode == 0, ran.stdout
    assert "79 passed, 1 skipped (skipped: RR-ERROR-008);" in verdict(ran)


@pytest.mark.fuzz
def test_the_mock_with_default_settings_passes_and_names_what_is_skipped():
    with running("-q") as mock:
        ran = run_contract(mock, "--api-key-env", "MOCK_KEY", "--level", "info", "--fuzz", "--max-requests", 300)

    assert ran.returncode == 0, ran.stdout
    assert "(skipped: RR-ERROR-003, RR-AUTH-002, RR-AUTH-003, RR-FUZZ-009)" in verdict(ran)
    assert "reason    the endpoint accepts any key (x-mock-accepts)" in ran.stdout
    assert "reason    the endpoint accepts any model (x-mock-accepts)" in ran.stdout


def test_without_a_key_the_result_is_inconclusive_and_the_flag_is_named():
    with running("-q") as mock:
        ran = run_contract(mock)

    assert ran.returncode == 3
    assert "--api-key-env NAME" in verdict(ran)


@pytest.mark.parametrize("status", STATUSES)
def test_an_error_on_every_call_is_inconclusive_unless_the_document_lacks_its_status(mock, status):
    model = f"mock/{status},retry_after=0" if status in ("429", "503") else f"mock/{status}"
    ran = run_contract(mock, "--model", model, "--api-key-env", "MOCK_KEY")

    if status in UNDOCUMENTED:
        assert ran.returncode == 1
        assert "FAILED        RR-ERROR-005  MUST" in ran.stdout
        assert f"received  {status} " in ran.stdout
    else:
        assert ran.returncode == 3
        assert verdict(ran).startswith("could not tell: ")
        assert status in verdict(ran)


@pytest.mark.parametrize("name", ["truncate", "empty-body"])
def test_a_body_that_cannot_be_read_is_a_failure(mock, name):
    ran = run_contract(mock, "--model", f"mock/{name}", "--api-key-env", "MOCK_KEY")

    assert ran.returncode == 1
    assert "FAILED        RR-RESPONSE-001  MUST" in ran.stdout
