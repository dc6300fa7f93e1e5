"""Status faults: each error status, with the body and headers that the library of exchanges has for it."""

from collections.abc import Iterable
from functools import lru_cache

import together_rerank_fixtures as fixtures
from together_rerank_mockserver.api.json_text import to_json
from together_rerank_mockserver.api.messages import JSON, Reply
from together_rerank_mockserver.api.rendering import reply_with
from together_rerank_mockserver.faults.fault import StatusFault
from together_rerank_spec import Document

# For each status, the exchange whose answer comes from the API itself, not from a proxy in front of it.
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
    """Yield a fault for each error status that *document* lists, and for each other one that was observed."""
    for status in sorted({*document.error_statuses, *_EXCHANGES}):
        documented, description = status in document.error_statuses, document.statuses.get(status)
        reply, reason = _reply(status, description)
        if not document.mapping.is_canonical:
            example = document.body_example(status)
            body = document.error_body(status, {"error": {"message": reason}}) if example is None else example
            kept = {name: value for name, value in reply.headers.items() if name == "Retry-After"}
            reply, reason = reply_with(body, status, kept, document), description or reason
        sentence = f"{description} ({status})" if description else f"Status {status}" if documented else reason
        yield StatusFault(name=str(status), sentence=sentence, reply=reply, reason=reason, documented=documented)


@lru_cache(maxsize=256)  # each operation of a mock has the same ones
def _reply(status: int, description: str | None) -> tuple[Reply, str]:
    """Return the reply for *status*, and the reason for journal and log."""
    if status not in _EXCHANGES:
        message = description or f"Status {status}, as requested"
        kind = "server_error" if status >= 500 else "request_error"
        return Reply(status, to_json({"error": {"message": message, "type": kind}}), JSON), message
    exchange = fixtures.get(_EXCHANGES[status])
    reply = Reply(status, exchange.response.content, dict(exchange.response.headers))
    return reply, exchange.shows.rstrip(".")
