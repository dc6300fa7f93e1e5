"""What a 200 is made of."""

from __future__ import annotations

from together_rerank_contract_tests import shape
from together_rerank_contract_tests.endpoint import Endpoint
from together_rerank_contract_tests.findings import NotApplicable, Unmet
from together_rerank_contract_tests.refusals import refusals
from together_rerank_contract_tests.requirements import Level, document, kit, requirement

_JSON = "application/json"
_RESPONSE = "/components/schemas/RerankResponse"


@requirement(
    "RR-RESPONSE-001",
    "A 200 is JSON, says so, and has `model` and `results`.",
    Level.MUST,
    document(_RESPONSE),
    why="Every client reads `results`; the AI SDK and strict SDKs refuse the answer, LiteLLM crashes, together 2 and 3 "
    "return a string or None.",
    requests=9,
    quick=True,
)
def test_a_success_is_a_rerank_response(endpoint: Endpoint) -> None:
    for answer in endpoint.samples:
        exchange = answer.exchange
        kind = exchange.received_headers.get("content-type", "none")
        expected = f"Content-Type: {_JSON} and JSON in UTF-8"
        if exchange.flaw:
            raise Unmet(expected, f"a body that cannot be read: {exchange.flaw}", exchange)
        if kind.partition(";")[0].strip().lower() != _JSON:
            raise Unmet(expected, f"Content-Type: {kind}", exchange)
        if exchange.body is None or exchange.received.startswith(b"\xef\xbb\xbf"):
            raise Unmet(expected, exchange.answered, exchange)
    shape.hold(endpoint, None, "the document's RerankResponse")


@requirement(
    "RR-RESPONSE-002",
    "`object` is `rerank`.",
    Level.MUST,
    document(f"{_RESPONSE}/properties/object"),
    why="together 1.x raises a ValidationError on `list`, and so does 2 and 3 with strict validation.",
    quick=True,
)
def test_the_object_is_rerank(endpoint: Endpoint) -> None:
    shape.hold(endpoint, shape.OBJECT, '`object` is "rerank"')


@requirement(
    "RR-RESPONSE-003",
    "Each result has a `document`, an object, with texts or without.",
    Level.MUST,
    document(f"{_RESPONSE}/properties/results/items/required"),
    why="Strict SDKs refuse a missing, null or plain `document`; LiteLLM and together 1.x crash on a string.",
    quick=True,
)
def test_each_result_has_a_document(endpoint: Endpoint) -> None:
    shape.hold(endpoint, shape.DOCUMENT, "`document` is an object in each result")


@requirement(
    "RR-RESPONSE-004",
    "`model` is not empty.",
    Level.INFO,
    document(f"{_RESPONSE}/properties/model"),
    why="Logs and bills are read by it; that it differs from the model asked for is allowed.",
)
def test_the_model_is_named(endpoint: Endpoint) -> None:
    exchange = endpoint.reference.exchange
    model = exchange.body.get("model") if isinstance(exchange.body, dict) else None
    if not isinstance(model, str) or not model.strip():
        raise Unmet("a name in `model`", f"`model` is {model!r}", exchange)


@requirement(
    "RR-RESPONSE-005",
    "Each answer has an `id` of its own.",
    Level.SHOULD,
    document(f"{_RESPONSE}/properties/id"),
    why="Traces and support requests are joined by it; an id that comes again tells of a cache in between.",
)
def test_ids_are_unique(endpoint: Endpoint) -> None:
    exchanges = [answer.exchange for answer in endpoint.repeats]
    ids = [each.body.get("id") if isinstance(each.body, dict) else None for each in exchanges]
    told = [each for each in ids if each is not None]
    if not told:
        raise NotApplicable("there is no `id`, which the document allows")
    if len(set(map(str, told))) < len(told):
        raise Unmet("another `id` in each of three answers", f"`id` is {told[0]!r} again", exchanges[-1])


@requirement(
    "RR-RESPONSE-006",
    "A 200 has no `error`, and an error has no `results`.",
    Level.MUST,
    kit("who looks at the status and who looks at the body must come to the same end"),
    why="An error in a 200 is read as an empty ranking by together 2 and 3, and no client tries again.",
    requests=3,
    quick=True,
)
def test_success_and_error_do_not_mix(endpoint: Endpoint) -> None:
    for exchange in (answer.exchange for answer in endpoint.samples):
        if isinstance(exchange.body, dict) and exchange.body.get("error"):
            raise Unmet("a 200 without `error`", exchange.answered, exchange)
    for refused in refusals(endpoint):
        if isinstance(refused.body, dict) and refused.body.get("results"):
            raise Unmet("an error without `results`", refused.answered, refused)
