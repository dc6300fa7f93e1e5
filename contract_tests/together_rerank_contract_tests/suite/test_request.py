"""Which request fields the endpoint accepts, and which parts of a request must not change the response."""

import json

from together_rerank_contract_tests.suite.answer import Answer
from together_rerank_contract_tests.suite.assertions import assert_same_scores
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import RequirementFailed, document, kit, must, observed, should
from together_rerank_contract_tests.suite.samples import OBJECTS, QUERY

_REQUEST = "/components/schemas/RerankRequest/properties"


@should("RR-REQUEST-001", document(f"{_REQUEST}/documents/oneOf"), requests=1)
def test_documents_may_be_objects(endpoint: Endpoint) -> None:
    """The endpoint accepts documents that are objects.

    Clients written for Together send the title and the text as separate fields; all their requests get a 4xx.
    """
    endpoint.check_answer(endpoint.probe("documents"))


@must("RR-REQUEST-002", document(f"{_REQUEST}/return_documents"), quick=True)
def test_return_documents_is_accepted(endpoint: Endpoint) -> None:
    """The endpoint accepts `return_documents`.

    together 1.x and the AI SDK always send false, and LiteLLM always sends true: all their requests fail.
    """
    endpoint.check_answer(endpoint.probe("return_documents"))


@must("RR-REQUEST-003", document(f"{_REQUEST}/top_n"), requests=1)
def test_top_n_is_accepted(endpoint: Endpoint) -> None:
    """The endpoint accepts `top_n`.

    Nearly every client sends it.
    """
    endpoint.check_answer(endpoint.probe("top_n"))


@should("RR-REQUEST-004", document(f"{_REQUEST}/rank_fields"), requests=1)
def test_rank_fields_is_accepted(endpoint: Endpoint) -> None:
    """The endpoint accepts `rank_fields` with documents that are objects.

    Clients that rank by title get a 4xx.
    """
    endpoint.rerank(QUERY, OBJECTS)
    endpoint.check_answer(endpoint.probe("rank_fields"))


@should(
    "RR-REQUEST-005",
    observed("comment in the gateway of Together's host, which rejects some clients by their headers"),
    requests=3,
    confirmed=True,
)
def test_headers_change_nothing(endpoint: Endpoint) -> None:
    """Other headers, compression and `Connection: close` do not change the response.

    Each HTTP library sends its own headers; a gateway that depends on them works with one client only.
    """
    _ = endpoint.reference.scores  # another requirement reports a reference that cannot be read
    content = endpoint.reference.exchange.content
    variants: tuple[tuple[tuple[str, str], ...], ...] = (
        (("X-Request-Source", "contract test"), ("User-Agent", "Mozilla/5.0")),
        (("Accept", "*/*"), ("Accept-Encoding", "gzip")),
        (("Connection", "close"),),
    )
    for headers in variants:
        answer = endpoint.check_answer(endpoint.post(content, headers=headers))
        if answer.exchange.decode_error:
            raise RequirementFailed("a body that can be decoded", answer.exchange.decode_error, answer.exchange)
        _check_same_as_reference(endpoint, answer)


@should("RR-REQUEST-006", kit("a JSON object is unordered (RFC 8259)"), requests=1, confirmed=True)
def test_the_sequence_of_keys_does_not_matter(endpoint: Endpoint) -> None:
    """The sequence of the keys in the request does not change the scores.

    Each client writes the keys in its own sequence.
    """
    request = endpoint.reference.exchange.request
    reversed_request = dict(reversed(request.items()))
    content = json.dumps(reversed_request, ensure_ascii=False).encode()
    _check_same_as_reference(endpoint, endpoint.check_answer(endpoint.post(content)))


def _check_same_as_reference(endpoint: Endpoint, answer: Answer) -> None:
    within = endpoint.tolerance.equal
    assert_same_scores(endpoint.reference.scores, answer.scores, within, "as without the change", answer.exchange)
