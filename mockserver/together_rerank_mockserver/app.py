"""The Flask application: the door in front of the endpoint."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Event

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, NotFound

from together_rerank_mockserver import admin, cors, health
from together_rerank_mockserver.control import Control
from together_rerank_mockserver.delivery import outgoing
from together_rerank_mockserver.errors import ApiError, InvalidRequest, MethodNotAllowed, RouteNotFound
from together_rerank_mockserver.operation import Operation, api_error
from together_rerank_mockserver.paths import HEALTH, is_admin
from together_rerank_mockserver.recording import now
from together_rerank_mockserver.rendering import to_json
from together_rerank_mockserver.reply import Reply
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.shortcut import Shortcut
from together_rerank_mockserver.waiting import Waiting
from together_rerank_spec import Document

_JSON = {"Content-Type": "application/json"}
# Where in `app.extensions` the mock can be asked and changed without HTTP.
CONTROL = "together_rerank_mock"


def create_app(settings: Settings | None = None, waiting: Waiting | None = None) -> Flask:
    """Return the application that answers as *settings* say, and keeps calls back with *waiting*.

    Calls of the operation do not go through Flask, unless something is hooked into every request of it.

    Raises:
        DocumentError: the document cannot be read, or not be honoured.
        BadOrder: the settings ask for a fault that there is not.
        ValueError: the settings' rate cannot be read.
    """
    return around(Operation(settings or Settings(), waiting or Waiting(Event())))


def around(operation: Operation) -> Flask:
    """Return the application in which *operation* answers calls."""
    settings, recorder = operation.settings, operation.recorder
    app = Flask(__name__, static_folder=None)
    # Werkzeug would answer /v1//rerank with a redirect, and take //rerank for /rerank.
    app.url_map.merge_slashes = False
    app.before_request(_refuse_doubled_slash)

    def rerank() -> Response:
        return _response(*operation.answer(request.environ))

    def well() -> Response:
        return _response(*outgoing(health.reply(), operation.waiting))

    def refuse(fault: Exception) -> Response:
        error = _error(fault, operation.document)
        if is_admin(request.path):
            reply = Reply(error.status, to_json(error.data), _JSON | error.headers, reason=str(error))
        else:
            reply = operation.endpoint.refuse(error, request.headers)
        recorder.record(reply, request.environ, request.path, now())
        return _response(*outgoing(reply, operation.waiting))

    for route in operation.document.routes:
        app.add_url_rule(
            route,
            view_func=rerank,
            methods=["POST"],
            provide_automatic_options=False,
            strict_slashes=not route.endswith("/"),  # else a redirect
        )
    app.add_url_rule(HEALTH, view_func=well, methods=["GET"], provide_automatic_options=False)
    control = app.extensions[CONTROL] = Control(operation.endpoint, settings)
    app.register_blueprint(admin.control_plane(control, settings, recorder))
    app.register_error_handler(Exception, refuse)
    if settings.cors:
        cors.allow(app, settings.cors)
    else:
        app.wsgi_app = Shortcut(app, operation.document.routes, operation.answer)  # type: ignore[method-assign]
    return app


def _response(status: int, headers: list[tuple[str, str]], body: Iterable[bytes]) -> Response:
    return Response(body, status, headers)


def _refuse_doubled_slash() -> None:
    if request.environ.get("PATH_INFO", "").startswith("//"):
        raise NotFound


def _error(fault: Exception, document: Document) -> ApiError:
    """Return what the client is told of *fault*, be it one of Flask's own."""
    match fault:
        case HTTPException(code=404):
            return RouteNotFound(_nothing_there(request.path, document))
        case HTTPException(code=405):
            return MethodNotAllowed(request.method, getattr(fault, "valid_methods", None) or ())
        case HTTPException():
            return InvalidRequest(fault.description or fault.name)
    return api_error(fault)


def _nothing_there(path: str, document: Document) -> str:
    if base := document.doubled_routes.get(path):
        return f"There is no {path}: the base URL already ends in {base}; leave {base} out of it"
    return f"There is no {path[:200]} here; the mock answers POST {' and POST '.join(document.routes)}"
