"""What of a request is taken, and what of it must not matter."""

import json

from together_rerank_contract_tests.suite.answer import Answer
from together_rerank_contract_tests.suite.assertions import assert_same_scores
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import RequirementFailed, document, kit, must, observed, should
from together_rerank_contract_tests.suite.samples import OBJECTS, QUERY

_REQUEST = "/components/schemas/RerankRequest/properties"


@should("RR-REQUEST-001", document(f"{_REQUEST}/documents/oneOf"), requests=1)
def test_documents_may_be_objects(endpoint: Endpoint) -> None:
    """Documents may be objects.

    Clients written for Together send title and text apart, and get a 4xx.
    """
    endpoint.answer_in(endpoint.probe("documents"))


@must("RR-REQUEST-002", document(f"{_REQUEST}/return_documents"), quick=True)
def test_return_documents_is_taken(endpoint: Endpoint) -> None:
    """`return_documents` is taken.

    together 1.x and the AI SDK always send false, LiteLLM always true: none of them gets an answer.
    """
    endpoint.answer_in(endpoint.probe("return_documents"))


@must("RR-REQUEST-003", document(f"{_REQUEST}/top_n"), requests=1)
def test_top_n_is_taken(endpoint: Endpoint) -> None:
    """`top_n` is taken.

    Nearly every client sends it.
    """
    endpoint.answer_in(endpoint.probe("top_n"))


@should("RR-REQUEST-004", document(f"{_REQUEST}/rank_fields"), requests=1)
def test_rank_fields_is_taken(endpoint: Endpoint) -> None:
    """`rank_fields` is taken, with documents that are objects.

    Clients that rank by title get a 4xx.
    """
    endpoint.rerank(QUERY, OBJECTS)
    endpoint.answer_in(endpoint.probe("rank_fields"))


@should(
    "RR-REQUEST-005",
    observed("comment in the gateway of Together's host, which refuses some clients by their headers"),
    requests=3,
    confirmed=True,
)
def test_headers_change_nothing(endpoint: Endpoint) -> None:
    """Neither other headers nor compression nor a closed connection change the answer.

    Each HTTP library sends its own headers; a gateway that depends on them works with one client only.
    """
    _ = endpoint.reference.scores  # what cannot be read anyway is told elsewhere
    content = endpoint.reference.exchange.content
    variants: tuple[tuple[tuple[str, str], ...], ...] = (
        (("X-Request-Source", "contract test"), ("User-Agent", "Mozilla/5.0")),
        (("Accept", "*/*"), ("Accept-Encoding", "gzip")),
        (("Connection", "close"),),
    )
    for headers in variants:
        answer = endpoint.answer_in(endpoint.post(content, headers=headers))
        if answer.exchange.decode_error:
            raise RequirementFailed("a body that can be read", answer.exchange.decode_error, answer.exchange)
        _same_as_reference(endpoint, answer)


@should("RR-REQUEST-006", kit("the members of a JSON object have no order (RFC 8259)"), requests=1, confirmed=True)
def test_the_order_of_keys_does_not_matter(endpoint: Endpoint) -> None:
    """The order of the request's keys does not matter.

    Each client writes the keys in its own order.
    """
    request = endpoint.reference.exchange.request
    turned = dict(reversed(request.items()))
    content = json.dumps(turned, ensure_ascii=False).encode()
    _same_as_reference(endpoint, endpoint.answer_in(endpoint.post(content)))


def _same_as_reference(endpoint: Endpoint, answer: Answer) -> None:
    within = endpoint.tolerance.equal
    assert_same_scores(endpoint.reference.scores, answer.scores, within, "as without the change", answer.exchange)
