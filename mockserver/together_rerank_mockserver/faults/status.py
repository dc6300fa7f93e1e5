"""Status faults: each status from 300 to 599, with the body and headers that the API has for it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import together_rerank_fixtures as fixtures
from together_rerank_mockserver import clock
from together_rerank_mockserver.api.json_text import to_json
from together_rerank_mockserver.api.messages import JSON, Reply
from together_rerank_mockserver.api.rendering import reply_with
from together_rerank_mockserver.faults.fault import Fault
from together_rerank_spec import Document

# The values of the parameter `body`.
BODIES = ("json", "html", "text", "none")


@dataclass(frozen=True, kw_only=True)
class StatusFault(Fault):
    """Answers with a status from 300 to 599."""

    reply: Reply  # without headers that differ from call to call
    json: bytes  # the body for `body=json`
    reason: str  # why it is an error, for journal and log
    documented: bool  # whether the document lists the status
    family: str = "status"
    applies: str = "any call with a key"
    parameters: tuple[str, ...] = ("retry_after", "retry_after_ms", "body")

    def reply_with(self, parameters: Mapping[str, Any]) -> Reply:
        """Return the reply with the values of *parameters*."""
        headers, body = {**self.reply.headers}, self.reply.body
        if form := parameters.get("body"):
            body, media_type = self._body(form)
            headers.pop("Content-Type", None)
            headers |= {"Content-Type": media_type} if media_type else {}
        if "location" in parameters:
            headers["Location"] = parameters["location"]
        wait = parameters.get("retry_after")
        if (milliseconds := parameters.get("retry_after_ms")) is not None:
            headers["retry-after-ms"] = str(milliseconds)
            wait = parameters.get("retry_after", math.ceil(milliseconds / 1000))
        if wait is not None:
            headers["Retry-After"] = retry_after(wait)
        elif "retry_after" in parameters:
            headers.pop("Retry-After", None)
        reply = replace(self.reply, body=body, headers=headers)
        if "x-ratelimit-reset" in headers and {"retry_after", "retry_after_ms"} & parameters.keys():
            if reply.retry_after is None:
                del headers["x-ratelimit-reset"]
            else:
                headers["x-ratelimit-reset"] = str(math.ceil(reply.retry_after))
        return reply

    def _body(self, form: str) -> tuple[bytes, str]:
        """Return the body in *form*, one of BODIES, and its media type."""
        title = f"{self.reply.status} {phrase(self.reply.status)}"
        if form == "json":
            return self.json, "application/json"
        if form == "html":
            return _PAGE.format(title=title).encode(), "text/html; charset=utf-8"
        return (f"{title}\n".encode(), "text/plain; charset=utf-8") if form == "text" else (b"", "")


# The error page of a gateway.
_PAGE = """<html>
<head><title>{title}</title></head>
<body>
<center><h1>{title}</h1></center>
<hr>
</body>
</html>
"""


def phrase(status: int) -> str:
    """Return the reason phrase of *status*."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return _CLOUDFLARE.get(status, "Unknown Error")


_CLOUDFLARE = {
    520: "Web Server Returned an Unknown Error",
    521: "Web Server Is Down",
    522: "Connection Timed Out",
    523: "Origin Is Unreachable",
    524: "A Timeout Occurred",
    525: "SSL Handshake Failed",
    526: "Invalid SSL Certificate",
    529: "Site Is Overloaded",
    530: "Origin DNS Error",
}


def retry_after(wait: float | str) -> str:
    """Return the value of Retry-After for *wait*: seconds, `date:SECONDS` from now, or `wrong`."""
    if wait == "wrong":
        return "soon"
    if isinstance(wait, str):
        from email.utils import formatdate  # slow to import

        return formatdate(math.ceil(clock.now()) + int(wait.removeprefix("date:")), usegmt=True)
    return f"{wait:.3f}".rstrip("0").rstrip(".") if isinstance(wait, float) else str(wait)


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
    """Yield the fault of each error status that *document* lists, and of each other one that was observed."""
    for status in sorted({*document.error_statuses, *_EXCHANGES}):
        yield fault(document, status)


def fault(document: Document, status: int) -> StatusFault:
    """Return the fault of *status*, from 300 to 599, with the body that the API has for it."""
    documented, description = status in document.error_statuses, document.statuses.get(status)
    reply, reason = _reply(status, description)
    body: Any = _error(status, reason)
    if not document.mapping.is_canonical:
        example = document.body_example(status)
        body = document.error_body(status, body) if example is None else example
        kept = {name: value for name, value in reply.headers.items() if name == "Retry-After"}
        reply, reason = reply_with(body, status, kept, document), description or reason
    has_json = reply.headers.get("Content-Type") == JSON["Content-Type"]
    json = reply.body if has_json else to_json(body if isinstance(body, dict) else {"error": reason})
    if status < 400:  # a redirect, which gateways send without a body
        reply = Reply(status, b"")
    return StatusFault(
        name=str(status),
        sentence=f"{description} ({status})" if description else f"Status {status}" if documented else reason,
        reply=reply,
        json=json,
        reason=reason,
        documented=documented,
        parameters=_parameters(status),
    )


def _parameters(status: int) -> tuple[str, ...]:
    if status == HTTPStatus.NOT_MODIFIED:  # has no body
        return ("location", *StatusFault.parameters[:2])
    return (*StatusFault.parameters, *(["location"] if status < 400 else []))


@lru_cache(maxsize=1024)  # each operation of a mock has the same ones
def _reply(status: int, description: str | None) -> tuple[Reply, str]:
    """Return the reply for *status*, and the reason for journal and log."""
    if status not in _EXCHANGES:
        message = description or phrase(status)
        return Reply(status, to_json(_error(status, message)), JSON), message
    exchange = fixtures.get(_EXCHANGES[status])
    reply = Reply(status, exchange.response.content, dict(exchange.response.headers))
    return reply, exchange.shows.rstrip(".")


def _error(status: int, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "server_error" if status >= 500 else "request_error"}}
