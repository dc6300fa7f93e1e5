"""What comes back of the documents, and that asking for it changes nothing else."""

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
    """With `return_documents` true, `document.text` is the text of the document that `index` names.

    The text goes into the prompt: another one answers another question, a lacking one is a KeyError
    (BerriAI/litellm#38006, #38239).
    """
    for answer in endpoint.samples:
        # What comes without being asked for must be true as well.
        if answer.exchange.request.get("return_documents") or any(answer.texts):
            _hold_texts(answer, lambda sent, came: same_text(str(sent), came))


@should("RR-DOCUMENT-002", document("/components/schemas/RerankResponse/properties/results/example"))
def test_an_object_comes_back_as_json(endpoint: Endpoint) -> None:
    """An object comes back in `document.text` as JSON.

    Clients parse it to get the title and the id; they cannot parse a server's own format.
    """
    answer = endpoint.rerank(QUERY, OBJECTS)
    if not any(answer.texts):
        answer = endpoint.rerank(QUERY, OBJECTS, return_documents=True)
    _need_texts(endpoint)
    _hold_texts(answer, lambda sent, came: _parsed(came) == sent)


@must("RR-DOCUMENT-003", document(_RETURN_DOCUMENTS), requests=2, confirmed=True)
def test_returning_documents_changes_nothing_else(endpoint: Endpoint) -> None:
    """`return_documents` changes neither scores nor order.

    A developer who turns it on to debug sees another ranking than in production.
    """
    within = endpoint.tolerance.equal
    without = endpoint.rerank(QUERY, DOCUMENTS, return_documents=False)
    with_texts = endpoint.rerank(QUERY, DOCUMENTS, return_documents=True)
    wanted = "as with `return_documents` false"
    assert_same_scores(without.scores, with_texts.scores, within, wanted, with_texts.exchange)


@must("RR-DOCUMENT-004", document(_RETURN_DOCUMENTS), quick=True)
def test_no_text_comes_unasked(endpoint: Endpoint) -> None:
    """With `return_documents` false no text comes back.

    Unwanted texts cost traffic, and end up in logs.
    """
    for answer in endpoint.samples:
        shown = next((place for place, text in enumerate(answer.texts) if text), None)
        if shown is not None and answer.exchange.request.get("return_documents") is False:
            raise RequirementFailed("no text in any `document`", f"a text in results[{shown}]", answer.exchange)


@must("RR-DOCUMENT-005", document(_RETURN_DOCUMENTS), requests=1)
def test_unicode_comes_back(endpoint: Endpoint) -> None:
    """Every script, emoji and sign comes back, as it is or in another normal form.

    A text in the wrong encoding is unreadable, and a look-up by the text fails.
    """
    _need_texts(endpoint)
    _hold_texts(_unicode(endpoint), lambda sent, came: same_text(str(sent), came))


@should("RR-DOCUMENT-006", kit("a look-up by the text compares bytes"))
def test_texts_are_not_normalised(endpoint: Endpoint) -> None:
    """A text comes back to the last code point, not normalised.

    A look-up of a passage by its text fails if the server composes accents.
    """
    _need_texts(endpoint)
    answer = _unicode(endpoint)
    # Where it is not even the same text, that is told already.
    _hold_texts(answer, lambda sent, came: came == sent or not same_text(str(sent), came))


def _unicode(endpoint: Endpoint) -> Answer:
    return endpoint.rerank(QUERY, UNICODE, return_documents=True)


def _hold_texts(answer: Answer, fits: Callable[[Any, str], bool]) -> None:
    answer.check_complete()
    for place, (index, text) in enumerate(zip(answer.indices, answer.texts, strict=True)):
        sent = answer.documents[index]
        if text is None or not fits(sent, text):
            received = "none" if text is None else repr(text)
            raise RequirementFailed(
                f"{sent!r} in results[{place}], for its index is {index}", received, answer.exchange
            )


def _need_texts(endpoint: Endpoint) -> None:
    answer = endpoint.rerank(QUERY, PAIR, return_documents=True)
    answer.check_complete()
    if not any(answer.texts):
        raise PrerequisiteFailed("no text comes back", _TEXT)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
