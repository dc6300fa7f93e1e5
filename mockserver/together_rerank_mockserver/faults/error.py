"""Error faults: an error that the mock would send anyway, in a form that the API does not have."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from together_rerank_mockserver.api.errors import InvalidRequest
from together_rerank_mockserver.api.json_text import parse, to_json
from together_rerank_mockserver.api.messages import JSON, Reply
from together_rerank_mockserver.faults.fault import ErrorFault
from together_rerank_spec import Document, value_at

_REFUSED = "a call with a key that is refused"
_INVALID = "an invalid request"
# The statuses that servers send for an invalid request, most usual first.
_STATUSES = (422, 400, 406, 409)


def _fault(
    name: str, sentence: str, apply: Callable[[Reply, str, Document], Reply], applies: str = _REFUSED
) -> ErrorFault:
    return ErrorFault(name=name, breaks="contract", sentence=sentence, applies=applies, apply=apply)


def _json(body: Callable[[str], Any]) -> Callable[[Reply, str, Document], Reply]:
    """Replace the body by what *body* returns for the reason of the error."""
    return lambda reply, reason, _: replace(reply, body=to_json(body(reason)), headers={**reply.headers, **JSON})


def _text(reply: Reply, reason: str, _: Document) -> Reply:
    return replace(reply, body=reason.encode(), headers={**reply.headers, "Content-Type": "text/plain"})


def _with_results(reply: Reply, _: str, document: Document) -> Reply:
    place = document.mapping.places["response"]["results"]
    results = value_at(document.success_body({"results": [{"index": 0, "relevance_score": 0.5}]}), place)
    try:
        body = parse(reply.body)
    except InvalidRequest:  # some APIs have errors without JSON
        return reply
    return replace(reply, body=to_json({**body, place[1:]: results})) if place and isinstance(body, dict) else reply


def _undocumented(reply: Reply, _: str, document: Document) -> Reply:
    if reply.status not in _STATUSES:
        return reply
    return replace(reply, status=next((each for each in _STATUSES if not document.lists(each)), reply.status))


FAULTS = (
    _fault("error-text", "The body of an error is plain text", _text),
    _fault("error-string", '`error` is a string, as in {"error": "..."}', _json(lambda reason: {"error": reason})),
    _fault("error-detail", 'The body of an error is {"detail": "..."}', _json(lambda reason: {"detail": reason})),
    _fault("error-with-results", "An error has `results` beside its message", _with_results),
    _fault(
        "error-undocumented-status",
        "The status is one that the document does not list, such as 422",
        _undocumented,
        _INVALID,
    ),
)
