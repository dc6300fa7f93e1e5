"""Request faults: a request is accepted that the API refuses, or refused that the API accepts."""

import re
from functools import partial
from typing import Any

from together_rerank_mockserver.api.errors import InvalidRequest
from together_rerank_mockserver.api.rendering import ranked_texts
from together_rerank_mockserver.faults.fault import RAW_SOCKET, ReceivedRequest, RequestFault
from together_rerank_spec import Document, value_at

_DOCUMENTS, _TOP_N = "/documents", "/top_n"
# What a server with low limits accepts.
_MOST_DOCUMENTS = 20
_MOST_CHARACTERS = 10_000


def _fault(name: str, sentence: str, applies: str, *, breaks: str = "contract", **functions: Any) -> RequestFault:
    return RequestFault(name=name, breaks=breaks, sentence=sentence, applies=applies, **functions)


# What to validate in place of an invalid body.


def _with_text(body: Any, error: InvalidRequest, document: Document, *, mixed: bool) -> Any:
    """Return *body* with one valid document if its own are mixed or, unless *mixed*, none."""
    place = document.mapping.place(_DOCUMENTS)
    documents = value_at(body, place)
    if not (error.param or "").startswith(place) or not isinstance(documents, list):
        return None
    if {type(each) for each in documents} != ({str, dict} if mixed else set()):
        return None
    return {**body, **document.write_request({"documents": ["text"]})}


def _converted(body: Any, error: InvalidRequest, document: Document) -> Any:
    place = document.mapping.place(_TOP_N)
    top_n = value_at(body, place) if error.param == place else None
    if not isinstance(top_n, str) or not re.fullmatch("[0-9]{1,18}", top_n):
        return None
    return {**body, place[1:]: int(top_n)}


def _known(body: Any, error: InvalidRequest, _: Document) -> Any:
    if error.kind != "unknown_field":
        return None
    return {name: value for name, value in body.items() if value_at({name: True}, error.param or "") is not True}


# Why a valid request is refused.


def _return_documents(received: ReceivedRequest) -> tuple[str, str] | None:
    return ("/return_documents", "is not a field") if received.has("return_documents") else None


def _top_n(received: ReceivedRequest) -> tuple[str, str] | None:
    return (_TOP_N, "is not a field") if received.has("top_n") else None


def _one_document(received: ReceivedRequest) -> tuple[str, str] | None:
    return (_DOCUMENTS, "must have at least 2 items") if len(received.request["documents"]) == 1 else None


def _many_documents(received: ReceivedRequest) -> tuple[str, str] | None:
    count = len(received.request["documents"])
    return (_DOCUMENTS, f"has {count} items; the maximum is {_MOST_DOCUMENTS}") if count > _MOST_DOCUMENTS else None


def _long_document(received: ReceivedRequest) -> tuple[str, str] | None:
    longest = max(map(len, ranked_texts(received.request["documents"], received.request.get("rank_fields"))))
    if longest <= _MOST_CHARACTERS:
        return None
    return _DOCUMENTS, f"has an item of {longest} characters; the maximum is {_MOST_CHARACTERS}"


def _empty_query(received: ReceivedRequest) -> tuple[str, str] | None:
    return None if received.request["query"] else ("/query", "is empty")


def _white_space(received: ReceivedRequest) -> tuple[str, str] | None:
    return ("", "begins with white space") if received.raw[:1].isspace() else None


def _unread(received: ReceivedRequest) -> tuple[str, str] | None:
    return ("", "begins with bytes of another request") if received.follows_unread else None


FAULTS = (
    # Accepted.
    _fault("no-key-accepted", "A request without a key is accepted", "no key", accepts_key=lambda key: key is None),
    _fault(
        "any-key-accepted", "A request with a wrong key is accepted", "a key that is not accepted", accepts_key=bool
    ),
    _fault(
        "empty-accepted",
        "An empty list of documents is accepted; there are no results",
        "an empty list of documents",
        accept=partial(_with_text, mixed=False),
    ),
    _fault(
        "mixed-accepted",
        "A list that mixes strings and objects is accepted",
        "documents that are strings and objects",
        accept=partial(_with_text, mixed=True),
    ),
    _fault("top-n-converted", "`top_n` as a string is read as a number", 'a `top_n` such as "2"', accept=_converted),
    _fault("unknown-field-ignored", "Unknown fields are ignored", "an unknown field", accept=_known),
    # Refused.
    _fault("return-documents-refused", "`return_documents` is refused", "`return_documents`", refuse=_return_documents),
    _fault("top-n-refused", "`top_n` is refused", "`top_n`", refuse=_top_n),
    _fault("one-document-refused", "A request with one document is refused", "one document", refuse=_one_document),
    _fault(
        "many-documents-refused",
        f"A request with more than {_MOST_DOCUMENTS} documents is refused",
        f"more than {_MOST_DOCUMENTS} documents",
        breaks="habit",
        refuse=_many_documents,
    ),
    _fault(
        "long-document-refused",
        f"A document with more than {_MOST_CHARACTERS:,} characters is refused",
        f"a document with more than {_MOST_CHARACTERS:,} characters",
        breaks="habit",
        refuse=_long_document,
    ),
    _fault(
        "empty-query-dropped",
        "The connection is closed before any byte if the query is empty",
        "an empty query",
        refuse=_empty_query,
        drops=True,
        server=RAW_SOCKET,
    ),
    _fault(
        "white-space-refused",
        "A body that begins with white space is refused",
        "white space before the JSON",
        refuse=_white_space,
    ),
    _fault(
        "unread-body-left",
        "A call gets 400, because the body of the request before it was not read",
        "a call after a refused method, such as PUT, with a body",
        refuse=_unread,
    ),
)
