"""Which results come, and in which order: what *top*, *rank* and *index* cannot mean otherwise."""

from itertools import pairwise

from together_rerank_contract_tests.suite.answer import Answer, misplaced
from together_rerank_contract_tests.suite.assertions import assert_same_scores
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import RequirementFailed, document, kit, must, observed, should
from together_rerank_contract_tests.suite.samples import DOCUMENTS, LONG, PAIR, QUERY

_COUNT = len(DOCUMENTS)
_TOP_N = "/components/schemas/RerankRequest/properties/top_n/description"
_PREFIX_OF = (1, _COUNT - 1)


def _top(endpoint: Endpoint, top_n: int) -> Answer:
    return endpoint.rerank(QUERY, DOCUMENTS, top_n=top_n)


@must("RR-RESULT-001", kit("the document speaks of top results, and top means first"), quick=True)
def test_results_are_sorted(endpoint: Endpoint) -> None:
    """Results come in the order of their scores, highest first.

    Clients take the first as the best; none sorts again, so the worst passage goes to the model.
    """
    for answer in endpoint.samples:
        scores = answer.listed_scores
        for place, (one, following) in enumerate(pairwise(scores)):
            if following > one:
                received = f"results[{place}] has {one:g}, and results[{place + 1}] has {following:g}"
                raise RequirementFailed("scores that never rise", received, answer.exchange)


@must("RR-RESULT-002", document(_TOP_N), requests=3, quick=True)
def test_top_n_is_the_number_of_results(endpoint: Endpoint) -> None:
    """With `top_n` there are as many results as it says.

    With too many results prompts exceed their limit; with too few, code that expects k passages breaks.
    """
    answers = [_top(endpoint, top_n) for top_n in (1, _COUNT - 1, _COUNT)]
    asked = [answer for answer in endpoint.samples if "top_n" in answer.exchange.request]
    for answer in (*answers, *asked):
        if len(answer.results) != answer.expected_count:
            expected = f"{answer.expected_count} of {len(answer.documents)} results"
            raise RequirementFailed(expected, f"{len(answer.results)} results", answer.exchange)


@should("RR-RESULT-003", kit("the document names no number that `top_n` would have if it is left out"), requests=1)
def test_without_top_n_all_are_ranked(endpoint: Endpoint) -> None:
    """Without `top_n` every document is ranked.

    Clients that leave it out (LangChain, LlamaIndex) expect all, and lose passages without an error.
    """
    for documents in (PAIR, DOCUMENTS, LONG):
        answer = endpoint.answer_in(endpoint.exchange_for({"query": QUERY, "documents": documents}))
        if len(answer.results) != len(documents):
            raise RequirementFailed(f"{len(documents)} results", f"{len(answer.results)} results", answer.exchange)


@must("RR-RESULT-004", kit("an index into the request's list can mean nothing else"), quick=True)
def test_indices_are_of_documents(endpoint: Endpoint) -> None:
    """`index` is the place of a document in the request, plural from 0; none comes twice.

    Clients look the passage up by it: another document is shown, or the lookup fails (vercel/ai#20421).
    """
    for answer in endpoint.samples:
        indices = [result.get("index") for result in answer.results]
        place = misplaced(indices, len(answer.documents))
        if place is not None:
            expected = f"each index once, from 0 to {len(answer.documents) - 1}, as an integer"
            raise RequirementFailed(expected, f"results[{place}].index is {indices[place]!r}", answer.exchange)


@must("RR-RESULT-005", kit("the top results are those that come first when all are ranked"), confirmed=True)
def test_top_n_keeps_the_best(endpoint: Endpoint) -> None:
    """With `top_n` the results are the best of all.

    A server that cuts the list before ranking loses the best passage.
    """
    within = endpoint.tolerance.equal
    everything = endpoint.reference.scores
    for top_n in _PREFIX_OF:
        answer = _top(endpoint, top_n)
        lowest = min(answer.scores, key=lambda index: everything[index])
        for index, score in everything.items():
            if index not in answer.scores and score > everything[lowest] + within:
                received = f"document {lowest} ({everything[lowest]:g}), and not document {index} ({score:g})"
                raise RequirementFailed(f"the best {top_n} of the ranking without `top_n`", received, answer.exchange)
        assert_same_scores(everything, answer.scores, within, "as without `top_n`", answer.exchange)


@should(
    "RR-RESULT-006",
    observed("langgenius/dify-official-plugins PR#931, elastic/elasticsearch PR#111446: clients met a 400"),
    requests=1,
)
def test_top_n_above_the_number_of_documents(endpoint: Endpoint) -> None:
    """A `top_n` above the number of documents returns all of them.

    Clients send a fixed `top_n`, even if they have fewer passages.
    """
    answer = _top(endpoint, _COUNT + 4)
    if len(answer.results) != _COUNT:
        raise RequirementFailed(f"all {_COUNT} results", f"{len(answer.results)} results", answer.exchange)


@should("RR-RESULT-007", kit("more of the best includes the best"), requests=1, confirmed=True)
def test_a_higher_top_n_only_adds(endpoint: Endpoint) -> None:
    """What is among the top k is among the top k + 1.

    A user who raises `top_n` to see more loses earlier results.
    """
    within = endpoint.tolerance.equal
    for top_n in (1, _COUNT - 1):
        fewer, more = _top(endpoint, top_n), _top(endpoint, top_n + 1)
        lowest = min(more.scores.values())
        for index, score in fewer.scores.items():
            if index not in more.scores and score > lowest + within:
                received = f"document {index} with {score:g} is gone, and one with {lowest:g} is there"
                raise RequirementFailed(f"the results of `top_n` {top_n} among these", received, more.exchange)
