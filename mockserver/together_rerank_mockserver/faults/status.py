"""The status family: every error status, with the body and headers that the library of exchanges has for it."""

from collections.abc import Iterable

import together_rerank_fixtures as fixtures
from together_rerank_mockserver.call import JSON, Reply
from together_rerank_mockserver.faults.fault import StatusFault
from together_rerank_mockserver.rendering import to_json
from together_rerank_spec import Document

# Of several exchanges with one status, that in which the API itself speaks.
_EXCHANGES = {
    400: "bad_request/model_not_available",
    401: "unauthorized/invalid_key",
    402: "payment_required/credit_limit",
    403: "forbidden/context_length",
    404: "not_found/model",
    413: "too_large/gateway",
    422: "unprocessable/entity",
    429: "rate_limit/requests",
    500: "server_error/internal",
    502: "server_error/bad_gateway",
    503: "overloaded/overloaded",
    504: "timeout/timeout",
    520: "server_error/cloudflare_unknown",
    524: "timeout/cloudflare",
    529: "overloaded/site",
}


def faults(document: Document) -> Iterable[StatusFault]:
    """Return a fault for each error status that *document* lists, and for those seen though it does not list them."""
    for status in sorted({*document.error_statuses, *_EXCHANGES}):
        documented = status in document.error_statuses
        if documented:
            sentence = f"{document.statuses[status]} ({status})" if document.statuses[status] else f"Status {status}"
        else:
            sentence = fixtures.get(_EXCHANGES[status]).shows.rstrip(".")
        yield StatusFault(name=str(status), sentence=sentence, reply=_reply(status, document), documented=documented)


def _reply(status: int, document: Document) -> Reply:
    if status not in _EXCHANGES:
        message = document.statuses[status] or f"Status {status}, as it was asked for"
        body = to_json({"error": {"message": message, "type": "server_error" if status >= 500 else "request_error"}})
        return Reply(status, body, JSON, reason=message)
    exchange = fixtures.get(_EXCHANGES[status])
    return Reply(status, exchange.response.content, dict(exchange.response.headers), reason=exchange.shows.rstrip("."))
