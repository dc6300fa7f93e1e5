"""What the command finds: one finding for each deviation, with a small example, and limits that are no failures."""

import json
import re

import pytest

from broken import (
    ComparesTheBeginningOfTheKey,
    FindsIndicesByText,
    IgnoresTheKey,
    RedirectsToAnotherPath,
    RejectsAQueryOfOneWord,
    SendsBrokenJson,
    SendsHtmlWhenOverloaded,
    SendsPartialContent,
    SendsStatus,
    SendsWrongUsageWithTopN,
    SortsInBatches,
    TrimsTexts,
)
from commanding import MODEL_AND_KEY, contract, shell, verdict
from judging import endpoint_at
from legitimate import Correct, Takes32Documents, TakesShortTexts
from miniature import Refused
from together_rerank_contract_tests.suite import shrinking
from together_rerank_spec import load


def failed_ids(ran):
    return {line.split()[1] for line in ran.stdout.splitlines() if line.startswith("FAILED")}


@pytest.mark.served
@pytest.mark.parametrize(
    ("kind", "received"),
    [
        (SendsStatus, "received  201 "),
        (SendsPartialContent, "received  206 "),
        (RedirectsToAnotherPath, ", to /v2/rerank"),
    ],
)
def test_a_status_that_is_always_wrong_is_one_failure_that_names_it(kind, received):
    with kind() as server:
        ran = contract(server.url, *MODEL_AND_KEY)

    assert ran.returncode == 1
    assert failed_ids(ran) == {"RR-ERROR-005"}
    assert received in ran.stdout


@pytest.mark.served
def test_a_body_that_is_never_readable_is_a_failure():
    with SendsBrokenJson() as server:
        ran = contract(server.url, *MODEL_AND_KEY)

    assert ran.returncode == 1
    assert failed_ids(ran) == {"RR-RESPONSE-001"}


@pytest.mark.served
def test_a_refused_valid_request_is_one_finding_with_the_status_and_what_the_server_said():
    with RejectsAQueryOfOneWord() as server:
        ran = contract(server.url, *MODEL_AND_KEY)

    assert failed_ids(ran) == {"RR-REQUEST-007"}
    finding = " ".join(ran.stdout.partition("FAILED")[2].partition("\n\n")[0].split())
    assert "received 400" in finding
    assert "the query is too short" in finding


@pytest.mark.served
@pytest.mark.parametrize(
    ("kind", "note"),
    [
        (Takes32Documents, "takes 32 documents at most; it says 413: at most 32 documents"),
        (TakesShortTexts, "characters at most; it says 400: a text has more than 4000 characters"),
    ],
)
def test_a_limit_is_noted_once_and_all_else_is_judged_within_it(kind, note, tmp_path):
    with kind() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "--level", "should", "--json", tmp_path / "report.json")

    assert ran.returncode == 0
    assert failed_ids(ran) == set()
    assert " ".join(ran.stdout.split()).count(note) == 1
    (noted,) = json.loads((tmp_path / "report.json").read_text())["notes"]
    assert note in noted


class TakesFourDocuments(Takes32Documents):
    most, status, message = 4, 400, "at most 4 documents"


@pytest.mark.served
def test_a_limit_below_the_smallest_test_is_named():
    with TakesFourDocuments() as server:
        ran = contract(server.url, *MODEL_AND_KEY)

    assert ran.returncode == 3
    assert "at most 4 documents" in verdict(ran)
    assert "it accepts one document, but the tests need 6 in a request" in verdict(ran)


@pytest.mark.served
def test_the_example_has_the_fewest_documents_that_show_the_failure_and_its_command_repeats_it():
    with SortsInBatches() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "-k", "RR-RESULT-001")
        command = next(line.strip() for line in ran.stdout.splitlines() if "curl -sS" in line)
        results = json.loads(shell(command).stdout.splitlines()[-1])["results"]

    scores = [result["relevance_score"] for result in results]
    assert scores != sorted(scores, reverse=True)
    assert 8 < len(scores) < 20  # batches of eight


class DropsLongTexts(Correct):
    """Closes the connection if a text has more than 200 characters."""

    def reply(self, method, path, headers, content):
        is_long = re.search(rb'"[^"]{201,}"', content)
        return None if is_long else super().reply(method, path, headers, content)


@pytest.mark.served
def test_the_example_of_a_request_without_a_response_is_made_smaller(tmp_path):
    with DropsLongTexts() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "-k", "RR-ERROR-009", "--retries", 0, "--json", tmp_path / "report")

    (row,) = json.loads((tmp_path / "report").read_text())["requirements"]
    assert failed_ids(ran) == {"RR-ERROR-009"}
    assert 200 < max(map(len, row["finding"]["sent"].split('"'))) < 400


class RepeatsOneId(Correct):
    def answer(self, request):
        return {**super().answer(request), "id": "one"}


@pytest.mark.served
def test_a_smaller_example_that_the_budget_does_not_allow_does_not_change_the_verdict():
    requirement = (*MODEL_AND_KEY, "-k", "RR-RESPONSE-005")
    with Correct() as server:
        enough = int(re.search(r"(\d+) requests", verdict(contract(server.url, *requirement)))[1])
    with RepeatsOneId() as server:
        ran = contract(server.url, *requirement, "--max-requests", enough)

    assert (ran.returncode, failed_ids(ran)) == (0, {"RR-RESPONSE-005"}), ran.stdout


def test_the_smaller_requests_begin_with_the_document_that_shows_the_failure():
    request = {"query": "q", "documents": ["a" * 40, "b", "c"]}

    found = [each["documents"] for each in shrinking.smaller_requests(request, 0)]

    assert found[:2] == [["a" * 40], ["a" * 40, "b"]]
    assert ["a" * 20, "b", "c"] in found
    assert list(shrinking.smaller_requests({"query": "q", "documents": ["a"]}, None)) == []


class FailsTheFirstTwoTimes(SendsHtmlWhenOverloaded):
    """Sends 503 as HTML for two of the first requests, and is correct later."""

    def authenticate(self, headers):
        Correct.authenticate(self, headers)
        if next(self.calls) in (2, 3):
            raise Refused(503, "overloaded", Retry_After="0.01")


@pytest.mark.served
def test_responses_that_are_retried_are_judged_and_counted():
    with FailsTheFirstTwoTimes() as server:
        ran = contract(server.url, *MODEL_AND_KEY)

    assert failed_ids(ran) == {"RR-ERROR-001"}
    assert "2 answers with 503" in ran.stdout


@pytest.mark.served
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (IgnoresTheKey, {"RR-AUTH-001", "RR-AUTH-002"}),
        (ComparesTheBeginningOfTheKey, {"RR-AUTH-002"}),
        (FindsIndicesByText, {"RR-RESULT-004"}),
        (TrimsTexts, {"RR-DOCUMENT-005"}),
        (SendsWrongUsageWithTopN, {"RR-USAGE-002"}),
        (SendsStatus, {"RR-ERROR-005"}),
    ],
)
def test_quick_finds_what_breaks_most_clients(kind, expected):
    with kind() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "--quick")

    assert ran.returncode == 1
    assert failed_ids(ran) == expected


def test_the_default_model_is_one_of_the_document():
    with Correct() as server:
        endpoint = endpoint_at(server.url, model=None)

    assert endpoint.model == "Salesforce/Llama-Rank-v1"
    assert load().default_model == endpoint.model
