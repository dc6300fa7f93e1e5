"""Assertions that several requirements share."""

import re
from collections.abc import Sequence

from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.suite import samples, tolerance
from together_rerank_contract_tests.suite.answer import BODY, Answer
from together_rerank_contract_tests.suite.endpoint import STATUS, Endpoint, check_not_busy
from together_rerank_contract_tests.suite.requirements import PrerequisiteFailed, RequirementFailed
from together_rerank_contract_tests.suite.tolerance import Scores
from together_rerank_spec import Document, Violation

JSON = "application/json"
# Parts of a 200 response that have a requirement of their own.
OBJECT, DOCUMENT, USAGE = "object", "document", "usage"
# The most violations to read; a result has fewer parts.
_MAX_VIOLATIONS = 20


def assert_shape(endpoint: Endpoint, answer: Answer, part: str | None, expected: str) -> None:
    """Raise RequirementFailed if *answer* violates the schema in *part*; None means outside every such part."""
    exchange = answer.exchange
    if part is not None and not isinstance(exchange.members.get("results"), list):
        raise PrerequisiteFailed("the body is not a rerank response", BODY)
    parts = _parts(endpoint.document)
    violations = endpoint.response_validator.violations(exchange.body, _MAX_VIOLATIONS)
    in_part = [each for each in violations if _is_in_part(each, part, parts)]
    if in_part:
        raise RequirementFailed(expected, f"{exchange.status}, and {in_part[0]}", exchange)


def content_type(exchange: Exchange) -> str:
    """Return the media type of the response, without parameters; "none" if it has none."""
    return exchange.received_headers.get("content-type", "none").partition(";")[0].strip().lower()


def coding(exchange: Exchange) -> str:
    """Return the Content-Encoding of the response; "identity" if it has none."""
    return exchange.received_headers.get("content-encoding", "").strip().lower() or "identity"


def is_coding_accepted(exchange: Exchange) -> bool:
    """Return whether the request accepts the Content-Encoding of the response."""
    header = {name.lower(): value for name, value in exchange.headers}.get("accept-encoding", "identity")
    accepted = [each.strip() for each in header.split(",")]  # with `;q=0`, a coding is not accepted
    return coding(exchange) == "identity" or coding(exchange).removeprefix("x-") in accepted


def _parts(document: Document) -> dict[str, str]:
    """Return regular expressions for a JSON Pointer to each part of a 200 that has a requirement of its own."""
    places = document.mapping.places["response"]
    result = f"{re.escape(places['results'])}/\\d+"
    parts = {"index": f"{result}{re.escape(places['index'])}", "score": f"{result}{re.escape(places['score'])}"}
    if "document" in places:
        first, *_ = places["document"].removeprefix("/").split("/")
        parts[DOCUMENT] = f"{result}/{re.escape(first)}(/.*)?"
    if "usage" in places:
        parts[USAGE] = f"{re.escape(places['usage'])}(/.*)?"
    return {**parts, OBJECT: "/object"}


def _is_in_part(violation: Violation, part: str | None, parts: dict[str, str]) -> bool:
    if part is not None:
        return part in parts and re.fullmatch(parts[part], violation.pointer) is not None
    return not any(re.fullmatch(each, violation.pointer) for each in parts.values())


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


def assert_query_decides(endpoint: Endpoint, about_the_first: str, about_the_second: str) -> None:
    """Raise RequirementFailed if one of two queries does not rank its own document of `TWO_SUBJECTS` first."""
    for query, best in ((about_the_first, 0), (about_the_second, 1)):
        assert_ranks_first(endpoint, query, samples.TWO_SUBJECTS, best)


def assert_ranks_first(endpoint: Endpoint, query: str, documents: Sequence[str], best: int) -> None:
    """Raise RequirementFailed if *best* is not the first of two *documents*."""
    answer = endpoint.rerank(query, documents)
    if answer.scores[best] <= answer.scores[1 - best]:
        expected = f"document {best} above the other, because only it is about the query"
        received = f"a score of {answer.scores[best]:g} for it and {answer.scores[1 - best]:g} for the other"
        raise RequirementFailed(expected, received, answer.exchange)


def assert_accepted(exchange: Exchange) -> None:
    """Raise RequirementFailed if the valid request in *exchange* is refused.

    Raises PrerequisiteFailed if the endpoint answers with a status that the document does not list.
    """
    if not 400 <= check_not_busy(exchange).status < 500 and exchange.status != 200:
        raise PrerequisiteFailed(f"a valid request gets {exchange.status}", STATUS)
    if exchange.status != 200:
        raise RequirementFailed("200, because the request is valid", exchange.response_excerpt, exchange)
