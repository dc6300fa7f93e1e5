"""Record each request: a journal entry, without keys and of limited size, and a log line."""

import time
from typing import Any

from together_rerank_mockserver.call import Call, Reply, is_own
from together_rerank_mockserver.redaction import Redaction
from together_rerank_mockserver.state import DEFAULT, Entry, Namespace, Registry

_MAX_HEADERS = 64
_MAX_TEXT = 2048


class Recorder:
    """Records requests and replies in the journal and, unless *log_format* is None, in the log."""

    def __init__(self, registry: Registry, log_format: str | None, journal_max: int, journal_body: int) -> None:
        self._registry = registry
        self._has_journal = journal_max > 0
        self._journal_body = journal_body
        self._log: Any = None
        if log_format:
            from together_rerank_mockserver.request_log import RequestLog  # slow to import, and tests need no log

            self._log = RequestLog(as_json=log_format == "json")

    def record(self, call: Call, reply: Reply, namespace: Namespace | None = None, received: bytes = b"") -> None:
        """Record *call* with the body *received* and its *reply*.

        Without a namespace, as for the control plane, it is recorded in the log only.
        """
        in_journal = namespace is not None and self._has_journal and not is_own(call.path)
        if not in_journal and not self._log:
            return
        redaction = Redaction(call.headers.items(), named=namespace is not None and namespace.name != DEFAULT)
        status = reply.status if reply.is_sent else None
        ms = (time.perf_counter() - call.began) * 1000
        if namespace is not None and in_journal:
            recorded = entry(
                redaction,
                time=call.arrived,
                method=call.method,
                path=call.path,
                status=status,
                body=received,
                most=self._journal_body,
                reason=reply.reason,
                retry_after=reply.retry_after,
                reply=reply.headers["x-mock-reply"],
                request_id=reply.headers["x-request-id"],
                ms=ms,
            )
            self._registry.record(namespace, recorded)
        if self._log:
            why = redaction.message(_why(reply))
            self._log.record(redaction.text(call.method), redaction.text(call.path), status, ms, why)


def entry(
    redaction: Redaction, *, method: str, path: str, body: bytes, most: int, reason: str | None = None, **facts: Any
) -> Entry:
    """Return a request's entry, with secrets redacted and *body* cut to *most* bytes; *facts* are fields of Entry."""
    headers = redaction.headers
    if len(headers) > _MAX_HEADERS or max(map(len, headers.values()), default=0) > _MAX_TEXT:
        first = list(headers.items())[:_MAX_HEADERS]
        headers = {name[:_MAX_TEXT]: value[:_MAX_TEXT] for name, value in first}
    return Entry(
        method=redaction.text(method)[:_MAX_TEXT],
        path=redaction.text(path)[:_MAX_TEXT],
        headers=headers,
        body=redaction.content(body, most),
        body_bytes=len(body),
        reason=redaction.message(reason)[:_MAX_TEXT] if reason else None,
        **facts,
    )


def _why(reply: Reply) -> str:
    """Return the text for the log: where an unusual reply comes from, and the reason of an error."""
    origin = reply.headers.get("x-mock-reply", "refused")
    return ": ".join(each for each in (origin if origin not in ("scored", "refused") else "", reply.reason) if each)
