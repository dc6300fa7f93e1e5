"""Which results come, and in which order: what *top*, *rank* and *index* cannot mean otherwise."""

from __future__ import annotations

from itertools import pairwise

from together_rerank_contract_tests import tolerance
from together_rerank_contract_tests.answer import Answer, misplaced
from together_rerank_contract_tests.endpoint import Endpoint
from together_rerank_contract_tests.findings import Unmet
from together_rerank_contract_tests.requirements import Level, document, kit, observed, requirement
from together_rerank_contract_tests.samples import DOCUMENTS, LONG, PAIR, QUERY

_COUNT = len(DOCUMENTS)
_TOP_N = "/components/schemas/RerankRequest/properties/top_n/description"
_PREFIX_OF = (1, _COUNT - 1)


def _top(endpoint: Endpoint, top_n: int) -> Answer:
    return endpoint.rerank(QUERY, DOCUMENTS, top_n=top_n)


@requirement(
    "RR-RESULT-001",
    "Results come in the order of their scores, highest first.",
    Level.MUST,
    kit("the document speaks of top results, and top means first"),
    why="Clients take the first as the best; none sorts again, so the worst passage goes to the model.",
    quick=True,
)
def test_results_are_sorted(endpoint: Endpoint) -> None:
    for answer in endpoint.samples:
        scores = answer.listed_scores
        for place, (one, following) in enumerate(pairwise(scores)):
            if following > one:
                received = f"results[{place}] has {one:g}, and results[{place + 1}] has {following:g}"
                raise Unmet("scores that never rise", received, answer.exchange)


@requirement(
    "RR-RESULT-002",
    "With `top_n` there are as many results as it says.",
    Level.MUST,
    document(_TOP_N),
    why="Prompts grow past their limit where it is ignored; who counts on k passages breaks where fewer come.",
    requests=3,
    quick=True,
)
def test_top_n_is_the_number_of_results(endpoint: Endpoint) -> None:
    answers = [_top(endpoint, top_n) for top_n in (1, _COUNT - 1, _COUNT)]
    asked = [answer for answer in endpoint.samples if "top_n" in answer.exchange.request]
    for answer in (*answers, *asked):
        if len(answer.results) != answer.expected_count:
            expected = f"{answer.expected_count} of {len(answer.documents)} results"
            raise Unmet(expected, f"{len(answer.results)} results", answer.exchange)


@requirement(
    "RR-RESULT-003",
    "Without `top_n` every document is ranked.",
    Level.SHOULD,
    kit("the document names no number that `top_n` would have if it is left out"),
    why="Clients that leave it out (LangChain, LlamaIndex) expect all, and lose passages in silence.",
    requests=1,
)
def test_without_top_n_all_are_ranked(endpoint: Endpoint) -> None:
    for answer in (
        endpoint.accepted(endpoint.asked({"query": QUERY, "documents": each})) for each in (PAIR, DOCUMENTS, LONG)
    ):
        count = len(answer.documents)
        if len(answer.results) != count:
            raise Unmet(f"{count} results", f"{len(answer.results)} results", answer.exchange)


@requirement(
    "RR-RESULT-004",
    "`index` is the place of a document in the request, counted from 0; none comes twice.",
    Level.MUST,
    kit("an index into the request's list can mean nothing else"),
    why="Clients look the passage up by it: another document is shown, or the lookup fails (vercel/ai#20421).",
    quick=True,
)
def test_indices_are_of_documents(endpoint: Endpoint) -> None:
    for answer in endpoint.samples:
        indices = [result.get("index") for result in answer.results]
        place = misplaced(indices, len(answer.documents))
        if place is not None:
            expected = f"each index once, from 0 to {len(answer.documents) - 1}, as an integer"
            raise Unmet(expected, f"results[{place}].index is {indices[place]!r}", answer.exchange)


@requirement(
    "RR-RESULT-005",
    "With `top_n` the results are the best of all.",
    Level.MUST,
    kit("the top results are those that come first when all are ranked"),
    why="A server that cuts before it ranks gives up the best passage.",
    confirmed=True,
)
def test_top_n_keeps_the_best(endpoint: Endpoint) -> None:
    within = endpoint.tolerance.equal
    everything = endpoint.reference.scores
    for top_n in _PREFIX_OF:
        answer = _top(endpoint, top_n)
        expected = f"the best {top_n} of the ranking without `top_n`, with the scores that they have there"
        lowest = min(answer.scores, key=lambda index: everything[index])
        for index, score in everything.items():
            if index not in answer.scores and score > everything[lowest] + within:
                received = f"document {lowest} ({everything[lowest]:g}), and not document {index} ({score:g})"
                raise Unmet(expected, received, answer.exchange)
        other = tolerance.unequal(everything, answer.scores, within)
        if other is not None:
            received = f"document {other} with {answer.scores[other]:g}; without `top_n` it has {everything[other]:g}"
            raise Unmet(expected, received, answer.exchange)


@requirement(
    "RR-RESULT-006",
    "A `top_n` above the number of documents returns all of them.",
    Level.SHOULD,
    observed("langgenius/dify-official-plugins PR#931, elastic/elasticsearch PR#111446: clients met a 400"),
    why="Clients send a fixed `top_n`, however few passages were found.",
    requests=1,
)
def test_top_n_above_the_number_of_documents(endpoint: Endpoint) -> None:
    answer = _top(endpoint, _COUNT + 4)
    if len(answer.results) != _COUNT:
        raise Unmet(f"all {_COUNT} results", f"{len(answer.results)} results", answer.exchange)


@requirement(
    "RR-RESULT-007",
    "What is among the top k is among the top k + 1.",
    Level.SHOULD,
    kit("more of the best includes the best"),
    why="Whoever raises `top_n` to see more loses what was seen before.",
    requests=1,
    confirmed=True,
)
def test_a_higher_top_n_only_adds(endpoint: Endpoint) -> None:
    within = endpoint.tolerance.equal
    for top_n in (1, _COUNT - 1):
        fewer, more = _top(endpoint, top_n), _top(endpoint, top_n + 1)
        lowest = min(more.scores.values())
        for index, score in fewer.scores.items():
            if index not in more.scores and score > lowest + within:
                received = f"document {index} with {score:g} is gone, and one with {lowest:g} is there"
                raise Unmet(f"the results of `top_n` {top_n} among these", received, more.exchange)
