"""Assertions that several requirements share, and invalid requests that every endpoint should reject."""

import json
import re

from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.suite import samples, tolerance
from together_rerank_contract_tests.suite.answer import BODY
from together_rerank_contract_tests.suite.endpoint import BUSY, Endpoint
from together_rerank_contract_tests.suite.requirements import PrerequisiteFailed, RequirementFailed
from together_rerank_contract_tests.suite.tolerance import Scores
from together_rerank_spec import Validator, Violation

WRONG_KEY = "Bearer not-a-key-of-this-endpoint"
NOT_JSON = b'{"model": '
_UNKNOWN_MODEL = {"model": "no-such-company/no-such-model", "query": "a", "documents": ["a", "b"]}
# Parts of a 200 response that have a requirement of their own, as regular expressions for a JSON Pointer.
OBJECT, DOCUMENT, USAGE = r"/object", r"/results/\d+/document(/.*)?", r"/usage(/.*)?"
_PARTS = (OBJECT, DOCUMENT, USAGE, r"/results/\d+/index", r"/results/\d+/relevance_score")
# The most violations to read; a result has fewer parts.
_MAX_VIOLATIONS = 20


def assert_shape(endpoint: Endpoint, part: str | None, expected: str) -> None:
    """Raise RequirementFailed if a response violates the schema in *part*; None means outside the parts above."""
    validator = Validator(endpoint.document.response_schema(200) or {})
    for answer in endpoint.samples:
        exchange = answer.exchange
        if part is not None and not isinstance(exchange.members.get("results"), list):
            raise PrerequisiteFailed("the body is not a rerank response", BODY)
        violations = [each for each in validator.violations(exchange.body, _MAX_VIOLATIONS) if _is_in_part(each, part)]
        if violations:
            raise RequirementFailed(expected, f"{exchange.status}, and {violations[0]}", exchange)


def _is_in_part(violation: Violation, part: str | None) -> bool:
    if part is not None:
        return re.fullmatch(part, violation.pointer) is not None
    return not any(re.fullmatch(each, violation.pointer) for each in _PARTS)


def assert_same_scores(before: Scores, after: Scores, within: float, comparison: str, exchange: Exchange) -> None:
    """Raise RequirementFailed if *after*, the scores of *exchange*, differ from *before* in a shared document."""
    index = tolerance.find_difference(before, after, within)
    if index is not None:
        raise RequirementFailed(f"{before[index]:g} for document {index}, {comparison}", f"{after[index]:g}", exchange)


def assert_same_order(before: Scores, after: Scores, margin: float, exchange: Exchange) -> None:
    """Raise RequirementFailed if *after*, the scores of *exchange*, swap two documents of *before*."""
    pair = tolerance.find_inversion(before, after, margin)
    if pair is not None:
        high, low = pair
        expected = f"document {high} above document {low}, as in the reference ({before[high]:g}, {before[low]:g})"
        raise RequirementFailed(
            expected, f"{after[high]:g} for document {high} and {after[low]:g} for document {low}", exchange
        )


def send_empty_documents(endpoint: Endpoint) -> Exchange:
    return endpoint.exchange_for({"query": samples.QUERY, "documents": []})


def send_unknown_model(endpoint: Endpoint) -> Exchange:
    return endpoint.post(json.dumps(_UNKNOWN_MODEL).encode())


def rejected_requests(endpoint: Endpoint) -> list[Exchange]:
    """Send invalid requests; return the exchanges with an error, without those of a busy endpoint."""
    exchanges = [send_empty_documents(endpoint), endpoint.post(NOT_JSON), send_unknown_model(endpoint)]
    return [each for each in exchanges if each.status >= 400 and each.status not in BUSY]
