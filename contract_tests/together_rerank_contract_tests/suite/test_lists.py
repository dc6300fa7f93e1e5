"""Lists of a few hundred documents, which servers rank in batches."""

import math

from together_rerank_contract_tests.suite import tolerance
from together_rerank_contract_tests.suite.answer import Answer
from together_rerank_contract_tests.suite.assertions import assert_same_scores
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import RequirementFailed, kit, must, should
from together_rerank_contract_tests.suite.samples import LIST_LENGTHS, ONE_WORD, long_list
from together_rerank_contract_tests.suite.tolerance import Scores, Tolerance

_, _LONG, _LONGEST = LIST_LENGTHS
# The number of documents in the short list that do not answer the query; as many do.
_OTHERS = 16


@must(
    "RR-LIST-001", kit("top results are the best of all documents, however many there are"), requests=4, confirmed=True
)
def test_the_best_of_a_long_list_come_first(endpoint: Endpoint) -> None:
    """The documents that rank first in a short list also rank first in a list of 64, 130 or 1,000 documents.

    A server that ranks only the first batch loses the best passage.
    """
    short, alone = _short(endpoint)
    # A tie with a document that is clearly worse is wrong too, unless the scores get smaller as the list grows.
    in_list = 0.0 if endpoint.tolerance.is_listwise else -tolerance.LEAST
    for answer in map(endpoint.limits.rerank_list, LIST_LENGTHS):
        scores = _by_text(answer)
        pair = tolerance.find_inversion(alone, scores, _clear_gap(alone), in_list)
        if pair is not None:
            high, low = pair
            expected = f"{high!r} above {low!r}, as in a list of {len(short.documents)}"
            received = f"{scores[high]:g} for {high!r} and {scores[low]:g} for {low!r} in a list of {len(scores)}"
            raise RequirementFailed(expected, received, answer.exchange)


@must(
    "RR-LIST-002",
    kit("top results are the best of all documents, however many there are"),
    requests=2,
    confirmed=True,
    needs=("request.top_n",),
)
def test_top_n_of_a_long_list_keeps_the_best(endpoint: Endpoint) -> None:
    """With a `top_n` of 8 or 105 and 130 documents, the results are the best of all documents.

    A client whose `top_n` is larger than a batch loses the best passages.
    """
    complete = _by_text(endpoint.limits.rerank_list(_LONG))
    for top_n in (8, 105):
        answer = endpoint.limits.rerank(ONE_WORD, long_list(_LONG), return_documents=True, top_n=top_n)
        kept = {answer.documents[index] for index in answer.scores} & complete.keys()
        lowest = min((complete[text] for text in kept), default=math.inf)
        for text, score in complete.items():
            if text not in kept and text in answer.documents and score > lowest + _clear_gap(complete):
                received = f"no {text!r}, which has {score:g}, but a document with {lowest:g}"
                raise RequirementFailed(
                    f"the top {len(kept)} of the ranking without `top_n`", received, answer.exchange
                )


@should("RR-LIST-003", kit("a score is the relevance of one document to the query"), confirmed=True)
def test_scores_do_not_depend_on_the_length_of_the_list(endpoint: Endpoint) -> None:
    """A document has the same score in a list of 64 to 1,000 documents as in a short one.

    A threshold cuts off other documents as the list grows.
    """
    _, alone = _short(endpoint)
    within = max(endpoint.pointwise.equal_across_batches, _clear_gap(alone) / 4)
    for answer in map(endpoint.limits.rerank_list, LIST_LENGTHS):
        assert_same_scores(alone, _by_text(answer), within, "as in a short list", answer.exchange)


def _short(endpoint: Endpoint) -> tuple[Answer, Scores]:
    """Return the response for the matching documents and as many others, and the scores by text."""
    documents = long_list(_LONGEST)
    answering = [each for each in documents if each.startswith(ONE_WORD)]
    others = [each for each in documents if each not in answering][:: _LONGEST // _OTHERS][:_OTHERS]
    answer = endpoint.limits.rerank(ONE_WORD, [*answering, *others], top_n=len(answering) + len(others))
    return answer, _by_text(answer)


def _by_text(answer: Answer) -> Scores:
    return {answer.documents[index]: score for index, score in answer.scores.items()}


def _clear_gap(scores: Scores) -> float:
    """Return the difference above which noise does not swap two documents."""
    return Tolerance(max(scores.values()) - min(scores.values()), noise=0.0, batch=0.0).clear_gap
