"""The token counts in `usage`."""

from together_rerank_contract_tests.suite.answer import Answer, is_integer
from together_rerank_contract_tests.suite.assertions import USAGE, assert_shape
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import (
    Every,
    NotApplicable,
    RequirementFailed,
    document,
    kit,
    must,
    should,
)
from together_rerank_contract_tests.suite.samples import (
    DOCUMENTS,
    IRRELEVANT,
    LIST_LENGTHS,
    PERMUTATIONS,
    QUERY,
)

_USAGE = "/components/schemas/UsageData"
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


@must("RR-USAGE-001", document(_USAGE), quick=True, every=Every.ANSWER, needs=("response.usage",))
def test_usage_has_three_counts(endpoint: Endpoint, answer: Answer) -> None:
    """If the response has `usage`, it has every count that the schema requires.

    Clients that read a missing count raise an error.

    The AI SDK rejects a `usage` without one of them, and together 1.x raises a ValidationError.
    """
    if answer.exchange.document.mapping.is_canonical:  # other documents may require it
        _require_usage(answer)
    assert_shape(endpoint, answer, USAGE, "a `usage` that matches the schema")
    _require_usage(answer)


@must(
    "RR-USAGE-002",
    kit("a total is the sum of its counts"),
    quick=True,
    every=Every.ANSWER,
    needs=("response.total_tokens",),
)
def test_usage_adds_up(_: Endpoint, answer: Answer) -> None:
    """No count in `usage` is negative, and `usage.total_tokens` is the sum of the others.

    Bills and budgets do not add up.
    """
    _require_usage(answer)
    # Other APIs count no completion.
    names = _COUNTS if answer.exchange.document.mapping.is_canonical else ("prompt_tokens", "total_tokens")
    numbers = [int(each) for name in names if is_integer(each := (answer.usage or {}).get(name))]
    if len(numbers) < len(names):  # RR-USAGE-001 reports it
        return
    *others, total = numbers
    if min(numbers) < 0 or total != sum(others):
        expected = "counts from 0 on, and `usage.total_tokens` as the sum of the others"
        raise RequirementFailed(expected, f"{', '.join(map(str, others))} and {total}", answer.exchange)


@should(
    "RR-USAGE-003",
    kit("the model reads every document, also those that are not returned"),
    needs=("request.top_n", "response.total_tokens"),
)
def test_usage_does_not_depend_on_what_is_returned(endpoint: Endpoint) -> None:
    """`top_n` and `return_documents` do not change the number of prompt tokens.

    Token budgets are wrong for no visible reason.
    """
    expected = _tokens(endpoint.reference)
    variants = [endpoint.rerank(QUERY, DOCUMENTS, top_n=top_n) for top_n in (1, len(DOCUMENTS) - 1)]
    variants.append(endpoint.rerank(QUERY, DOCUMENTS, top_n=3, return_documents=False))
    for answer in variants:
        if _tokens(answer) != expected:
            raise RequirementFailed(
                f"{expected} prompt tokens, as without the option", f"{_tokens(answer)}", answer.exchange
            )


@should("RR-USAGE-004", kit("the model reads each document once, at any position"), needs=("response.total_tokens",))
def test_usage_grows_with_the_documents(endpoint: Endpoint) -> None:
    """One more document does not lower the number of prompt tokens, and the sequence of documents does not change it.

    If costs fall as lists grow, every forecast is wrong.
    """
    before = _tokens(endpoint.reference)
    more = endpoint.rerank(QUERY, [*DOCUMENTS, IRRELEVANT])
    if _tokens(more) < before:
        raise RequirementFailed(
            f"at least {before} prompt tokens, as without the last document", f"{_tokens(more)}", more.exchange
        )
    short, *_, long = map(endpoint.limits.rerank_list, LIST_LENGTHS)
    # An endpoint with a limit may have taken as many other documents, with fewer words.
    if len(long.documents) > 2 * len(short.documents) and _tokens(long) < _tokens(short):
        expected = f"at least {_tokens(short)} prompt tokens, as for {len(short.documents)} of the documents"
        raise RequirementFailed(expected, f"{_tokens(long)}", long.exchange)
    reordered = endpoint.rerank(QUERY, [DOCUMENTS[index] for index in PERMUTATIONS[0]])
    if _tokens(reordered) != before:
        raise RequirementFailed(
            f"{before} prompt tokens, as in another sequence", f"{_tokens(reordered)}", reordered.exchange
        )


def _require_usage(answer: Answer) -> None:
    if answer.exchange.members.get("usage") is None:
        raise NotApplicable("the response has no `usage`, which the document allows")


def _tokens(answer: Answer) -> int:
    tokens = (answer.usage or {}).get("prompt_tokens")
    if not is_integer(tokens):
        raise NotApplicable("the response has no `usage.prompt_tokens`")
    return int(tokens)
