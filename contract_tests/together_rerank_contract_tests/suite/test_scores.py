"""The values of scores, and that they depend on the document and not on its position."""

from itertools import pairwise

from together_rerank_contract_tests.suite.answer import COUNT_ALL, Answer, is_number
from together_rerank_contract_tests.suite.assertions import assert_ranks_first
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import (
    Every,
    PrerequisiteFailed,
    RequirementFailed,
    document,
    info,
    kit,
    must,
    observed,
    should,
)
from together_rerank_contract_tests.suite.samples import ALIKE, DUPLICATES, IDENTICAL, QUERY

_SCORE = "/components/schemas/RerankResponse/properties/results/items/properties/relevance_score"
# Random scores of six documents are sorted by chance once in 720 times; in either direction, once in 360.
_COPIES = 6
_TWICE = "RR-SCORE-003"
_UNIT_SLACK = 1e-6


def _copies(endpoint: Endpoint, count: int) -> Answer:
    answer = endpoint.rerank(QUERY, [IDENTICAL] * count)
    if len(answer.results) != count:
        raise PrerequisiteFailed(
            f"the response has {len(answer.results)} of {count} equal documents", _TWICE, COUNT_ALL
        )
    return answer


@must("RR-SCORE-001", document(_SCORE), quick=True, every=Every.ANSWER)
def test_scores_are_numbers(_: Endpoint, answer: Answer) -> None:
    """Each `relevance_score` is a finite number.

    A string sorts as text; NaN is not valid JSON, and JavaScript's parser rejects it.

    together 2 and 3 keep a string.
    """
    for position, result in enumerate(answer.results):
        score = result.get("relevance_score")
        if not is_number(score):
            received = f"results[{position}].relevance_score is {score!r}"
            raise RequirementFailed("a finite number in each result", received, answer.exchange)


@info(
    "RR-SCORE-002",
    observed("every sample of Together's responses; the document states no range"),
    every=Every.ANSWER,
)
def test_scores_are_between_zero_and_one(_: Endpoint, answer: Answer) -> None:
    """Scores are between 0 and 1.

    Thresholds for probabilities are useless for logits (open-webui PR#20228, llama.cpp#8555).
    """
    for score in answer.listed_scores:
        if not -_UNIT_SLACK <= score <= 1 + _UNIT_SLACK:
            raise RequirementFailed("scores from 0 to 1", f"a score of {score:g}", answer.exchange)


@should("RR-SCORE-003", kit("a result belongs to a position in the request, not to a text"), requests=1)
def test_duplicates_are_ranked_twice(endpoint: Endpoint) -> None:
    """A document that occurs twice in the request is ranked twice.

    Clients often send overlapping passages twice; if one is dropped, counts and look-ups are wrong.
    """
    answer = endpoint.rerank(QUERY, DUPLICATES)
    missing = [index for index in range(len(DUPLICATES)) if index not in answer.indices]
    twice = [index for index in missing if DUPLICATES.count(DUPLICATES[index]) > 1]
    if missing != twice:
        raise PrerequisiteFailed(f"the response lacks {len(missing)} documents", COUNT_ALL)
    if twice:
        raise RequirementFailed(
            "a result for each of two equal documents", f"no result for document {twice[0]}", answer.exchange
        )


@should("RR-SCORE-004", kit("a score depends on the query and the document"), requests=1, confirmed=True)
def test_equal_documents_have_equal_scores(endpoint: Endpoint) -> None:
    """Equal documents have equal scores.

    If the position in the request affects the score, the ranking follows the retriever instead of the relevance.
    """
    within = endpoint.tolerance.equal
    pair = endpoint.rerank(QUERY, DUPLICATES)
    equal = [score for index, score in pair.scores.items() if DUPLICATES.count(DUPLICATES[index]) > 1]
    others = [score for index, score in pair.scores.items() if DUPLICATES.count(DUPLICATES[index]) == 1]
    if any(min(equal) + within < score < max(equal) - within for score in others):
        expected = "two equal documents next to each other"
        received = f"another document between their scores {max(equal):g} and {min(equal):g}"
        raise RequirementFailed(expected, received, pair.exchange)
    copies = _copies(endpoint, _COPIES)
    _ = endpoint.pointwise  # if scores depend on the list, small differences between equal documents are scaled up
    for answer, scores in ((pair, equal), (copies, list(copies.scores.values()))):
        spread = max(scores) - min(scores)
        if spread > within:
            raise RequirementFailed(
                f"one score for {len(scores)} equal documents", f"scores {spread:.3g} apart", answer.exchange
            )


@should(
    "RR-SCORE-005",
    kit("a bias that is too small to see in one score shows in the ranking of many documents"),
    requests=1,
)
def test_the_position_does_not_decide(endpoint: Endpoint) -> None:
    """Equal documents are not ranked by their position in the request.

    Listwise rerankers favour early passages (Tang et al. 2024); metrics then measure the retriever.
    """
    _ = endpoint.pointwise  # ranks of equal documents may follow their position
    answers = [_copies(endpoint, count) for count in (_COPIES, _COPIES + 1)]
    for sign in (1, -1):
        if all(_is_monotone(answer, sign) for answer in answers):
            direction = "fall" if sign > 0 else "rise"
            received = (
                f"scores that {direction} with every position, for {_COPIES} and for {_COPIES + 1} equal documents"
            )
            raise RequirementFailed("equal documents that are not ranked by position", received, answers[0].exchange)


@should("RR-SCORE-006", kit("a score depends on the whole document"), requests=1, confirmed=True)
def test_documents_that_begin_alike_are_told_apart(endpoint: Endpoint) -> None:
    """Documents that differ only in their last word get different scores.

    All documents with the same beginning, such as a header, get the same score.
    """
    assert_ranks_first(endpoint, "llamas", ALIKE, 1)


def _is_monotone(answer: Answer, sign: int) -> bool:
    scores = [sign * answer.scores[index] for index in range(len(answer.scores))]
    return all(one > following for one, following in pairwise(scores))
