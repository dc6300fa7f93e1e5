"""The texts of documents in the response, and the effect of `return_documents`."""

import json
from collections.abc import Callable
from typing import Any

from together_rerank_contract_tests.suite.answer import Answer, same_text
from together_rerank_contract_tests.suite.assertions import assert_same_scores
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import (
    PrerequisiteFailed,
    RequirementFailed,
    document,
    kit,
    must,
    should,
)
from together_rerank_contract_tests.suite.samples import DOCUMENTS, OBJECTS, PAIR, QUERY, UNICODE

_RETURN_DOCUMENTS = "/components/schemas/RerankRequest/properties/return_documents/description"
_TEXT = "RR-DOCUMENT-001"


@must("RR-DOCUMENT-001", document(_RETURN_DOCUMENTS), quick=True)
def test_the_text_is_that_of_the_index(endpoint: Endpoint) -> None:
    """With `return_documents` true, `document.text` is the text of the document at `index`.

    The text goes into the prompt: a wrong text answers another question, and a missing text is a KeyError
    (BerriAI/litellm#38006, #38239).
    """
    for answer in endpoint.samples:
        # A text that was not requested must be correct too.
        if answer.exchange.request.get("return_documents") or any(answer.texts):
            _check_texts(answer, lambda sent, text: same_text(str(sent), text))


@should("RR-DOCUMENT-002", document("/components/schemas/RerankResponse/properties/results/example"))
def test_an_object_is_returned_as_json(endpoint: Endpoint) -> None:
    """If a document is an object, `document.text` contains it as JSON.

    Clients parse it to get the title and the id; they cannot parse another format.
    """
    answer = endpoint.rerank(QUERY, OBJECTS)
    if not any(answer.texts):
        answer = endpoint.rerank(QUERY, OBJECTS, return_documents=True)
    _require_texts(endpoint)
    _check_texts(answer, lambda sent, text: _parsed(text) == sent)


@must("RR-DOCUMENT-003", document(_RETURN_DOCUMENTS), requests=2, confirmed=True)
def test_returning_documents_changes_nothing_else(endpoint: Endpoint) -> None:
    """`return_documents` changes neither the scores nor the ranking.

    A developer who turns it on to debug sees a different ranking than in production.
    """
    within = endpoint.tolerance.equal
    without = endpoint.rerank(QUERY, DOCUMENTS, return_documents=False)
    with_texts = endpoint.rerank(QUERY, DOCUMENTS, return_documents=True)
    comparison = "as with `return_documents` false"
    assert_same_scores(without.scores, with_texts.scores, within, comparison, with_texts.exchange)


@must("RR-DOCUMENT-004", document(_RETURN_DOCUMENTS), quick=True)
def test_no_text_without_return_documents(endpoint: Endpoint) -> None:
    """With `return_documents` false, results contain no text.

    Unwanted texts cost traffic and end up in logs.
    """
    for answer in endpoint.samples:
        position = next((position for position, text in enumerate(answer.texts) if text), None)
        if position is not None and answer.exchange.request.get("return_documents") is False:
            raise RequirementFailed("no text in any `document`", f"a text in results[{position}]", answer.exchange)


@must("RR-DOCUMENT-005", document(_RETURN_DOCUMENTS), requests=1)
def test_unicode_is_returned(endpoint: Endpoint) -> None:
    """Text in any script, with emoji and symbols, is returned unchanged, except for Unicode normalisation.

    A text in the wrong encoding is unreadable, and a look-up by the text fails.
    """
    _require_texts(endpoint)
    _check_texts(_unicode(endpoint), lambda sent, text: same_text(str(sent), text))


@should("RR-DOCUMENT-006", kit("a look-up by the text compares bytes"))
def test_texts_are_not_normalised(endpoint: Endpoint) -> None:
    """Texts are returned without Unicode normalisation.

    A look-up of a passage by its text fails if the server composes accents.
    """
    _require_texts(endpoint)
    answer = _unicode(endpoint)
    # RR-DOCUMENT-005 reports a text that differs by more than normalisation.
    _check_texts(answer, lambda sent, text: text == sent or not same_text(str(sent), text))


def _unicode(endpoint: Endpoint) -> Answer:
    return endpoint.rerank(QUERY, UNICODE, return_documents=True)


def _check_texts(answer: Answer, matches: Callable[[Any, str], bool]) -> None:
    answer.check_complete()
    for position, (index, text) in enumerate(zip(answer.indices, answer.texts, strict=True)):
        sent = answer.documents[index]
        if text is None or not matches(sent, text):
            received = "no text" if text is None else repr(text)
            raise RequirementFailed(
                f"{sent!r} in results[{position}], because its index is {index}", received, answer.exchange
            )


def _require_texts(endpoint: Endpoint) -> None:
    answer = endpoint.rerank(QUERY, PAIR, return_documents=True)
    answer.check_complete()
    if not any(answer.texts):
        raise PrerequisiteFailed("the results contain no text", _TEXT)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
