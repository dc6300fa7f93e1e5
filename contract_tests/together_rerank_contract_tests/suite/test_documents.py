"""The texts of documents in the response, and the effect of `return_documents`."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from together_rerank_contract_tests.suite.answer import Answer, document_key, normalised, same_json, same_text
from together_rerank_contract_tests.suite.assertions import assert_same_scores
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import (
    Every,
    NotApplicable,
    RequirementFailed,
    document,
    info,
    kit,
    must,
    should,
)
from together_rerank_contract_tests.suite.samples import DOCUMENTS, LONG, PAIR, QUERY

_TEXTS = ("response.document",)
_RETURN_DOCUMENTS = "/components/schemas/RerankRequest/properties/return_documents/description"


@must("RR-DOCUMENT-001", document(_RETURN_DOCUMENTS), quick=True, every=Every.ANSWER, needs=_TEXTS)
def test_the_text_is_that_of_the_index(_: Endpoint, answer: Answer) -> None:
    """With `return_documents` true, `document.text` of each result is the text of the document at its `index`.

    The text goes into the prompt: a wrong text answers another question, and a missing text is a KeyError
    (BerriAI/litellm#38006, #38239).
    """
    for position, index, text in _texts(answer):
        sent = answer.documents[index]
        if text is None:
            raise _wrong(answer, position, index, "no text")
        if not _is_text_of(sent, text) and _is_text_of_any(answer, text):
            raise _wrong(answer, position, index, f"the text of another document, {text!r}")


@should(
    "RR-DOCUMENT-002",
    document("/components/schemas/RerankResponse/properties/results/example"),
    every=Every.ANSWER,
    needs=(*_TEXTS, "whole objects"),
)
def test_an_object_is_returned_as_json(_: Endpoint, answer: Answer) -> None:
    """If a document is an object, `document.text` contains it as JSON, with the same values.

    Clients parse it to get the title and the id; they cannot parse another format, and a rounded id finds nothing.
    """
    for position, index, text in _returned_texts(answer):
        if isinstance(answer.documents[index], dict) and _is_altered(answer, index, text):
            raise _wrong(answer, position, index, repr(text))


@must("RR-DOCUMENT-003", document(_RETURN_DOCUMENTS), confirmed=True, needs=("request.return_documents",))
def test_returning_documents_changes_nothing_else(endpoint: Endpoint) -> None:
    """`return_documents` changes neither the scores nor the ranking.

    A developer who turns it on to debug sees a different ranking than in production.
    """
    within = endpoint.tolerance.equal
    with_texts = endpoint.limits.rerank(QUERY, LONG, return_documents=True)
    without = endpoint.limits.rerank(QUERY, LONG, top_n=35, return_documents=False)
    pairs = (
        (endpoint.rerank(QUERY, PAIR), endpoint.rerank(QUERY, PAIR, return_documents=False)),
        (with_texts, without),
        (endpoint.reference, endpoint.rerank(QUERY, DOCUMENTS, top_n=3, return_documents=False)),
    )
    for one, other in pairs:
        comparison = "as with another `return_documents`"
        assert_same_scores(one.scores, other.scores, within, comparison, other.exchange)


@must("RR-DOCUMENT-004", document(_RETURN_DOCUMENTS), quick=True, every=Every.ANSWER, needs=_TEXTS)
def test_no_text_without_return_documents(_: Endpoint, answer: Answer) -> None:
    """With `return_documents` false, results contain no text.

    Unwanted texts cost traffic and end up in logs.
    """
    position = next((position for position, text in enumerate(answer.texts) if text), None)
    if position is not None and answer.returns_documents is False:
        raise RequirementFailed("no text in any `document`", f"a text in results[{position}]", answer.exchange)


@must("RR-DOCUMENT-005", document(_RETURN_DOCUMENTS), quick=True, every=Every.ANSWER, needs=_TEXTS)
def test_texts_are_returned_unchanged(_: Endpoint, answer: Answer) -> None:
    """Every character of a text is returned unchanged, except for Unicode normalisation.

    A text that is cut, trimmed or in the wrong encoding misleads the model, and a look-up by the text fails.
    """
    for position, index, text in _returned_texts(answer):
        sent = answer.documents[index]
        altered = (
            _is_altered(answer, index, text) if isinstance(sent, str) else _has_altered_strings(answer, index, text)
        )
        if altered:
            raise _wrong(answer, position, index, repr(text))


@should("RR-DOCUMENT-006", kit("a look-up by the text compares bytes"), every=Every.ANSWER, needs=_TEXTS)
def test_texts_are_not_normalised(_: Endpoint, answer: Answer) -> None:
    """Texts are returned without Unicode normalisation.

    A look-up of a passage by its text fails if the server composes accents.
    """
    for position, index, text in _returned_texts(answer):
        sent = answer.documents[index]
        # RR-DOCUMENT-005 reports a text that differs by more than normalisation.
        if isinstance(sent, str) and text != sent and same_text(sent, text):
            raise _wrong(answer, position, index, repr(text))


@info("RR-DOCUMENT-007", kit("a model reads only as many tokens as it was made for"), confirmed=True)
def test_the_end_of_a_long_text_counts(endpoint: Endpoint) -> None:
    """The last words of a text of 12 kB affect its score.

    A search never finds the part of a text that is beyond the model's limit.
    """
    answer = endpoint.limits.rerank_long_text()
    if answer.best != 0:
        expected = "document 0 first, because its last words answer the query"
        raise RequirementFailed(expected, "document 1 first", answer.exchange)


def _texts(answer: Answer) -> Iterator[tuple[int, int, str | None]]:
    """Yield the position, the index and the text of each result; nothing if no texts were requested or returned."""
    # A text that was not requested must be correct too.
    if answer.returns_documents or any(answer.texts):
        yield from zip(range(len(answer.indices)), answer.indices, answer.texts, strict=True)


def _returned_texts(answer: Answer) -> list[tuple[int, int, str]]:
    """Return the position, the index and the text of each result with a text."""
    texts = [(position, index, text) for position, index, text in _texts(answer) if text is not None]
    if not texts:
        raise NotApplicable("the endpoint returns no texts")
    return texts


def _is_altered(answer: Answer, index: int, text: str) -> bool:
    """Return whether *text* is that of no document; RR-DOCUMENT-001 reports the text of another document."""
    is_own = any(_is_text_of(each, text) for each in _as_returned(answer, index))
    return not is_own and not _is_text_of_any(answer, text)


def _is_text_of_any(answer: Answer, text: str) -> bool:
    """Return whether *text* is that of a document in the request."""
    is_object = isinstance(answer.documents[0], dict)
    with suppress(RecursionError):
        return document_key(_parsed(text) if is_object else text) in answer.document_keys
    return False


def _has_altered_strings(answer: Answer, index: int, text: str) -> bool:
    """Return whether *text* is a JSON object that is cut, or lacks a string of the document at *index*."""
    found = _parsed(text)
    if not isinstance(found, dict):  # RR-DOCUMENT-002 reports another format
        return text.startswith("{")
    with suppress(RecursionError):
        possible = [*_as_returned(answer, index), *answer.documents]  # RR-DOCUMENT-001 reports a swap
        return not any(_strings(found) == _strings(each) for each in possible)
    return True


def _as_returned(answer: Answer, index: int) -> list[Any]:
    """Return the document at *index*, and what it is with only the fields of `rank_fields`."""
    fields = answer.exchange.request.get("rank_fields")
    sent = answer.documents[index]
    is_projected = isinstance(sent, dict) and isinstance(fields, list)
    projected = [{name: value for name, value in sent.items() if name in fields}] if is_projected else []
    return [sent, *projected]


def _strings(value: Any) -> list[str]:
    """Return the strings in a JSON value, without the names of fields, sorted and normalised."""
    if isinstance(value, str):
        return [normalised(value)]
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sorted(string for each in values for string in _strings(each))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_text_of(sent: Any, text: str) -> bool:
    """Return whether *text* is that of the document *sent*, except for Unicode normalisation."""
    if isinstance(sent, str):
        return same_text(sent, text)
    found = _parsed(text)
    with suppress(RecursionError):
        return document_key(found) == document_key(sent) or same_json(found, sent)
    return False


def _wrong(answer: Answer, position: int, index: int, received: str) -> RequirementFailed:
    expected = f"{answer.documents[index]!r} in results[{position}], because its index is {index}"
    return RequirementFailed(expected, received, answer.exchange, index=index)
