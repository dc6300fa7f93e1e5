"""The parts of a 200 response."""

from together_rerank_contract_tests.suite.assertions import DOCUMENT, OBJECT, assert_shape, rejected_requests
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import (
    NotApplicable,
    RequirementFailed,
    document,
    info,
    kit,
    must,
    should,
)

_JSON = "application/json"
_RESPONSE = "/components/schemas/RerankResponse"


@must("RR-RESPONSE-001", document(_RESPONSE), requests=9, quick=True)
def test_a_success_is_a_rerank_response(endpoint: Endpoint) -> None:
    """A 200 response is JSON with the content type application/json, and has `model` and `results`.

    Every client reads `results`. On any other response, the AI SDK and strict SDKs raise an error, LiteLLM crashes, and
    together 2 and 3 return a string or None.
    """
    for answer in endpoint.samples:
        exchange = answer.exchange
        kind = exchange.received_headers.get("content-type", "none")
        expected = f"Content-Type: {_JSON} and JSON in UTF-8"
        if exchange.decode_error:
            raise RequirementFailed(expected, f"a body that cannot be decoded: {exchange.decode_error}", exchange)
        if kind.partition(";")[0].strip().lower() != _JSON:
            raise RequirementFailed(expected, f"Content-Type: {kind}", exchange)
        if exchange.body is None or exchange.received.startswith(b"\xef\xbb\xbf"):
            raise RequirementFailed(expected, exchange.response_excerpt, exchange)
    assert_shape(endpoint, None, "the document's RerankResponse")


@must("RR-RESPONSE-002", document(f"{_RESPONSE}/properties/object"), quick=True)
def test_the_object_is_rerank(endpoint: Endpoint) -> None:
    """The value of `object` is `rerank`.

    together 1.x raises a ValidationError on `list`; together 2 and 3 do so with strict validation.
    """
    assert_shape(endpoint, OBJECT, '`object` is "rerank"')


@must("RR-RESPONSE-003", document(f"{_RESPONSE}/properties/results/items/required"), quick=True)
def test_each_result_has_a_document(endpoint: Endpoint) -> None:
    """Each result has a `document`, which is an object with or without text.

    Strict SDKs reject a `document` that is missing, null or not an object; LiteLLM and together 1.x crash on a string.
    """
    assert_shape(endpoint, DOCUMENT, "`document` is an object in each result")


@info("RR-RESPONSE-004", document(f"{_RESPONSE}/properties/model"))
def test_the_model_is_named(endpoint: Endpoint) -> None:
    """The value of `model` is a non-empty string.

    Logs and bills contain it; it may differ from the requested model.
    """
    exchange = endpoint.reference.exchange
    model = exchange.members.get("model")
    if not isinstance(model, str) or not model.strip():
        raise RequirementFailed("a name in `model`", f"`model` is {model!r}", exchange)


@should("RR-RESPONSE-005", document(f"{_RESPONSE}/properties/id"))
def test_ids_are_unique(endpoint: Endpoint) -> None:
    """Each response has a unique `id`.

    Traces and support requests refer to it; a repeated id is a sign of a cache in front of the endpoint.
    """
    exchanges = [answer.exchange for answer in endpoint.repeats]
    ids = [each.members["id"] for each in exchanges if each.members.get("id") is not None]
    if not ids:
        raise NotApplicable("the response has no `id`, which the document allows")
    if len(set(map(str, ids))) < len(ids):
        raise RequirementFailed(
            "a different `id` in each of three responses", f"`id` is {ids[0]!r} again", exchanges[-1]
        )


@must(
    "RR-RESPONSE-006",
    kit("a client that checks the status and one that checks the body must reach the same result"),
    requests=3,
    quick=True,
)
def test_success_and_error_do_not_mix(endpoint: Endpoint) -> None:
    """A 200 response has no `error`, and an error response has no `results`.

    together 2 and 3 read an error in a 200 as an empty ranking, and no client retries.
    """
    for exchange in (answer.exchange for answer in endpoint.samples):
        if exchange.members.get("error"):
            raise RequirementFailed("a 200 without `error`", exchange.response_excerpt, exchange)
    for rejected in rejected_requests(endpoint):
        if rejected.members.get("results"):
            raise RequirementFailed("an error without `results`", rejected.response_excerpt, rejected)
