"""Which request fields the endpoint accepts, and which parts of a request must not change the response."""

import json
import re

from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.suite.answer import Answer
from together_rerank_contract_tests.suite.assertions import assert_accepted, assert_same_scores
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import (
    Every,
    document,
    kit,
    must,
    observed,
    should,
)
from together_rerank_contract_tests.suite.samples import ESCAPED, LONG, OBJECTS, QUERY

_REQUEST = "/components/schemas/RerankRequest/properties"


@should("RR-REQUEST-001", document(f"{_REQUEST}/documents/oneOf"), requests=1, needs=("objects",))
def test_documents_may_be_objects(endpoint: Endpoint) -> None:
    """The endpoint accepts documents that are objects.

    Clients that send the title and the text as separate fields get a 4xx for all their requests.
    """
    assert_accepted(endpoint.probe("documents"))


@must("RR-REQUEST-002", document(f"{_REQUEST}/return_documents"), quick=True, needs=("request.return_documents",))
def test_return_documents_is_accepted(endpoint: Endpoint) -> None:
    """The endpoint accepts `return_documents`.

    All requests of clients that always send it fail.

    together 1.x and the AI SDK always send false, and LiteLLM always sends true.
    """
    assert_accepted(endpoint.probe("return_documents"))


@must("RR-REQUEST-003", document(f"{_REQUEST}/top_n"), requests=1, needs=("request.top_n",))
def test_top_n_is_accepted(endpoint: Endpoint) -> None:
    """The endpoint accepts `top_n`.

    Nearly every client sends it.
    """
    assert_accepted(endpoint.probe("top_n"))


@should("RR-REQUEST-004", document(f"{_REQUEST}/rank_fields"), requests=1, needs=("request.rank_fields",))
def test_rank_fields_is_accepted(endpoint: Endpoint) -> None:
    """The endpoint accepts `rank_fields` with documents that are objects.

    Clients that rank by title get a 4xx.
    """
    endpoint.rerank(QUERY, OBJECTS)
    assert_accepted(endpoint.probe("rank_fields"))


@should(
    "RR-REQUEST-005",
    observed("comment in the gateway of Together's host, which rejects some clients by their headers"),
    requests=4,
    confirmed=True,
)
def test_headers_change_nothing(endpoint: Endpoint) -> None:
    """Other headers, a charset, compression and `Connection: close` do not change the response.

    Each HTTP library sends its own headers; a gateway that depends on them works with one client only.
    """
    content = _reference_content(endpoint)
    variants: tuple[tuple[tuple[str, str], ...], ...] = (
        (("X-Request-Source", "contract test"), ("User-Agent", "Mozilla/5.0"), ("Connection", "close")),
        (("Content-Type", "application/json; charset=utf-8"), ("Accept", "application/json, text/plain, */*")),
        (("Accept", "*/*"), ("Accept-Encoding", "deflate")),
    )
    for headers in variants:
        _assert_unchanged(endpoint, endpoint.post(content, headers=headers))
    long = endpoint.limits.rerank(QUERY, LONG, return_documents=True)
    # RR-RESPONSE-001 checks the coding of the response, and RR-DOCUMENT-005 its texts.
    assert_accepted(endpoint.post(long.exchange.content, headers=(("Accept-Encoding", "gzip"),)))


@should("RR-REQUEST-006", kit("a JSON object is unordered (RFC 8259)"), requests=1, confirmed=True)
def test_the_sequence_of_keys_does_not_matter(endpoint: Endpoint) -> None:
    """The sequence of the keys in the request does not change the scores.

    Each client writes the keys in its own sequence.
    """
    reversed_request = dict(reversed(json.loads(_reference_content(endpoint)).items()))
    _assert_unchanged(endpoint, endpoint.post(json.dumps(reversed_request, ensure_ascii=False).encode()))


@must("RR-REQUEST-007", document("/paths/~1rerank/post/responses/200"), quick=True, every=Every.REFUSAL)
def test_valid_requests_are_accepted(_: Endpoint, exchange: Exchange) -> None:
    """The endpoint accepts a valid request with ordinary texts.

    A request that works on one endpoint fails on another, with an error that blames the client.
    """
    assert_accepted(exchange)


@should("RR-REQUEST-008", document(f"{_REQUEST}/documents/oneOf"), every=Every.REFUSAL)
def test_every_text_is_accepted(_: Endpoint, exchange: Exchange) -> None:
    """The endpoint accepts any string as a document: empty, blank, with control characters or rare scripts.

    Every request that contains such a passage fails.
    """
    assert_accepted(exchange)


@must("RR-REQUEST-009", kit("RFC 8259 allows white space between tokens, and escapes in strings"), requests=2)
def test_other_forms_of_json_are_equal(endpoint: Endpoint) -> None:
    r"""A request with white space between its tokens, or with escapes such as `\u0061`, is read like any other.

    Python's `json.dumps` escapes every character outside ASCII, and Java's and PHP's libraries escape `/`.
    """
    request = endpoint.rerank(QUERY, ESCAPED, return_documents=True, top_n=len(ESCAPED)).exchange.sent
    escaped = json.dumps(request, indent="\t").replace("/", "\\/").replace("l", "\\u006c").replace("\n", "\r\n ")
    escaped = re.sub(r"\\u[0-9a-f]{4}", lambda match: f"\\u{match[0][2:].upper()}", escaped)
    # RR-DOCUMENT-005 compares the texts.
    assert_accepted(endpoint.post(f"\r\n{escaped}\n".encode()))


def _reference_content(endpoint: Endpoint) -> bytes:
    _ = endpoint.reference.scores  # another requirement reports a reference that cannot be read
    return endpoint.reference.exchange.content


def _assert_unchanged(endpoint: Endpoint, exchange: Exchange) -> None:
    assert_accepted(exchange)
    scores, within = endpoint.reference.scores, endpoint.tolerance.equal
    assert_same_scores(scores, Answer(exchange).scores, within, "as without the change", exchange)
