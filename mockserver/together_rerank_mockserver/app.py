"""The Flask application: the door in front of the endpoint."""

from __future__ import annotations

import logging
from threading import Event

from flask import Flask, Request, Response, request
from werkzeug.exceptions import HTTPException, NotFound

from together_rerank_mockserver import admin, cors
from together_rerank_mockserver.call import Call
from together_rerank_mockserver.control import Control, well
from together_rerank_mockserver.delivery import RAW_SOCKET, response
from together_rerank_mockserver.endpoint import Endpoint
from together_rerank_mockserver.errors import ApiError, InternalError, InvalidRequest, MethodNotAllowed, RouteNotFound
from together_rerank_mockserver.paths import HEALTH, is_admin
from together_rerank_mockserver.recording import Recorder, now
from together_rerank_mockserver.rendering import to_json
from together_rerank_mockserver.reply import Reply
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.waiting import Waiting
from together_rerank_spec import Document

_JSON = {"Content-Type": "application/json"}
# Where in `app.extensions` the mock can be asked and changed without HTTP.
CONTROL = "together_rerank_mock"
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
    endpoint = Endpoint(document, settings)
    recorder = Recorder(endpoint, settings)
    app = Flask(__name__, static_folder=None)
    # Werkzeug would answer /v1//rerank with a redirect, and take //rerank for /rerank.
    app.url_map.merge_slashes = False
    app.before_request(_refuse_doubled_slash)

    def rerank() -> Response:
        asked: Request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001  # found but once
        start = now()
        raw_socket = asked.environ.get(RAW_SOCKET)
        pause = raw_socket.wait if raw_socket else waiting.wait
        reply = endpoint.answer(Call(asked.headers, asked.stream.read, raw_socket is not None, pause))
        recorder.record(reply, asked, start)
        return response(reply, raw_socket, waiting)

    def health() -> Response:
        return Response(to_json(well()), headers=_JSON)

    def refuse(fault: Exception) -> Response:
        error = _api_error(fault, document)
        if is_admin(request.path):
            reply = Reply(error.status, to_json(error.data), _JSON | error.headers, reason=str(error))
        else:
            reply = endpoint.refuse(error, request.headers)
        recorder.record(reply, request, now())
        return response(reply, None, waiting)

    for route in document.routes:
        strict = not route.endswith("/")  # else a redirect
        app.add_url_rule(
            route, view_func=rerank, methods=["POST"], provide_automatic_options=False, strict_slashes=strict
        )
    app.add_url_rule(HEALTH, view_func=health, methods=["GET"], provide_automatic_options=False)
    control = app.extensions[CONTROL] = Control(endpoint, settings)
    app.register_blueprint(admin.control_plane(control, settings, recorder))
    app.register_error_handler(Exception, refuse)
    if settings.cors:
        cors.allow(app, settings.cors)
    return app


def _refuse_doubled_slash() -> None:
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
