"""How scores and rankings of related requests compare: which changes must not affect them, and which must."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from together_rerank_contract_tests.client.transport import ENDPOINT_KEY, Authorization
from together_rerank_contract_tests.suite.answer import Answer
from together_rerank_contract_tests.suite.assertions import assert_query_decides, assert_same_order, assert_same_scores
from together_rerank_contract_tests.suite.endpoint import UNAUTHORIZED, Endpoint
from together_rerank_contract_tests.suite.requirements import (
    NotApplicable,
    RequirementFailed,
    document,
    info,
    kit,
    must,
    observed,
    should,
)
from together_rerank_contract_tests.suite.samples import (
    DOCUMENTS,
    IRRELEVANT,
    OTHER_QUERY,
    PERMUTATIONS,
    QUERY,
    SUBSET,
    concurrent_requests,
    successive_requests,
)

_POINTWISE = kit(
    "a `relevance_score` is the relevance of one document to the query, independent of the other documents"
)
# Concurrent requests share batches, so their scores differ more than those of repeats.
_CONCURRENT_OF_SPAN = 0.1
# How often the concurrent requests are sent.
_ROUNDS = 2


@should("RR-RELATION-001", kit("the request is the same; small noise of the hardware is allowed"))
def test_a_repeat_gets_the_same_ranking(endpoint: Endpoint) -> None:
    """The same request always gets the same ranking.

    Rankings that change from request to request cannot be tested, cached or explained.
    """
    first, *others = endpoint.repeats
    for other in others:
        assert_same_order(first.scores, other.scores, endpoint.measured.clear_gap, other.exchange)
    _ = endpoint.tolerance


@should("RR-RELATION-002", _POINTWISE, requests=1, confirmed=True)
def test_a_permutation_changes_nothing(endpoint: Endpoint) -> None:
    """The sequence of the documents in the request changes neither the scores nor the ranking.

    The sequence from the retriever affects the ranking, so a better retriever may look worse.
    """
    within = endpoint.pointwise.equal_across_batches
    expected = endpoint.reference.scores
    for sequence in PERMUTATIONS:
        scores, exchange = endpoint.reordered_scores(sequence)
        assert_same_order(expected, scores, within, exchange)
        assert_same_scores(expected, scores, within, "as in the sequence of the reference", exchange)


@should("RR-RELATION-003", _POINTWISE, requests=1, confirmed=True)
def test_leaving_documents_out_keeps_the_ranking(endpoint: Endpoint) -> None:
    """If documents are left out, the ranking of the others does not change.

    Paging and caching by document give wrong results.
    """
    within = endpoint.pointwise.equal_across_batches
    kept = range(len(DOCUMENTS) - SUBSET, len(DOCUMENTS))
    fewer = endpoint.rerank(QUERY, [DOCUMENTS[index] for index in kept])
    scores = {kept[position]: score for position, score in fewer.scores.items()}
    assert_same_order(endpoint.reference.scores, scores, within, fewer.exchange)


@should("RR-RELATION-004", _POINTWISE, requests=len(DOCUMENTS) - 1, confirmed=True)
def test_one_by_one_gives_the_same_ranking(endpoint: Endpoint) -> None:
    """Documents that are sent one by one rank the same as in one request.

    Clients send long lists in parts, and merge the parts by score.
    """
    within = endpoint.pointwise.equal_across_batches
    answers = [endpoint.rerank(QUERY, [each]) for each in DOCUMENTS]
    alone = {index: answer.scores[0] for index, answer in enumerate(answers)}
    assert_same_order(endpoint.reference.scores, alone, within, answers[endpoint.reference.best].exchange)


@should("RR-RELATION-005", _POINTWISE, requests=1, confirmed=True)
def test_an_irrelevant_document_changes_nothing(endpoint: Endpoint) -> None:
    """An irrelevant document does not change the ranking of the others.

    One irrelevant passage from the retriever changes the whole ranking.
    """
    within = endpoint.pointwise.equal_across_batches
    more = endpoint.rerank(QUERY, [*DOCUMENTS, IRRELEVANT])
    assert_same_order(endpoint.reference.scores, more.scores, within, more.exchange)


@should(
    "RR-RELATION-006",
    document("/components/schemas/RerankRequest/properties/query/description"),
    requests=2,
    confirmed=True,
)
def test_the_query_decides(endpoint: Endpoint) -> None:
    """The query decides which document ranks first.

    If the ranking ignores the query, every search returns the same documents.
    """
    assert_query_decides(endpoint, OTHER_QUERY, QUERY)


@info(
    "RR-RELATION-007",
    kit("models made for questions may prefer an answer to the question itself"),
    requests=1,
    confirmed=True,
)
def test_the_query_itself_comes_first(endpoint: Endpoint) -> None:
    """A document that equals the query ranks first among irrelevant documents.

    A search for a title does not find the title.
    """
    answer = endpoint.rerank(QUERY, [DOCUMENTS[0], QUERY, IRRELEVANT])
    if answer.best != 1:
        raise RequirementFailed(
            "document 1 first, because it equals the query", f"document {answer.best} first", answer.exchange
        )


@must(
    "RR-RELATION-008",
    observed("mixed-up batches, xorbitsai/inference PR#5269"),
    requests=(1 + _ROUNDS) * (len(concurrent_requests()) + 1),
)
def test_concurrent_requests_are_not_mixed_up(endpoint: Endpoint) -> None:
    """Concurrent requests get the same results as requests that are sent one by one.

    Under load, a user gets the ranking of another user's documents.
    """
    serial = [endpoint.rerank(**request) for request in concurrent_requests()]
    _ = endpoint.tolerance, [answer.scores for answer in serial]
    calls: list[tuple[bytes, Authorization]] = [(answer.exchange.content, ENDPOINT_KEY) for answer in serial]
    if endpoint.checks_key and endpoint.post(calls[0][0], authorization=None).status == UNAUTHORIZED:
        calls.append((calls[0][0], None))
    for _ in range(_ROUNDS):
        with ThreadPoolExecutor(len(calls)) as threads:
            try:
                exchanges = list(threads.map(lambda call: endpoint.resend(call[0], authorization=call[1]), calls))
            except KeyboardInterrupt:
                endpoint.transport.close()  # otherwise the interruption waits for all requests
                raise
        for alone, exchange in zip(serial, exchanges, strict=False):
            _check_same(endpoint, alone, endpoint.accept(exchange))
        if exchanges[-1].status == 200 and len(exchanges) > len(serial):
            expected = "401, as without other requests, because no key was sent"
            raise RequirementFailed(expected, exchanges[-1].response_excerpt, exchanges[-1])


@must(
    "RR-RELATION-009",
    kit("a response answers its own request, whatever was sent before it"),
    requests=len(successive_requests()) + 2,
)
def test_a_response_is_not_that_of_an_earlier_request(endpoint: Endpoint) -> None:
    """A request gets its own result, even if an earlier one had the same query, number of documents or first documents.

    A cache whose key lacks a part of the request gives a user the answer of another.
    """
    requests = successive_requests()
    # RR-DOCUMENT-001 and RR-DOCUMENT-005 compare the texts.
    answers = [endpoint.rerank(query, documents, return_documents=True) for query, documents, _ in requests]
    _check_options_are_forgotten(endpoint)
    if endpoint.measured.is_listwise:
        raise NotApplicable("scores depend on the other documents in the request")
    for answer, (_, _, position) in zip(answers, requests, strict=True):
        if (
            position is not None
            and len({*answer.listed_scores}) > 1
            and _results(answer) == _results(answers[position])
        ):
            expected = "another ranking than for an earlier request with another query or with other documents"
            received = f"the indices {answer.indices} with the scores {answer.listed_scores}, as before"
            raise RequirementFailed(expected, received, answer.exchange)


def _check_options_are_forgotten(endpoint: Endpoint) -> None:
    """Raise RequirementFailed if the options of a request have an effect on the next request."""
    before = endpoint.reference  # the first request of the run
    endpoint.accept(
        endpoint.resend(endpoint.rerank(QUERY, DOCUMENTS, top_n=3, return_documents=False).exchange.content)
    )
    after = endpoint.accept(endpoint.resend(before.exchange.content))
    if len(after.results) != len(before.results) or after.texts.count(None) != before.texts.count(None):
        expected = f"{len(before.results)} results, {before.texts.count(None)} without a text, as before"
        received = f"{len(after.results)} results, {after.texts.count(None)} without a text"
        other = "after a request with `top_n` 3 and `return_documents` false"
        raise RequirementFailed(expected, f"{received}, {other}", after.exchange)


def _results(answer: Answer) -> list[tuple[int, float]]:
    return [*zip(answer.indices, answer.listed_scores, strict=True)]


def _check_same(endpoint: Endpoint, alone: Answer, concurrent: Answer) -> None:
    """Raise RequirementFailed if *concurrent*, of a concurrent request, is not the result of the single request."""
    if len(concurrent.results) != len(alone.results):
        expected = f"{len(alone.results)} results, as for the single request"
        raise RequirementFailed(expected, f"{len(concurrent.results)} results", concurrent.exchange)
    span = max(endpoint.measured.span, max(alone.scores.values()) - min(alone.scores.values()))
    within = max(endpoint.measured.equal, _CONCURRENT_OF_SPAN * span)
    # With `top_n`, another document may be returned for one with the same score.
    ranks = (dict(enumerate(alone.listed_scores)), dict(enumerate(concurrent.listed_scores)))
    assert_same_scores(*ranks, within, "by rank, as for the single request", concurrent.exchange)
    assert_same_scores(alone.scores, concurrent.scores, within, "as for the single request", concurrent.exchange)
    before, after = _by_index(alone), _by_index(concurrent)
    for index in before.keys() & after.keys():
        if before[index] != after[index]:
            expected = f"{before[index]!r} for document {index}, as for the single request"
            raise RequirementFailed(expected, repr(after[index]), concurrent.exchange)


def _by_index(answer: Answer) -> dict[int, Any]:
    return dict(sorted(zip(answer.indices, answer.texts, strict=True)))
