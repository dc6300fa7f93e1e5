"""Schemathesis finds exactly the requirements that a broken server breaks, and no failure in a legitimate one."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from broken import BROKEN, AcceptsAnyKey, AcceptsGet, ErrorsAsHtml, IgnoresUnknownFields, SendsAWrongAllowHeader
from judging import FUZZ, failed, fuzzed, outcomes_of, unclear
from legitimate import (
    Correct,
    ErrorsWithNulls,
    KnowsOneMethod,
    NoTextsByDefault,
    NullUsage,
    RecordsRequests,
    SometimesRateLimited,
    WholeNumbersAsFloats,
)
from miniature import Refused
from test_transport import Script, transport
from together_rerank_contract_tests.fuzz import fuzzing
from together_rerank_contract_tests.fuzz.proxy import DROPPED, NO_ANSWER, UNSENT, Proxy


class FailsEverySchemathesisCheck(
    ErrorsAsHtml, AcceptsGet, SendsAWrongAllowHeader, IgnoresUnknownFields, AcceptsAnyKey
):
    """Fails every check of Schemathesis."""

    breaks_fuzz = {each.id for each in FUZZ} - {"RR-FUZZ-010"}

    def answer(self, request):
        if len(request["documents"]) == 1:
            raise Refused(500 if request["query"] else 400, "there is nothing to rank")
        return {**super().answer(request), "object": "list"}


class SendsANonAsciiHeader(Correct):
    """Sends a header in UTF-8, which HTTP does not allow, and 500 for every bad request."""

    breaks_fuzz = {"RR-FUZZ-001", "RR-FUZZ-002"}

    def reply(self, method, path, headers, content):
        status, given, body = super().reply(method, path, headers, content)
        return (500 if status == 400 else status), {**given, "X-Name": "☃".encode().decode("latin-1")}, body


class Redirects(RecordsRequests):
    """Redirects an empty query, which only Schemathesis sends."""

    breaks_fuzz = {"RR-FUZZ-002"}
    other = RecordsRequests()

    def answer(self, request):
        if not request["query"]:
            raise Refused(307, "over there", Location=f"{self.other.url}/v1/rerank")
        return super().answer(request)


class CombinesLegitimateDeviations(
    ErrorsWithNulls, NoTextsByDefault, NullUsage, SometimesRateLimited, KnowsOneMethod, WholeNumbersAsFloats
):
    """Combines several deviations that the contract allows."""


def test_a_refused_connection_is_no_failure_of_the_endpoint():
    """An endpoint that restarts refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1/rerank"
    with transport() as sender, Proxy(sender, "/v1/rerank", url) as proxy:
        exchange = proxy.forward("POST", "/v1/rerank", [], b"{}")

    assert (exchange.status, exchange.received_headers[NO_ANSWER]) == (502, UNSENT)
    assert "Connection refused" in proxy.error


def test_an_endpoint_cannot_send_the_headers_of_the_proxy():
    own = {NO_ANSWER: DROPPED, "X-Contract-Exchange": "a", "X-Other": "b"}
    with Script((200, own, b"{}")) as server, transport() as sender, Proxy(sender, "/v1", server.url) as proxy:
        exchange = proxy.forward("POST", "/v1", [], b"{}")

    assert NO_ANSWER not in exchange.received_headers
    assert exchange.received_headers["x-other"] == "b"


FUZZED = [Correct, CombinesLegitimateDeviations, FailsEverySchemathesisCheck, SendsANonAsciiHeader, Redirects]
FUZZED += [kind for kind in BROKEN if kind.breaks_fuzz]


@pytest.fixture(scope="module")
def found_by_schemathesis():
    """Run Schemathesis on each server, two at a time because each run uses one core; return the runs."""

    def found(kind):
        with kind() as server:
            return fuzzed(server.url)

    with pytest.MonkeyPatch.context() as few, Redirects.other, ThreadPoolExecutor(2) as threads:
        few.setattr(fuzzing, "MAX_EXAMPLES", 25)
        few.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # it would measure only our hooks and take a third longer
        return dict(zip(FUZZED, threads.map(found, FUZZED), strict=True))


@pytest.mark.exhaustive
@pytest.mark.fuzz
@pytest.mark.parametrize("kind", FUZZED, ids=lambda kind: kind.__name__)
def test_schemathesis_finds_exactly_the_broken_requirements(kind, found_by_schemathesis):
    outcomes = outcomes_of(found_by_schemathesis[kind])

    assert failed(outcomes) == kind.breaks_fuzz
    assert unclear(outcomes) == {}


@pytest.mark.exhaustive
@pytest.mark.fuzz
@pytest.mark.parametrize("number", range(1, len(fuzzing.CHECKS) + 1))
def test_without_one_check_only_its_requirement_passes(number, found_by_schemathesis, monkeypatch):
    run, check = found_by_schemathesis[FailsEverySchemathesisCheck], fuzzing.CHECKS[number - 1]
    others = [each for each in run._failures if each.check != check]
    monkeypatch.setattr(run, "_failures", others)

    assert failed(outcomes_of(run)) == FailsEverySchemathesisCheck.breaks_fuzz - {f"RR-FUZZ-00{number}"}


@pytest.mark.exhaustive
@pytest.mark.fuzz
def test_a_finding_of_schemathesis_is_described_in_words_of_the_kit(found_by_schemathesis):
    received = [
        each.failure.received
        for each in outcomes_of(found_by_schemathesis[FailsEverySchemathesisCheck])
        if each.failure
    ]

    assert len(received) == len(fuzzing.CHECKS)
    assert any("; in the request, " in each for each in received)
    assert [
        each for each in received for words in ("Schema", "Received:", "Documented:", "API ") if words in each
    ] == []


@pytest.mark.exhaustive
@pytest.mark.fuzz
def test_the_key_is_not_sent_to_another_host_after_a_redirect(found_by_schemathesis):
    """The proxy removes Location from redirects that it returns to Schemathesis."""
    followed = [each for each in found_by_schemathesis[Redirects]._failures if each.exchange.status == 307]

    assert any(b'"query": ""' in each.exchange.content for each in followed)
    assert Redirects.other.seen == []
