"""The number of results, their ranking, and their indices."""

from itertools import pairwise
from typing import Any

from together_rerank_contract_tests.suite.answer import Answer, find_invalid_index
from together_rerank_contract_tests.suite.assertions import assert_same_scores
from together_rerank_contract_tests.suite.endpoint import Endpoint, check_not_busy
from together_rerank_contract_tests.suite.requirements import (
    Every,
    RequirementFailed,
    document,
    kit,
    must,
    observed,
    should,
)
from together_rerank_contract_tests.suite.samples import DOCUMENTS, LONG, QUERY

_COUNT = len(DOCUMENTS)
_TOP_N = "/components/schemas/RerankRequest/properties/top_n/description"
_NEEDED = ("request.top_n",)
# Requests with `top_n`; without texts, only the scores show whether an index belongs to another document.
_WITH_TOP_N: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (DOCUMENTS, {"top_n": 1}),
    (DOCUMENTS, {"top_n": _COUNT - 1}),
    (DOCUMENTS, {"top_n": 3, "return_documents": False}),
    (LONG, {"top_n": 35, "return_documents": False}),
)


def _top(endpoint: Endpoint, top_n: int) -> Answer:
    return endpoint.rerank(QUERY, DOCUMENTS, top_n=top_n)


@must(
    "RR-RESULT-001",
    kit('the document says "top results", and top means first'),
    quick=True,
    every=Every.ANSWER,
    needs=("sorted",),
)
def test_results_are_sorted(_: Endpoint, answer: Answer) -> None:
    """Results are sorted by score, highest first.

    Clients use the first result as the best and do not sort again, so the worst passage goes to the model.
    """
    for position, (one, following) in enumerate(pairwise(answer.listed_scores)):
        if following > one:
            received = f"results[{position}] has {one:g}, and results[{position + 1}] has {following:g}"
            raise RequirementFailed("scores that never rise", received, answer.exchange)


@must("RR-RESULT-002", document(_TOP_N), quick=True, every=Every.ANSWER, needs=_NEEDED)
def test_top_n_is_the_number_of_results(_: Endpoint, answer: Answer) -> None:
    """With `top_n`, the response has exactly that many results, but not more than there are documents.

    With too many results, prompts exceed their limit; with too few, code that expects k passages fails.
    """
    if answer.top_n is not None and answer.top_n > 0 and len(answer.results) != answer.expected_count:
        expected = f"{answer.expected_count} of {len(answer.documents)} results"
        raise RequirementFailed(expected, f"{len(answer.results)} results", answer.exchange)


@should("RR-RESULT-003", kit("the document states no default for `top_n`"), every=Every.ANSWER)
def test_without_top_n_all_are_ranked(_: Endpoint, answer: Answer) -> None:
    """Without `top_n`, the response has a result for every document.

    Clients that omit it (LangChain, LlamaIndex) expect all documents, and lose passages without an error.
    """
    # RR-SCORE-003 reports a document that is left out because it occurs twice.
    if answer.top_n is None and len(answer.results) not in (len(answer.documents), answer.distinct_count):
        expected = f"{len(answer.documents)} results"
        raise RequirementFailed(expected, f"{len(answer.results)} results", answer.exchange)


@must(
    "RR-RESULT-004",
    kit("an index into the list of the request cannot mean anything else"),
    quick=True,
    every=Every.ANSWER,
)
def test_indices_are_of_documents(_: Endpoint, answer: Answer) -> None:
    """Each `index` is the position of a document in the request, counted from 0, and occurs only once.

    Clients look up the passage by `index`: they show another document, or the look-up fails (vercel/ai#20421).
    """
    indices = [result.get("index") for result in answer.results]
    position = find_invalid_index(indices, len(answer.documents))
    if position is not None:
        expected = f"each index once, from 0 to {len(answer.documents) - 1}, as an integer"
        raise RequirementFailed(expected, f"results[{position}].index is {indices[position]!r}", answer.exchange)


@must(
    "RR-RESULT-005",
    kit("the top results are the first results of the complete ranking"),
    confirmed=True,
    needs=_NEEDED,
)
def test_top_n_keeps_the_best(endpoint: Endpoint) -> None:
    """With `top_n`, the results are the best of all documents.

    A server that cuts the list before ranking loses the best passage.
    """
    within = endpoint.tolerance.equal
    for documents, options in _WITH_TOP_N:
        complete = (
            endpoint.limits.rerank(QUERY, documents, return_documents=True) if documents is LONG else endpoint.reference
        )
        answer = endpoint.limits.rerank(QUERY, documents, **options)
        scores = complete.scores
        lowest = min(answer.scores, key=lambda index: scores[index])
        for index, score in scores.items():
            is_sent = index < len(answer.documents)
            if is_sent and index not in answer.scores and score > scores[lowest] + within:
                received = f"document {lowest} ({scores[lowest]:g}) instead of document {index} ({score:g})"
                expected = f"the top {len(answer.scores)} of the ranking without `top_n`"
                raise RequirementFailed(expected, received, answer.exchange)
        assert_same_scores(scores, answer.scores, within, "as without `top_n`", answer.exchange)


@should(
    "RR-RESULT-006",
    observed("langgenius/dify-official-plugins PR#931, elastic/elasticsearch PR#111446: clients got a 400"),
    requests=1,
    needs=_NEEDED,
)
def test_top_n_above_the_number_of_documents(endpoint: Endpoint) -> None:
    """If `top_n` is above the number of documents, the response has all of them.

    Clients send a fixed `top_n`, even if they have fewer passages.
    """
    _ = _top(endpoint, _COUNT)  # RR-REQUEST-003 reports an endpoint that refuses `top_n`
    exchange = check_not_busy(endpoint.send(QUERY, DOCUMENTS, top_n=_COUNT + 4))
    if 400 <= exchange.status < 500:
        raise RequirementFailed(f"all {_COUNT} results", exchange.response_excerpt, exchange)
    endpoint.accept(exchange)  # RR-RESULT-002 counts the results


@should(
    "RR-RESULT-007",
    kit("a longer list of the best documents includes the shorter one"),
    requests=1,
    confirmed=True,
    needs=_NEEDED,
)
def test_a_higher_top_n_only_adds(endpoint: Endpoint) -> None:
    """The top k documents are among the top k + 1 documents.

    A user who raises `top_n` to see more results loses earlier results.
    """
    within = endpoint.tolerance.equal
    for top_n in (1, _COUNT - 1):
        fewer, more = _top(endpoint, top_n), _top(endpoint, top_n + 1)
        lowest = min(more.scores.values())
        for index, score in fewer.scores.items():
            if index not in more.scores and score > lowest + within:
                received = f"no document {index} with {score:g}, but one with {lowest:g}"
                raise RequirementFailed(f"all results of `top_n` {top_n}", received, more.exchange)
