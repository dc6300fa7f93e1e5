"""What a 200 is made of."""

from together_rerank_contract_tests.suite.assertions import DOCUMENT, OBJECT, assert_shape, refusals
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
    """A 200 is JSON, says so, and has `model` and `results`.

    Every client reads `results`; the AI SDK and strict SDKs refuse the answer, LiteLLM crashes, together 2 and 3 return
    a string or None.
    """
    for answer in endpoint.samples:
        exchange = answer.exchange
        kind = exchange.received_headers.get("content-type", "none")
        expected = f"Content-Type: {_JSON} and JSON in UTF-8"
        if exchange.decode_error:
            raise RequirementFailed(expected, f"a body that cannot be read: {exchange.decode_error}", exchange)
        if kind.partition(";")[0].strip().lower() != _JSON:
            raise RequirementFailed(expected, f"Content-Type: {kind}", exchange)
        if exchange.body is None or exchange.received.startswith(b"\xef\xbb\xbf"):
            raise RequirementFailed(expected, exchange.answered, exchange)
    assert_shape(endpoint, None, "the document's RerankResponse")


@must("RR-RESPONSE-002", document(f"{_RESPONSE}/properties/object"), quick=True)
def test_the_object_is_rerank(endpoint: Endpoint) -> None:
    """`object` is `rerank`.

    together 1.x raises a ValidationError on `list`, and so does 2 and 3 with strict validation.
    """
    assert_shape(endpoint, OBJECT, '`object` is "rerank"')


@must("RR-RESPONSE-003", document(f"{_RESPONSE}/properties/results/items/required"), quick=True)
def test_each_result_has_a_document(endpoint: Endpoint) -> None:
    """Each result has a `document`, an object, with texts or without.

    Strict SDKs refuse a missing, null or plain `document`; LiteLLM and together 1.x crash on a string.
    """
    assert_shape(endpoint, DOCUMENT, "`document` is an object in each result")


@info("RR-RESPONSE-004", document(f"{_RESPONSE}/properties/model"))
def test_the_model_is_named(endpoint: Endpoint) -> None:
    """`model` is not empty.

    Logs and bills are read by it; that it differs from the model asked for is allowed.
    """
    exchange = endpoint.reference.exchange
    model = exchange.members.get("model")
    if not isinstance(model, str) or not model.strip():
        raise RequirementFailed("a name in `model`", f"`model` is {model!r}", exchange)


@should("RR-RESPONSE-005", document(f"{_RESPONSE}/properties/id"))
def test_ids_are_unique(endpoint: Endpoint) -> None:
    """Each answer has an `id` of its own.

    Traces and support requests refer to it; a repeated id is the sign of a cache in between.
    """
    exchanges = [answer.exchange for answer in endpoint.repeats]
    ids = [each.members["id"] for each in exchanges if each.members.get("id") is not None]
    if not ids:
        raise NotApplicable("there is no `id`, which the document allows")
    if len(set(map(str, ids))) < len(ids):
        raise RequirementFailed("another `id` in each of three answers", f"`id` is {ids[0]!r} again", exchanges[-1])


@must(
    "RR-RESPONSE-006",
    kit("who looks at the status and who looks at the body must come to the same end"),
    requests=3,
    quick=True,
)
def test_success_and_error_do_not_mix(endpoint: Endpoint) -> None:
    """A 200 has no `error`, and an error has no `results`.

    An error in a 200 is read as an empty ranking by together 2 and 3, and no client tries again.
    """
    for exchange in (answer.exchange for answer in endpoint.samples):
        if exchange.members.get("error"):
            raise RequirementFailed("a 200 without `error`", exchange.answered, exchange)
    for refused in refusals(endpoint):
        if refused.members.get("results"):
            raise RequirementFailed("an error without `results`", refused.answered, refused)
