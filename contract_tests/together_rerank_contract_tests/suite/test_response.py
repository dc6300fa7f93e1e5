"""The parts of a 200 response."""

import weakref

from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.suite.answer import BODY, Answer
from together_rerank_contract_tests.suite.assertions import (
    DOCUMENT,
    JSON,
    OBJECT,
    assert_shape,
    coding,
    content_type,
    is_coding_accepted,
)
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import (
    Every,
    NotApplicable,
    PrerequisiteFailed,
    RequirementFailed,
    document,
    info,
    kit,
    must,
    should,
)

_RESPONSE = "/components/schemas/RerankResponse"


@must("RR-RESPONSE-001", document(_RESPONSE), quick=True, every=Every.ANSWER)
def test_a_success_is_a_rerank_response(endpoint: Endpoint, answer: Answer) -> None:
    """A 200 response is JSON with the content type application/json, and has the members that the schema requires.

    Every client reads `results`, and strict SDKs raise an error on any other response.

    The AI SDK raises an error, LiteLLM crashes, and together 2 and 3 return a string or None.
    """
    exchange = answer.exchange
    expected = f"Content-Type: {JSON} and JSON in UTF-8"
    if exchange.decode_error or not is_coding_accepted(exchange):
        problem = exchange.decode_error or f"the request does not accept the coding {coding(exchange)}"
        raise RequirementFailed(expected, f"a body that cannot be read: {problem}", exchange)
    if content_type(exchange) != JSON:
        raise RequirementFailed(expected, f"Content-Type: {content_type(exchange)}", exchange)
    if exchange.body is None or exchange.received.startswith(b"\xef\xbb\xbf"):
        raise RequirementFailed(expected, exchange.response_excerpt, exchange)
    assert_shape(endpoint, answer, None, "a body that matches the schema")


@must("RR-RESPONSE-002", document(f"{_RESPONSE}/properties/object"), quick=True, every=Every.ANSWER, needs=("object",))
def test_the_object_is_rerank(endpoint: Endpoint, answer: Answer) -> None:
    """The value of `object` is the one that the schema gives.

    Strict SDKs reject any other value.

    together 1.x raises a ValidationError on `list`; together 2 and 3 do so with strict validation.
    """
    assert_shape(endpoint, answer, OBJECT, "the value of `object` in the schema")


@must(
    "RR-RESPONSE-003",
    document(f"{_RESPONSE}/properties/results/items/required"),
    quick=True,
    every=Every.ANSWER,
    needs=("response.document",),
)
def test_each_result_has_a_document(endpoint: Endpoint, answer: Answer) -> None:
    """The `document` of each result has the form that the schema gives, with and without text.

    Strict SDKs reject any other form.

    They reject a `document` that is missing, null or not an object; LiteLLM and together 1.x crash on a string.
    """
    assert_shape(endpoint, answer, DOCUMENT, "a `document` that matches the schema, in each result")


@info("RR-RESPONSE-004", document(f"{_RESPONSE}/properties/model"), every=Every.ANSWER, needs=("response.model",))
def test_the_model_is_named(_: Endpoint, answer: Answer) -> None:
    """The value of `model` is a non-empty string.

    Logs and bills contain it; it may differ from the requested model.
    """
    if not isinstance(answer.exchange.body, dict):
        raise PrerequisiteFailed("the body is not a rerank response", BODY)
    model = answer.exchange.members.get("model")
    if not isinstance(model, str) or not model.strip():
        raise RequirementFailed("a name in `model`", f"`model` is {model!r}", answer.exchange)


@should("RR-RESPONSE-005", document(f"{_RESPONSE}/properties/id"), every=Every.ANSWER, needs=("response.id",))
def test_ids_are_unique(endpoint: Endpoint, answer: Answer) -> None:
    """Each response has a unique `id`.

    Traces and support requests refer to it; a repeated id is a sign of a cache in front of the endpoint.
    """
    response_id = answer.exchange.members.get("id")
    if response_id is None:
        raise NotApplicable("the response has no `id`, which the document allows")
    if endpoint.ids.setdefault(hash(str(response_id)), weakref.ref(answer.exchange))() is not answer.exchange:
        raise RequirementFailed("another `id` in each response", f"`id` is {response_id!r} again", answer.exchange)


@must(
    "RR-RESPONSE-006",
    kit("a client that checks the status and one that checks the body must reach the same result"),
    quick=True,
    every=Every.RESPONSE,
)
def test_success_and_error_do_not_mix(_: Endpoint, exchange: Exchange) -> None:
    """A 200 response has no `error`, and an error response has no `results`.

    A client that checks only the status reads an error in a 200 as an empty ranking, and does not retry.

    together 2 and 3 do so.
    """
    # In other APIs, the value at the place of an error may mean something else in a 200 with results.
    is_answer = not exchange.document.mapping.is_canonical and exchange.members.get("results")
    if exchange.status == 200 and exchange.members.get("error") and not is_answer:
        raise RequirementFailed("a 200 without `error`", exchange.response_excerpt, exchange)
    if exchange.status >= 400 and exchange.members.get("results"):
        raise RequirementFailed("an error without `results`", exchange.response_excerpt, exchange)
