"""What must stay the same when a request changes in a way that does not matter, and what must not."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from together_rerank_contract_tests.suite.answer import Answer
from together_rerank_contract_tests.suite.assertions import assert_same_order, assert_same_scores
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import RequirementFailed, document, info, kit, observed, should
from together_rerank_contract_tests.suite.samples import (
    DOCUMENTS,
    IRRELEVANT,
    ORDERS,
    OTHER_QUERY,
    QUERY,
    SUBSET,
    TWO_SUBJECTS,
    requests_at_once,
)

_POINTWISE = kit("relevance is of a document to a query, as the document's `relevance_score` has it")
# Requests at once share batches, which costs more precision than repeats do.
_AT_ONCE_OF_SPAN = 0.1


@should("RR-RELATION-001", kit("nothing has changed; small noise of hardware is allowed"))
def test_a_repeat_gets_the_same_order(endpoint: Endpoint) -> None:
    """The same request gets the same order.

    Answers that change from call to call cannot be tested, cached or explained.
    """
    first, *others = endpoint.repeats
    for other in others:
        assert_same_order(first.scores, other.scores, endpoint.measured.chance, other.exchange)
    _ = endpoint.tolerance


@should("RR-RELATION-002", _POINTWISE, requests=2, confirmed=True)
def test_a_permutation_changes_nothing(endpoint: Endpoint) -> None:
    """The order of the documents in the request changes neither scores nor ranking.

    The order of retrieval affects the ranking, so a better retriever may look worse.
    """
    within = endpoint.pointwise.equal_across_batches
    expected = endpoint.reference.scores
    for order in ORDERS:
        scores, exchange = endpoint.reordered(order)
        assert_same_order(expected, scores, within, exchange)
        assert_same_scores(expected, scores, within, "as in the order of the reference", exchange)


@should("RR-RELATION-003", _POINTWISE, requests=1, confirmed=True)
def test_leaving_documents_out_keeps_the_order(endpoint: Endpoint) -> None:
    """The order of the others stays when documents are left out.

    Paging and caching by document go wrong.
    """
    within = endpoint.pointwise.equal_across_batches
    kept = range(len(DOCUMENTS) - SUBSET, len(DOCUMENTS))
    fewer = endpoint.rerank(QUERY, [DOCUMENTS[index] for index in kept])
    scores = {kept[place]: score for place, score in fewer.scores.items()}
    assert_same_order(endpoint.reference.scores, scores, within, fewer.exchange)


@should("RR-RELATION-004", _POINTWISE, requests=len(DOCUMENTS) - 1, confirmed=True)
def test_one_by_one_gives_the_same_order(endpoint: Endpoint) -> None:
    """Documents sent one by one have the order that they have together.

    Clients send large lists in parts, and merge the parts by score.
    """
    within = endpoint.pointwise.equal_across_batches
    answers = [endpoint.rerank(QUERY, [each]) for each in DOCUMENTS]
    alone = {index: answer.scores[0] for index, answer in enumerate(answers)}
    assert_same_order(endpoint.reference.scores, alone, within, answers[endpoint.reference.best].exchange)


@should("RR-RELATION-005", _POINTWISE, requests=1, confirmed=True)
def test_an_irrelevant_document_changes_nothing(endpoint: Endpoint) -> None:
    """A document that has nothing to do with it does not change the order of the others.

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
    """The query decides which document is best.

    A ranking that does not look at the query is an order of documents, and every search returns the same.
    """
    for query, best in ((OTHER_QUERY, 0), (QUERY, 1)):
        answer = endpoint.rerank(query, TWO_SUBJECTS)
        if answer.scores[best] <= answer.scores[1 - best]:
            expected = f"document {best} above the other, for it alone is about the query"
            received = f"{answer.scores[best]:g} for it, and {answer.scores[1 - best]:g} for the other"
            raise RequirementFailed(expected, received, answer.exchange)


@info(
    "RR-RELATION-007",
    kit("models made for questions may prefer an answer to the question itself"),
    requests=1,
    confirmed=True,
)
def test_the_query_itself_comes_first(endpoint: Endpoint) -> None:
    """A document that is the query comes first among others that have nothing to do with it.

    Searches for a title do not find the title.
    """
    answer = endpoint.rerank(QUERY, [DOCUMENTS[0], QUERY, IRRELEVANT])
    if answer.best != 1:
        raise RequirementFailed(
            "document 1 first, for it is the query", f"document {answer.best} first", answer.exchange
        )


@should(
    "RR-RELATION-008", observed("mixed-up batches, xorbitsai/inference PR#5269"), requests=2 * len(requests_at_once())
)
def test_requests_at_once_are_not_mixed_up(endpoint: Endpoint) -> None:
    """Requests at the same time get the answers that they get one by one.

    Under load one user gets the ranking of another's documents.
    """
    serial = [endpoint.rerank(**request) for request in requests_at_once()]
    _ = endpoint.tolerance, [answer.scores for answer in serial]
    with ThreadPoolExecutor(len(serial)) as threads:
        try:
            at_once = list(threads.map(lambda answer: endpoint.resend(answer.exchange.content), serial))
        except KeyboardInterrupt:
            endpoint.transport.close()  # or who wants to end it waits for all of them
            raise
    for alone, exchange in zip(serial, at_once, strict=True):
        _hold_same(endpoint, alone, endpoint.answer_in(exchange))


def _hold_same(endpoint: Endpoint, alone: Answer, together: Answer) -> None:
    if _indices(together) != _indices(alone):
        expected = f"results with the indices {', '.join(_indices(alone))}, as when it was asked alone"
        raise RequirementFailed(expected, f"the indices {', '.join(_indices(together))}", together.exchange)
    span = max(alone.scores.values()) - min(alone.scores.values())
    within = max(endpoint.measured.equal, _AT_ONCE_OF_SPAN * span)
    assert_same_scores(alone.scores, together.scores, within, "as when it was asked alone", together.exchange)
    if _by_index(alone) != _by_index(together):
        expected = f"the texts that came when it was asked alone: {_by_index(alone)}"
        raise RequirementFailed(expected, f"{_by_index(together)}", together.exchange)


def _indices(answer: Answer) -> list[str]:
    return sorted(str(result.get("index")) for result in answer.results)


def _by_index(answer: Answer) -> dict[int, Any]:
    return dict(sorted(zip(answer.indices, answer.texts, strict=True)))
