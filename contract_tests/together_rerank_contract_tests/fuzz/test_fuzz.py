"""What Schemathesis finds with requests made from the document, valid and invalid."""

import re

from together_rerank_contract_tests.fuzz.fuzzing import Failure, Fuzzing
from together_rerank_contract_tests.suite.requirements import (
    NotApplicable,
    RequirementFailed,
    document,
    kit,
    must,
    should,
)

_MAX_OTHERS = 8
# What a case was before it was made invalid.
_VALUE = re.compile(r" \(was .*\)$", re.DOTALL)
_POST = "/paths/~1rerank/post"


@must("RR-FUZZ-001", kit("an error of the server is not the client's, and 500 stands nowhere in the document"))
def test_no_request_breaks_the_server(fuzzing: Fuzzing) -> None:
    """No request breaks the server.

    Clients retry requests that can never succeed (500 three times in most SDKs), and attackers can abuse them.
    """
    _hold(fuzzing, "not_a_server_error", "no status from 500 on but those of the document, and an answer")


@must("RR-FUZZ-002", document(f"{_POST}/responses"))
def test_statuses_are_documented(fuzzing: Fuzzing) -> None:
    """Every answer to a POST has a status that the document lists.

    Clients branch on documented statuses; they do not expect FastAPI's 422 in place of 400.
    """
    _hold(fuzzing, "status_code_conformance", "a status that the document lists")


@must("RR-FUZZ-003", document(f"{_POST}/responses"))
def test_content_types_are_documented(fuzzing: Fuzzing) -> None:
    """Every answer, errors too, is JSON and says so.

    Clients parse the body of an error: together 1.x raises an AssertionError on a page of HTML.
    """
    _hold(fuzzing, "content_type_conformance", "Content-Type: application/json")


@must("RR-FUZZ-004", document("/components/schemas"))
def test_answers_keep_the_schema(fuzzing: Fuzzing) -> None:
    """Every answer keeps the document's schema, whatever was asked.

    Clients have one class for all answers, so the form must not depend on the request.
    """
    _hold(fuzzing, "response_schema_conformance", "a body that the document's schema allows")


@must("RR-FUZZ-005", document("/components/schemas/RerankRequest"))
def test_invalid_requests_are_refused(fuzzing: Fuzzing) -> None:
    """A request that the schema forbids is refused.

    If `top_k` is ignored, all documents come back without an error (HKUDS/LightRAG#1813).
    """
    _hold(fuzzing, "negative_data_rejection", "a 4xx, for the request breaks the schema")


@should("RR-FUZZ-006", document("/components/schemas/RerankRequest"))
def test_valid_requests_are_accepted(fuzzing: Fuzzing) -> None:
    """A request that the schema allows is not refused as invalid.

    A request that works on one endpoint fails on another; the document could state a limit.
    """
    expected = "200, or an error unrelated to the request, because the schema allows it"
    _hold(fuzzing, "positive_data_acceptance", expected)


@should("RR-FUZZ-007", kit("RFC 9110, section 15.5.6"))
def test_other_methods_are_refused(fuzzing: Fuzzing) -> None:
    """A method that the document does not have is answered with 405 and `Allow`.

    A 200 for a GET, which ranks nothing, hides a client's mistake.
    """
    _need_other_methods(fuzzing)
    _hold(fuzzing, "unsupported_method", "405, with `Allow`")


@should("RR-FUZZ-008", kit("RFC 9110, section 10.2.1"))
def test_allow_names_the_methods(fuzzing: Fuzzing) -> None:
    """`Allow` on OPTIONS names the methods that there are.

    Gateways and browsers send only the methods in it.
    """
    _need_other_methods(fuzzing)
    _hold(fuzzing, "allow_header_conformance", "the document's methods in `Allow`")


@must("RR-FUZZ-009", document("/security"))
def test_the_key_is_always_asked_for(fuzzing: Fuzzing) -> None:
    """No request without the key, or with another, gets a 200.

    Whoever finds the port uses the model.
    """
    if not fuzzing.asks_for_a_key:
        raise NotApplicable("no key was given by --api-key-env, or the endpoint says that any will do")
    _hold(fuzzing, "ignored_auth", "401, for the key is missing or wrong")


def _need_other_methods(fuzzing: Fuzzing) -> None:
    if not fuzzing.tries_other_methods:
        raise NotApplicable("what stands in front of Together's hosts answers other methods as it likes")


def _hold(fuzzing: Fuzzing, check: str, expected: str) -> None:
    failures = fuzzing.failures(check)
    if failures:
        exchange = failures[0].exchange
        cases = {each.name for each in failures}
        raise RequirementFailed(expected, f"{exchange.answered}; {_told(failures)}", exchange, times=len(cases))


def _told(failures: list[Failure]) -> str:
    """Return what is said of the first, and what others there are, for one check finds different things."""
    first = failures[0]
    words = " ".join(first.message.split("\n\n")[0].split())
    said = f"{first.title}: {words}".strip(": ") + (f" [{first.about}]" if first.about else "")
    kinds = dict.fromkeys(_VALUE.sub("", each.about) for each in failures)
    others = [kind for kind in kinds if kind not in ("", _VALUE.sub("", first.about))]
    return said + (f"; also [{'], ['.join(others[:_MAX_OTHERS])}]" if others else "")
