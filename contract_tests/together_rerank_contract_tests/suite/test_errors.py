"""How an endpoint says no."""

from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.suite.assertions import (
    NOT_JSON,
    WRONG_KEY,
    empty_documents,
    refusals,
    unknown_model,
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
    """The body of an error is the document's ErrorData, in JSON.

    together 1.x raises a bare AssertionError or ValidationError on another form; the AI SDK shows no message.
    """
    validator = Validator(endpoint.document.response_schema(400) or {})
    shown = refusals(endpoint)
    if endpoint.transport.has_key:
        wrong_key = check_not_busy(endpoint.post(NOT_JSON, authorization=WRONG_KEY))
        shown += [wrong_key] if wrong_key.status >= 400 else []
    if not shown:
        raise NotApplicable("the endpoint refused nothing")
    for exchange in shown:
        wrong = validator.violations(exchange.body)
        if exchange.body is None or wrong:
            complaint = f", and {wrong[0]}" if exchange.body is not None else ", which is no JSON"
            raise RequirementFailed(
                "ErrorData: an object `error` with strings", f"{exchange.answered}{complaint}", exchange
            )


@must("RR-ERROR-002", document("/components/schemas/RerankRequest/properties/documents/oneOf"), quick=True)
def test_no_documents_are_refused(endpoint: Endpoint) -> None:
    """A request without a document is refused.

    A pipeline whose retrieval finds nothing needs an error; a 200 without results hides the mistake.
    """
    exchange = check_not_busy(empty_documents(endpoint))
    if not 400 <= exchange.status < 500:
        raise RequirementFailed("a 4xx, for `documents` is empty", exchange.answered, exchange)


@should("RR-ERROR-003", document("/paths/~1rerank/post/responses/404"))
def test_an_unknown_model_is_refused(endpoint: Endpoint) -> None:
    """A model that is not served is refused with 404, or 400.

    A misspelt model that is answered by another one costs quality, and nobody notices.
    """
    exchange = check_not_busy(unknown_model(endpoint))
    if exchange.status == 200 and exchange.accepts("any-model"):
        raise NotApplicable("the endpoint says that it serves any model")
    if exchange.status not in (404, 400):
        raise RequirementFailed("404, for there is no such model; 400 is accepted too", exchange.answered, exchange)


@should("RR-ERROR-004", kit("a client decides by them whether to try again"), requests=2)
def test_errors_are_deterministic(endpoint: Endpoint) -> None:
    """The same bad request gets the same status and the same `error.type`.

    Retries and alerts depend on the status; if it changes, both are unreliable.
    """
    first = check_not_busy(endpoint.post(NOT_JSON))
    for again in (check_not_busy(endpoint.resend(NOT_JSON)) for _ in range(2)):
        if _kind(again) != _kind(first):
            raise RequirementFailed("{} with the type {!r}, as before".format(*_kind(first)), again.answered, again)


def _kind(exchange: Exchange) -> tuple[int, object]:
    error = exchange.members.get("error")
    return exchange.status, error.get("type") if isinstance(error, dict) else None
