"""What of a request is taken, and what of it must not matter."""

from __future__ import annotations

import json

from together_rerank_contract_tests import tolerance
from together_rerank_contract_tests.answer import Answer
from together_rerank_contract_tests.endpoint import Endpoint
from together_rerank_contract_tests.findings import Unmet
from together_rerank_contract_tests.requirements import Level, document, kit, observed, requirement
from together_rerank_contract_tests.samples import OBJECTS, QUERY

_REQUEST = "/components/schemas/RerankRequest/properties"


@requirement(
    "RR-REQUEST-001",
    "Documents may be objects.",
    Level.SHOULD,
    document(f"{_REQUEST}/documents/oneOf"),
    why="Clients written for Together send title and text apart, and get a 4xx.",
    requests=1,
)
def test_documents_may_be_objects(endpoint: Endpoint) -> None:
    endpoint.accepted(endpoint.tried("documents"))


@requirement(
    "RR-REQUEST-002",
    "`return_documents` is taken.",
    Level.MUST,
    document(f"{_REQUEST}/return_documents"),
    why="together 1.x and the AI SDK always send false, LiteLLM always true: none of them gets an answer.",
    quick=True,
)
def test_return_documents_is_taken(endpoint: Endpoint) -> None:
    endpoint.accepted(endpoint.tried("return_documents"))


@requirement(
    "RR-REQUEST-003",
    "`top_n` is taken.",
    Level.MUST,
    document(f"{_REQUEST}/top_n"),
    why="Nearly every client sends it.",
    requests=1,
)
def test_top_n_is_taken(endpoint: Endpoint) -> None:
    endpoint.accepted(endpoint.tried("top_n"))


@requirement(
    "RR-REQUEST-004",
    "`rank_fields` is taken, with documents that are objects.",
    Level.SHOULD,
    document(f"{_REQUEST}/rank_fields"),
    why="Clients that rank by title get a 4xx.",
    requests=1,
)
def test_rank_fields_is_taken(endpoint: Endpoint) -> None:
    endpoint.rerank(QUERY, OBJECTS)
    endpoint.accepted(endpoint.tried("rank_fields"))


@requirement(
    "RR-REQUEST-005",
    "Neither other headers nor compression nor a closed connection change the answer.",
    Level.SHOULD,
    observed("comment in the gateway of Together's host, which refuses some clients by their headers"),
    why="Each HTTP library sends headers of its own; a gateway that minds them works with one client alone.",
    requests=3,
    confirmed=True,
)
def test_headers_change_nothing(endpoint: Endpoint) -> None:
    _ = endpoint.reference.scores  # what cannot be read anyway is told elsewhere
    content = endpoint.reference.exchange.content
    variants: tuple[tuple[tuple[str, str], ...], ...] = (
        (("X-Request-Source", "contract test"), ("User-Agent", "Mozilla/5.0")),
        (("Accept", "*/*"), ("Accept-Encoding", "gzip")),
        (("Connection", "close"),),
    )
    for headers in variants:
        answer = endpoint.accepted(endpoint.posted(content, headers=headers))
        if answer.exchange.flaw:
            raise Unmet("a body that can be read", answer.exchange.flaw, answer.exchange)
        _same_as_reference(endpoint, answer)


@requirement(
    "RR-REQUEST-006",
    "The order of the request's keys does not matter.",
    Level.SHOULD,
    kit("the members of a JSON object have no order (RFC 8259)"),
    why="Each client writes them in an order of its own.",
    requests=1,
    confirmed=True,
)
def test_the_order_of_keys_does_not_matter(endpoint: Endpoint) -> None:
    request = endpoint.reference.exchange.request
    turned = dict(reversed(request.items()))
    content = json.dumps(turned, ensure_ascii=False).encode()
    _same_as_reference(endpoint, endpoint.accepted(endpoint.posted(content)))


def _same_as_reference(endpoint: Endpoint, answer: Answer) -> None:
    expected = endpoint.reference.scores
    index = tolerance.unequal(expected, answer.scores, endpoint.tolerance.equal)
    if index is not None:
        received = f"{answer.scores[index]:g} for document {index}"
        raise Unmet(f"{expected[index]:g}, as without the change", received, answer.exchange)
