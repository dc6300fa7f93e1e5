"""What is counted."""

from __future__ import annotations

from typing import Any

from together_rerank_contract_tests import shape
from together_rerank_contract_tests.answer import Answer
from together_rerank_contract_tests.endpoint import Endpoint
from together_rerank_contract_tests.findings import Blocked, NotApplicable, Unmet
from together_rerank_contract_tests.requirements import Level, document, kit, requirement
from together_rerank_contract_tests.samples import DOCUMENTS, IRRELEVANT, ORDERS, QUERY

_USAGE = "/components/schemas/UsageData"
_SHAPE = "RR-USAGE-001"
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


@requirement(
    "RR-USAGE-001",
    "`usage`, where there is one, has three counts.",
    Level.MUST,
    document(_USAGE),
    why="The AI SDK refuses a `usage` that lacks one, and together 1.x raises a ValidationError.",
    quick=True,
)
def test_usage_has_three_counts(endpoint: Endpoint) -> None:
    shape.hold(endpoint, shape.USAGE, "the document's UsageData")
    _usage(endpoint)


@requirement(
    "RR-USAGE-002",
    "No count of `usage` is below zero, and the total is the sum of the others.",
    Level.MUST,
    kit("a total of counts can be nothing but their sum"),
    why="Bills and budgets do not add up.",
    quick=True,
)
def test_usage_adds_up(endpoint: Endpoint) -> None:
    counts = [_usage(endpoint).get(name) for name in _COUNTS]
    numbers = [each for each in counts if isinstance(each, int) and not isinstance(each, bool)]
    if len(numbers) < len(_COUNTS):
        raise Blocked("the counts cannot be read", _SHAPE)
    prompt, completion, total = numbers
    if min(numbers) < 0 or total != prompt + completion:
        expected = "counts from 0, and `total_tokens` the sum of the others"
        raise Unmet(expected, f"{prompt}, {completion} and {total}", endpoint.plain.exchange)


@requirement(
    "RR-USAGE-003",
    "What is returned does not change what the prompt costs.",
    Level.SHOULD,
    kit("every document is read, whichever come back"),
    why="Budgets by tokens go wrong, and nobody can say why.",
)
def test_usage_does_not_depend_on_what_is_returned(endpoint: Endpoint) -> None:
    expected = _tokens(endpoint.reference)
    variants = [endpoint.rerank(QUERY, DOCUMENTS, top_n=top_n) for top_n in (1, len(DOCUMENTS) - 1)]
    variants += [endpoint.rerank(QUERY, DOCUMENTS, return_documents=wanted) for wanted in (False, True)]
    for answer in variants:
        if _tokens(answer) != expected:
            raise Unmet(f"{expected} prompt tokens, as without it", f"{_tokens(answer)}", answer.exchange)


@requirement(
    "RR-USAGE-004",
    "One more document costs no fewer tokens, and their order costs none.",
    Level.SHOULD,
    kit("a document is read once, wherever it stands"),
    why="Costs that fall as lists grow make every forecast wrong.",
)
def test_usage_grows_with_the_documents(endpoint: Endpoint) -> None:
    before = _tokens(endpoint.reference)
    more = endpoint.rerank(QUERY, [*DOCUMENTS, IRRELEVANT])
    if _tokens(more) < before:
        raise Unmet(f"at least {before} prompt tokens, as without the last", f"{_tokens(more)}", more.exchange)
    turned = endpoint.rerank(QUERY, [DOCUMENTS[index] for index in ORDERS[0]])
    if _tokens(turned) != before:
        raise Unmet(f"{before} prompt tokens, as in another order", f"{_tokens(turned)}", turned.exchange)


def _usage(endpoint: Endpoint) -> dict[str, Any]:
    usage = endpoint.plain.usage
    if usage is None:
        raise NotApplicable("there is no `usage`, which the document allows")
    return usage


def _tokens(answer: Answer) -> int:
    told = answer.prompt_tokens
    if told is None:
        raise NotApplicable("there is no `usage.prompt_tokens`")
    return told
