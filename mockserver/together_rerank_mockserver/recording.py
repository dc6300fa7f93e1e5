"""The recording: what is written down of each request, in the journal and in the log."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

from together_rerank_mockserver.endpoint import Endpoint
from together_rerank_mockserver.journal import entry
from together_rerank_mockserver.paths import is_own
from together_rerank_mockserver.redaction import Redaction
from together_rerank_mockserver.reply import Reply
from together_rerank_mockserver.request_log import RequestLog
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state import DEFAULT


class Recorder:
    """Writes down what is answered, as *settings* say."""

    def __init__(self, endpoint: Endpoint, settings: Settings) -> None:
        self._state = endpoint.state
        self._has_journal = settings.journal_max > 0
        self._most = settings.journal_body
        self._log = RequestLog(as_json=settings.log_format == "json") if settings.log_format else None

    def record(self, reply: Reply, environ: dict[str, Any], path: str, start: tuple[float, float]) -> None:
        """Write down that the request in *environ* for *path*, which came at *start*, is answered with *reply*."""
        if not self._log and not self._has_journal:
            return
        began, counter = start
        ms = (time.perf_counter() - counter) * 1000
        status = reply.status if reply.is_sent else None
        method = environ["REQUEST_METHOD"]
        redaction = Redaction(_headers(environ), named=reply.namespace != DEFAULT)
        if self._has_journal and not is_own(path):
            recorded = entry(
                redaction,
                time=began,
                method=method,
                path=path,
                status=status,
                body=reply.received,
                most=self._most,
                reason=reply.reason,
                retry_after=reply.retry_after,
                reply=reply.headers["x-mock-reply"],
                request_id=reply.headers["x-request-id"],
                ms=ms,
            )
            self._state.record(reply.namespace, recorded, reply.generation)
        if self._log:
            why = redaction.message(_why(reply))
            self._log.record(redaction.text(method), redaction.text(path), status, ms, why)


def now() -> tuple[float, float]:
    """Return the time as a clock has it, and as a counter that is never set."""
    return time.time(), time.perf_counter()


def _why(reply: Reply) -> str:
    """Return why the answer is not as usual, for the log."""
    origin = reply.headers.get("x-mock-reply", "refused")
    return ": ".join(each for each in (origin if origin not in ("scored", "refused") else "", reply.reason) if each)


def _headers(environ: dict[str, Any]) -> list[tuple[str, str]]:
    # What iterating Flask's headers gives, in a third of its time.
    return [(name, value) for key, value in environ.items() if (name := _header_name(key))]


@lru_cache(maxsize=256)
def _header_name(key: str) -> str | None:
    if key.startswith("HTTP_"):
        return key.removeprefix("HTTP_").replace("_", "-")
    return key.replace("_", "-") if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else None
