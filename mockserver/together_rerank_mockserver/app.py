"""The Flask application: the door in front of the endpoint."""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from threading import Event
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, NotFound

from together_rerank_mockserver import admin, cors
from together_rerank_mockserver.delivery import RAW_SOCKET, response
from together_rerank_mockserver.endpoint import Call, Endpoint
from together_rerank_mockserver.errors import ApiError, InternalError, InvalidRequest, MethodNotAllowed, RouteNotFound
from together_rerank_mockserver.journal import entry
from together_rerank_mockserver.redaction import Redaction
from together_rerank_mockserver.rendering import to_json
from together_rerank_mockserver.reply import Reply
from together_rerank_mockserver.request_log import RequestLog
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state import DEFAULT
from together_rerank_mockserver.waiting import Waiting
from together_rerank_spec import Document

HEALTH = "/health"
_JSON = {"Content-Type": "application/json"}
_logger = logging.getLogger(__name__)


def create_app(settings: Settings | None = None, waiting: Waiting | None = None) -> Flask:
    """Return the application that answers as *settings* say, and keeps calls back with *waiting*.

    Raises:
        DocumentError: the document cannot be read, or not be honoured.
        BadOrder: the settings ask for a fault that there is not.
        ValueError: the settings' rate cannot be read.
    """
    settings = settings or Settings()
    waiting = waiting or Waiting(Event())
    document = settings.document()
    endpoint = Endpoint(document, settings, waiting.wait)
    app = Flask(__name__, static_folder=None)
    # Werkzeug would answer /v1//rerank with a redirect, and take //rerank for /rerank.
    app.url_map.merge_slashes = False
    app.before_request(_begin)

    def rerank() -> Response:
        raw_socket = request.environ.get(RAW_SOCKET)
        reply = g.reply = endpoint.answer(Call(request.headers, request.stream.read, raw_socket is not None))
        return response(reply, raw_socket, waiting)

    def health() -> Response:
        return Response(to_json(admin.well()), headers=_JSON)

    def refuse(fault: Exception) -> Response:
        error = _api_error(fault, document)
        if _is_admin(request.path):
            g.reply = Reply(error.status, to_json(error.data), _JSON | error.headers, reason=str(error))
        else:
            g.reply = endpoint.refuse(error, request.headers)
        return response(g.reply, None, waiting)

    for route in document.routes:
        strict = not route.endswith("/")  # else a redirect
        app.add_url_rule(
            route, view_func=rerank, methods=["POST"], provide_automatic_options=False, strict_slashes=strict
        )
    app.add_url_rule(HEALTH, view_func=health, methods=["GET"], provide_automatic_options=False)
    app.register_blueprint(admin.control_plane(endpoint, settings))
    app.register_error_handler(Exception, refuse)
    _keep_journal(app, endpoint, RequestLog(as_json=settings.log_format == "json") if settings.log_format else None)
    if settings.cors:
        cors.allow(app, settings.cors)
    return app


def _begin() -> None:
    g.start = time.time(), time.perf_counter()
    if request.environ.get("PATH_INFO", "").startswith("//"):
        raise NotFound


def _api_error(fault: Exception, document: Document) -> ApiError:
    match fault:
        case ApiError():
            return fault
        case HTTPException(code=404):
            return RouteNotFound(_nothing_there(request.path, document))
        case HTTPException(code=405):
            return MethodNotAllowed(request.method, getattr(fault, "valid_methods", None) or ())
        case HTTPException():
            return InvalidRequest(fault.description or fault.name)
    _logger.error("a bug in the mock", exc_info=fault)
    return InternalError(f"The mock itself failed: {type(fault).__name__}; the traceback is in its log")


def _nothing_there(path: str, document: Document) -> str:
    if base := document.doubled_routes.get(path):
        return f"There is no {path}: the base URL already ends in {base}; leave {base} out of it"
    return f"There is no {path[:200]} here; the mock answers POST {' and POST '.join(document.routes)}"


def _is_about_the_mock(path: str) -> bool:
    """Return whether *path* is none of the API's, and so no business of the journal."""
    return path == HEALTH or _is_admin(path)


def _is_admin(path: str) -> bool:
    return path == admin.PREFIX or path.startswith(f"{admin.PREFIX}/")


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


def _keep_journal(app: Flask, endpoint: Endpoint, log: RequestLog | None) -> None:
    @app.after_request
    def record(sent: Response) -> Response:
        began, start = g.start
        ms = (time.perf_counter() - start) * 1000
        reply: Reply | None = g.get("reply")  # none for what is not the API's: health, the control plane, a preflight
        status = sent.status_code if reply is None or reply.is_sent else None
        namespace = endpoint.namespace(request.headers)
        redaction = Redaction(_headers(request.environ), named=namespace != DEFAULT)
        if reply and not _is_about_the_mock(request.path):
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
