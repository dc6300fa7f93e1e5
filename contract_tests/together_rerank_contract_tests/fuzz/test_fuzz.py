"""Requirements that Schemathesis checks with valid and invalid requests made from the document."""

from together_rerank_contract_tests.fuzz.fuzzing import Fuzzing
from together_rerank_contract_tests.suite.endpoint import check_not_busy
from together_rerank_contract_tests.suite.requirements import (
    NotApplicable,
    RequirementFailed,
    document,
    kit,
    must,
    should,
)

# The most other kinds of failures of a check to describe, and the most failures to look for them.
_MAX_OTHERS, _MAX_SEARCHED = 8, 200
_POST = "/paths/~1rerank/post"


@must("RR-FUZZ-001", kit("a server error is not the client's fault"))
def test_no_request_breaks_the_server(fuzzing: Fuzzing) -> None:
    """No request causes a server error or a dropped connection.

    Clients retry requests that can never succeed (most SDKs try three times after a 500), and attackers can abuse them.
    """
    _check(fuzzing, "not_a_server_error", "a response, with no status from 500 on except a documented 503 or 504")


@must("RR-FUZZ-002", document(f"{_POST}/responses"))
def test_statuses_are_documented(fuzzing: Fuzzing) -> None:
    """Every response to a POST has a status that the document lists.

    Clients handle the documented statuses; they do not expect any other.
    """
    _check(fuzzing, "status_code_conformance", "a status that the document lists")


@must("RR-FUZZ-003", document(f"{_POST}/responses"))
def test_content_types_are_documented(fuzzing: Fuzzing) -> None:
    """Every response, including errors, has a content type that the document lists.

    Clients parse the body of an error.

    together 1.x raises an AssertionError on an HTML page.
    """
    _check(fuzzing, "content_type_conformance", "a Content-Type that the document lists")


@must("RR-FUZZ-004", document("/components/schemas"))
def test_responses_match_the_schema(fuzzing: Fuzzing) -> None:
    """Every response matches the document's schema, for any request.

    Clients have one class for all responses, so the shape must not depend on the request.
    """
    _check(fuzzing, "response_schema_conformance", "a body that the document's schema allows")


@must("RR-FUZZ-005", document("/components/schemas/RerankRequest"))
def test_invalid_requests_are_rejected(fuzzing: Fuzzing) -> None:
    """The endpoint rejects a request that the schema forbids.

    If a misspelt field is ignored, all documents are returned without an error (HKUDS/LightRAG#1813).
    """
    _check(fuzzing, "negative_data_rejection", "a 4xx, because the request violates the schema")


@should("RR-FUZZ-006", document("/components/schemas/RerankRequest"))
def test_valid_requests_are_accepted(fuzzing: Fuzzing) -> None:
    """A request that the schema allows is not rejected as invalid.

    A request that works on one endpoint fails on another; if there is a limit, the document could state it.
    """
    expected = "200, or an error unrelated to the request, because the schema allows it"
    _check(fuzzing, "positive_data_acceptance", expected)


@should("RR-FUZZ-007", kit("RFC 9110, section 15.5.6"))
def test_other_methods_are_rejected(fuzzing: Fuzzing) -> None:
    """A method that the document does not list gets a 405 with `Allow`, or a 501.

    A 200 for a GET, which ranks nothing, hides a mistake of the client.
    """
    _require_other_methods(fuzzing)
    _check(fuzzing, "unsupported_method", "405 with `Allow`, or 501")


@should("RR-FUZZ-008", kit("RFC 9110, section 10.2.1"))
def test_allow_names_the_methods(fuzzing: Fuzzing) -> None:
    """`Allow` in the response to OPTIONS lists the methods of the document.

    Gateways and browsers send only the methods in it.
    """
    _require_other_methods(fuzzing)
    _check(fuzzing, "allow_header_conformance", "the document's methods in `Allow`")


@must("RR-FUZZ-009", document("/security"))
def test_the_key_is_always_required(fuzzing: Fuzzing) -> None:
    """A request without the key or with another key never gets a 200.

    Anyone who finds the port can use the model.
    """
    if not fuzzing.checks_key:
        raise NotApplicable("no key to send (--api-key-env), or the endpoint accepts any key (x-mock-accepts)")
    _check(fuzzing, "ignored_auth", "401, because the key is missing or wrong")


@should("RR-FUZZ-010", document("/components/schemas/RerankRequest/properties"), requests=3)
def test_null_is_rejected(fuzzing: Fuzzing) -> None:
    """The endpoint rejects null for an optional field, because the schema has no null there.

    A client that sends null works here, and gets an error from an endpoint that keeps to the document.
    """
    for name, exchange in fuzzing.with_null.items():
        if check_not_busy(exchange).status == 200 and not fuzzing.endpoint.allows(exchange.sent):
            raise RequirementFailed(f"a 4xx, because `{name}` is null", exchange.response_excerpt, exchange)


def _require_other_methods(fuzzing: Fuzzing) -> None:
    if not fuzzing.sends_other_methods:
        raise NotApplicable("at Together's hosts, a gateway handles other methods")


def _check(fuzzing: Fuzzing, check: str, expected: str) -> None:
    failures = fuzzing.failures(check)
    if failures:
        exchange = failures[0].exchange
        kinds = [*dict.fromkeys(fuzzing.describe(each) for each in failures[:_MAX_SEARCHED])]
        others = f"; also: {'; '.join(kinds[1 : 1 + _MAX_OTHERS])}" if len(kinds) > 1 else ""
        times = len({each.name for each in failures})
        raise RequirementFailed(expected, f"{exchange.response_excerpt}; {kinds[0]}{others}", exchange, times=times)
