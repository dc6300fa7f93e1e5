"""How an endpoint says no."""

from __future__ import annotations

from together_rerank_contract_tests import refusals
from together_rerank_contract_tests.endpoint import Endpoint
from together_rerank_contract_tests.exchange import Exchange
from together_rerank_contract_tests.findings import NotApplicable, Unmet
from together_rerank_contract_tests.requirements import Level, document, kit, requirement
from together_rerank_spec import Validator

_ERROR_DATA = "/components/schemas/ErrorData"


@requirement(
    "RR-ERROR-001",
    "The body of an error is the document's ErrorData, in JSON.",
    Level.MUST,
    document(_ERROR_DATA),
    why="together 1.x raises a bare AssertionError or ValidationError on another form; the AI SDK shows no message.",
    requests=1,
    quick=True,
)
def test_an_error_is_error_data(endpoint: Endpoint) -> None:
    schema = endpoint.document.response_schema(400)
    validator = Validator(schema if schema is not None else {})
    shown = refusals.refusals(endpoint)
    if endpoint.transport.has_key:
        wrong_key = refusals.refused(endpoint.posted(refusals.NOT_JSON, authorization=refusals.WRONG_KEY))
        shown += [wrong_key] if wrong_key.status >= 400 else []
    if not shown:
        raise NotApplicable("the endpoint refused nothing")
    for exchange in shown:
        wrong = validator.violations(exchange.body)
        if exchange.body is None or wrong:
            complaint = f", and {wrong[0]}" if exchange.body is not None else ", which is no JSON"
            raise Unmet("ErrorData: an object `error` with strings", f"{exchange.answered}{complaint}", exchange)


@requirement(
    "RR-ERROR-002",
    "A request without a document is refused.",
    Level.MUST,
    document("/components/schemas/RerankRequest/properties/documents/oneOf"),
    why="A pipeline whose retrieval found nothing must learn it; an empty 200 elsewhere hides it.",
    quick=True,
)
def test_no_documents_are_refused(endpoint: Endpoint) -> None:
    exchange = refusals.refused(refusals.empty_documents(endpoint))
    if not 400 <= exchange.status < 500:
        raise Unmet("a 4xx, for `documents` is empty", exchange.answered, exchange)


@requirement(
    "RR-ERROR-003",
    "A model that is not served is refused with 404, or 400.",
    Level.SHOULD,
    document("/paths/~1rerank/post/responses/404"),
    why="A misspelt model that is answered by another one costs quality, and nobody notices.",
)
def test_an_unknown_model_is_refused(endpoint: Endpoint) -> None:
    exchange = refusals.refused(refusals.unknown_model(endpoint))
    if exchange.status == 200 and refusals.accepts(exchange, "any-model"):
        raise NotApplicable("the endpoint says that it serves any model")
    if exchange.status not in (404, 400):
        raise Unmet("404, for there is no such model; 400 is accepted too", exchange.answered, exchange)


@requirement(
    "RR-ERROR-004",
    "The same bad request gets the same status and the same `error.type`.",
    Level.SHOULD,
    kit("a client decides by them whether to try again"),
    why="Retries and alerts depend on the status; one that changes makes both unreliable.",
    requests=2,
)
def test_errors_are_deterministic(endpoint: Endpoint) -> None:
    first = refusals.refused(refusals.not_json(endpoint))
    for again in (refusals.refused(endpoint.again(refusals.NOT_JSON)) for _ in range(2)):
        if _kind(again) != _kind(first):
            raise Unmet("{} with the type {!r}, as before".format(*_kind(first)), again.answered, again)


def _kind(exchange: Exchange) -> tuple[int, object]:
    error = exchange.body.get("error") if isinstance(exchange.body, dict) else None
    return exchange.status, error.get("type") if isinstance(error, dict) else None
