"""Which requests the endpoint rejects, and the form of its errors."""

from typing import Any

from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.suite.assertions import JSON, content_type
from together_rerank_contract_tests.suite.endpoint import BUSY, Endpoint, check_not_busy
from together_rerank_contract_tests.suite.requirements import (
    Every,
    NotApplicable,
    RequirementFailed,
    document,
    kit,
    must,
    should,
)
from together_rerank_contract_tests.suite.samples import NOT_JSON, PAIR, QUERY

_SERVER_ERROR, _INVALID = 500, 422
_ERROR_DATA = "/components/schemas/ErrorData"
_REQUEST = "/components/schemas/RerankRequest/properties"


@must("RR-ERROR-001", document(_ERROR_DATA), quick=True, every=Every.ERROR)
def test_an_error_is_error_data(endpoint: Endpoint, exchange: Exchange) -> None:
    """The body of an error has the content type and the form that the document gives.

    A client that cannot read an error shows no message, and raises an error that hides the cause.

    On another shape, together 1.x raises a bare AssertionError or ValidationError, and the AI SDK shows no message.
    """
    forms = endpoint.document.error_media_types(exchange.status)
    if not forms or (content_type(exchange) in forms and content_type(exchange) != JSON):
        return
    expected = f"Content-Type: {' or '.join(forms)}, and a body that matches the schema"
    violations = endpoint.error_validator(exchange.status).violations(exchange.body)
    if exchange.body is None or exchange.decode_error or violations:
        problem = str(violations[0]) if exchange.body is not None and violations else "the body is not JSON"
        raise RequirementFailed(expected, f"{exchange.response_excerpt}; {problem}", exchange)
    if content_type(exchange) != JSON:
        raise RequirementFailed(expected, f"{exchange.status} with Content-Type: {content_type(exchange)}", exchange)


@must("RR-ERROR-002", document(f"{_REQUEST}/documents/oneOf"), requests=1, quick=True)
def test_an_empty_list_of_documents_is_rejected(endpoint: Endpoint) -> None:
    """The endpoint rejects a request with an empty list of documents.

    A pipeline whose retrieval finds nothing needs an error; a 200 without results hides the mistake.
    """
    _check_rejected(endpoint, "`documents` is empty", documents=[])


@should(
    "RR-ERROR-003", document("/paths/~1rerank/post/responses/404"), requests=1, quick=True, needs=("request.model",)
)
def test_an_unknown_model_is_rejected(endpoint: Endpoint) -> None:
    """The endpoint rejects an unknown model with a 404 or a 400.

    If another model serves a misspelt name, the quality drops and nobody notices.
    """
    # The same request with the right model was answered before.
    request = {**endpoint.reference.exchange.request, "model": "no-such-company/no-such-model"}
    exchange = check_not_busy(endpoint.exchange_for(request))
    if exchange.status == 200 and exchange.accepts("any-model"):
        raise NotApplicable("the endpoint accepts any model (x-mock-accepts)")
    # In other APIs, an unknown model may be a violation of the schema.
    if exchange.status not in (404, 400) and (endpoint.document.mapping.is_canonical or exchange.status != _INVALID):
        raise RequirementFailed("404 or 400, because the model does not exist", exchange.response_excerpt, exchange)


@should("RR-ERROR-004", kit("clients use the status and the type to decide whether to retry"), requests=1)
def test_errors_are_deterministic(endpoint: Endpoint) -> None:
    """The same invalid request always gets the same status and the same `error.type`.

    Retries and alerts depend on the status; if it changes, both are unreliable.
    """
    first = check_not_busy(endpoint.post(NOT_JSON))
    repeat = check_not_busy(endpoint.resend(NOT_JSON))
    if _kind(repeat) != _kind(first):
        expected = "{} with the type {!r}, as before".format(*_kind(first))
        raise RequirementFailed(expected, repeat.response_excerpt, repeat)


@must("RR-ERROR-005", document("/paths/~1rerank/post/responses"), quick=True, every=Every.RESPONSE)
def test_the_status_is_documented(endpoint: Endpoint, exchange: Exchange) -> None:
    """Every response to a POST has a status that the document lists, and is no server error.

    Clients handle the documented statuses; they have no code for a 201, a redirect or another error.
    """
    status = exchange.status
    if not endpoint.document.lists(status) or (status >= _SERVER_ERROR and status not in BUSY):
        allowed = [each for each in endpoint.document.statuses if each < _SERVER_ERROR or each in BUSY]
        location = exchange.received_headers.get("location")
        received = f"{exchange.response_excerpt}, to {location}" if location else exchange.response_excerpt
        raise RequirementFailed(f"one of {', '.join(map(str, allowed))}", received, exchange)


@must("RR-ERROR-006", document(f"{_REQUEST}/documents/oneOf"), requests=1)
def test_a_mixed_list_is_rejected(endpoint: Endpoint) -> None:
    """The endpoint rejects a list that mixes strings and objects.

    A pipeline that mixes them by mistake gets a ranking of two kinds of texts, without an error.
    """
    _check_rejected(endpoint, "`documents` mixes strings and objects", documents=["Llamas.", {"text": "Peru."}])


@must("RR-ERROR-007", document(f"{_REQUEST}/top_n/type"), requests=1, needs=("request.top_n",))
def test_top_n_as_a_string_is_rejected(endpoint: Endpoint) -> None:
    """The endpoint rejects `top_n` as a string.

    A client that sends a string works here, and gets an error from an endpoint that follows the document.
    """
    _check_rejected(endpoint, "`top_n` is a string", top_n="2")


@should(
    "RR-ERROR-008",
    kit('"the number of top results to return" has no meaning below one'),
    requests=2,
    needs=("request.top_n",),
)
def test_top_n_below_one_is_rejected(endpoint: Endpoint) -> None:
    """The endpoint rejects a `top_n` of 0 and of -1.

    Some servers return all documents and others none, so a client that computes a wrong `top_n` gets no error.
    """
    # -1 first: some documents allow 0.
    for top_n in (-1, 0):
        _check_rejected(endpoint, f"`top_n` is {top_n}", top_n=top_n)


@must(
    "RR-ERROR-009",
    kit("a request must not break the server, whatever it holds"),
    quick=True,
    every=Every.UNANSWERED,
)
def test_every_request_gets_a_response(_: Endpoint, exchange: Exchange) -> None:
    """Every request gets a complete response.

    A client waits and retries without success, and anyone may be able to crash the server with one request.
    """
    raise RequirementFailed("a complete response", exchange.decode_error, exchange)


def _check_rejected(endpoint: Endpoint, reason: str, **changes: Any) -> None:
    exchange = check_not_busy(endpoint.exchange_for({"query": QUERY, "documents": PAIR, **changes}))
    if endpoint.allows(exchange.sent):
        raise NotApplicable("the document allows it")
    if not 400 <= exchange.status < 500:
        raise RequirementFailed(f"a 4xx, because {reason}", exchange.response_excerpt, exchange)


def _kind(exchange: Exchange) -> tuple[int, object]:
    error = exchange.members.get("error")
    return exchange.status, error.get("type") if isinstance(error, dict) else None
