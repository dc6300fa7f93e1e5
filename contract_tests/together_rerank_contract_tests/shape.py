"""The form of a 200, held to the document's schema part by part, so that each part has a requirement of its own."""

from __future__ import annotations

import re

from together_rerank_contract_tests.answer import BODY
from together_rerank_contract_tests.endpoint import Endpoint
from together_rerank_contract_tests.findings import Blocked, Unmet
from together_rerank_spec import Validator, Violation

OBJECT = r"/object"
DOCUMENT = r"/results/\d+/document(/.*)?"
_INDEX = r"/results/\d+/index"
_SCORE = r"/results/\d+/relevance_score"
USAGE = r"/usage(/.*)?"
_PARTS = (OBJECT, DOCUMENT, _INDEX, _SCORE, USAGE)
# More than the parts that one result can have wrong.
_MOST = 20


def hold(endpoint: Endpoint, part: str | None, expected: str) -> None:
    """Let the answers pass if the schema finds nothing wrong in *part* of them; None is what is no part.

    Raises:
        Unmet: it does.
        Blocked: they have no results.
    """
    schema = endpoint.document.response_schema(200)
    validator = Validator(schema if schema is not None else {})
    for answer in endpoint.samples:
        body = answer.exchange.body
        if part is not None and not (isinstance(body, dict) and isinstance(body.get("results"), list)):
            raise Blocked("the body is no rerank response", BODY)
        wrong = [each for each in validator.violations(body, _MOST) if _is_of(each, part)]
        if wrong:
            raise Unmet(expected, f"{answer.exchange.status}, and {wrong[0]}", answer.exchange)


def _is_of(violation: Violation, part: str | None) -> bool:
    if part is not None:
        return re.fullmatch(part, violation.pointer) is not None
    return not any(re.fullmatch(each, violation.pointer) for each in _PARTS)
