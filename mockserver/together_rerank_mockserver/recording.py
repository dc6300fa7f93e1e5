"""The recording: what is written down of each request, in the journal and in the log."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

from flask import Flask, Response, g, request

from together_rerank_mockserver.endpoint import Endpoint
from together_rerank_mockserver.journal import entry
from together_rerank_mockserver.paths import HEALTH, is_own
from together_rerank_mockserver.redaction import Redaction
from together_rerank_mockserver.reply import Reply
from together_rerank_mockserver.request_log import RequestLog
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state import DEFAULT


def keep(app: Flask, endpoint: Endpoint, settings: Settings) -> None:
    """Record what *app* answers, in the journal and in the log, as *settings* say.

    The application puts into `g` its Reply, as `reply`, and when it began, as `start`: wall clock and counter.
    """
    log = RequestLog(as_json=settings.log_format == "json") if settings.log_format else None
    if not log and not settings.journal_max:
        return

    @app.after_request
    def record(sent: Response) -> Response:
        began, start = g.start
        ms = (time.perf_counter() - start) * 1000
        reply: Reply | None = g.get("reply")  # none for what is not the API's: health, the control plane, a preflight
        status = sent.status_code if reply is None or reply.is_sent else None
        namespace = endpoint.namespace(request.headers)
        redaction = Redaction(_headers(request.environ), named=namespace != DEFAULT)
        if reply and settings.journal_max and not is_own(request.path):
            recorded = entry(
                redaction,
                time=began,
                method=request.method,
                path=request.path,
                status=status,
                body=reply.received,
                reply=reply.headers["x-mock-reply"],
                request_id=reply.headers["x-request-id"],
                ms=ms,
            )
            endpoint.state.record(namespace, recorded)
        if log and (request.path != HEALTH or status != 200):  # which a script may ask for all the time
            why = redaction.text(_why(reply)) if reply else ""
            log.record(redaction.text(request.method), redaction.text(request.path), status, ms, why)
        return sent


def _why(reply: Reply) -> str:
    """Return why the answer is not as usual, for the log."""
    origin = reply.headers.get("x-mock-reply", "refused")
    return ": ".join(each for each in (origin if origin not in ("scored", "refused") else "", reply.reason) if each)


def _headers(environ: dict[str, Any]) -> list[tuple[str, str]]:
    # What iterating request.headers gives, in a third of its time.
    return [(name, value) for key, value in environ.items() if (name := _header_name(key))]


@lru_cache(maxsize=256)
def _header_name(key: str) -> str | None:
    if key.startswith("HTTP_"):
        return key.removeprefix("HTTP_").replace("_", "-")
    return key.replace("_", "-") if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else None
