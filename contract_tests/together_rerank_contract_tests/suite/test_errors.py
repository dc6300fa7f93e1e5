"""Which requests the endpoint rejects, and the shape of its errors."""

from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.suite.assertions import (
    NOT_JSON,
    WRONG_KEY,
    rejected_requests,
    send_empty_documents,
    send_unknown_model,
)
from together_rerank_contract_tests.suite.endpoint import Endpoint, check_not_busy
from together_rerank_contract_tests.suite.requirements import (
    NotApplicable,
    RequirementFailed,
    document,
    kit,
    must,
    should,
)
from together_rerank_spec import Validator

_ERROR_DATA = "/components/schemas/ErrorData"


@must("RR-ERROR-001", document(_ERROR_DATA), requests=1, quick=True)
def test_an_error_is_error_data(endpoint: Endpoint) -> None:
    """The body of an error is JSON that matches the document's ErrorData.

    On another shape, together 1.x raises a bare AssertionError or ValidationError, and the AI SDK shows no message.
    """
    validator = Validator(endpoint.document.response_schema(400) or {})
    exchanges = rejected_requests(endpoint)
    if endpoint.transport.has_key:
        wrong_key = check_not_busy(endpoint.post(NOT_JSON, authorization=WRONG_KEY))
        exchanges += [wrong_key] if wrong_key.status >= 400 else []
    if not exchanges:
        raise NotApplicable("the endpoint rejects none of the invalid requests")
    for exchange in exchanges:
        violations = validator.violations(exchange.body)
        if exchange.body is None or violations:
            problem = f", and {violations[0]}" if exchange.body is not None else ", which is not JSON"
            raise RequirementFailed(
                "ErrorData: an object `error` with strings", f"{exchange.response_excerpt}{problem}", exchange
            )


@must("RR-ERROR-002", document("/components/schemas/RerankRequest/properties/documents/oneOf"), quick=True)
def test_an_empty_list_of_documents_is_rejected(endpoint: Endpoint) -> None:
    """The endpoint rejects a request with an empty list of documents.

    A pipeline whose retrieval finds nothing needs an error; a 200 without results hides the mistake.
    """
    exchange = check_not_busy(send_empty_documents(endpoint))
    if not 400 <= exchange.status < 500:
        raise RequirementFailed("a 4xx, because `documents` is empty", exchange.response_excerpt, exchange)


@should("RR-ERROR-003", document("/paths/~1rerank/post/responses/404"))
def test_an_unknown_model_is_rejected(endpoint: Endpoint) -> None:
    """The endpoint rejects an unknown model with a 404 or a 400.

    If another model serves a misspelt name, the quality drops and nobody notices.
    """
    exchange = check_not_busy(send_unknown_model(endpoint))
    if exchange.status == 200 and exchange.accepts("any-model"):
        raise NotApplicable("the endpoint accepts any model (x-mock-accepts)")
    if exchange.status not in (404, 400):
        raise RequirementFailed("404 or 400, because the model does not exist", exchange.response_excerpt, exchange)


@should("RR-ERROR-004", kit("clients use the status and the type to decide whether to retry"), requests=2)
def test_errors_are_deterministic(endpoint: Endpoint) -> None:
    """The same invalid request always gets the same status and the same `error.type`.

    Retries and alerts depend on the status; if it changes, both are unreliable.
    """
    first = check_not_busy(endpoint.post(NOT_JSON))
    for repeat in (check_not_busy(endpoint.resend(NOT_JSON)) for _ in range(2)):
        if _kind(repeat) != _kind(first):
            expected = "{} with the type {!r}, as before".format(*_kind(first))
            raise RequirementFailed(expected, repeat.response_excerpt, repeat)


def _kind(exchange: Exchange) -> tuple[int, object]:
    error = exchange.members.get("error")
    return exchange.status, error.get("type") if isinstance(error, dict) else None
