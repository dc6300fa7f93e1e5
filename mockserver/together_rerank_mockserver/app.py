"""The Flask application: the door in front of the endpoint."""

from __future__ import annotations

from threading import Event

from flask import Flask, Response, request
from werkzeug.exceptions import NotFound

from together_rerank_mockserver import admin, cors
from together_rerank_mockserver.control import Control, well
from together_rerank_mockserver.delivery import response
from together_rerank_mockserver.endpoint import Endpoint
from together_rerank_mockserver.operation import Operation, api_error
from together_rerank_mockserver.paths import HEALTH, is_admin
from together_rerank_mockserver.recording import Recorder, now
from together_rerank_mockserver.rendering import to_json
from together_rerank_mockserver.reply import Reply
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.shortcut import Shortcut
from together_rerank_mockserver.waiting import Waiting

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
    settings = settings or Settings()
    waiting = waiting or Waiting(Event())
    document = settings.document()
    endpoint = Endpoint(document, settings)
    recorder = Recorder(endpoint, settings)
    operation = Operation(endpoint, recorder, waiting)
    app = Flask(__name__, static_folder=None)
    # Werkzeug would answer /v1//rerank with a redirect, and take //rerank for /rerank.
    app.url_map.merge_slashes = False
    app.before_request(_refuse_doubled_slash)

    def health() -> Response:
        return Response(to_json(well()), headers=_JSON)

    def refuse(fault: Exception) -> Response:
        error = api_error(fault, document)
        if is_admin(request.path):
            reply = Reply(error.status, to_json(error.data), _JSON | error.headers, reason=str(error))
        else:
            reply = endpoint.refuse(error, request.headers)
        recorder.record(reply, request.environ, request.path, now())
        return response(reply, None, waiting)

    for route in document.routes:
        app.add_url_rule(
            route,
            endpoint="rerank",
            view_func=operation.view,
            methods=["POST"],
            provide_automatic_options=False,
            strict_slashes=not route.endswith("/"),  # else a redirect
        )
    app.add_url_rule(HEALTH, view_func=health, methods=["GET"], provide_automatic_options=False)
    control = app.extensions[CONTROL] = Control(endpoint, settings)
    app.register_blueprint(admin.control_plane(control, settings, recorder))
    app.register_error_handler(Exception, refuse)
    if settings.cors:
        cors.allow(app, settings.cors)
    else:
        app.wsgi_app = Shortcut(app, document.routes, operation)  # type: ignore[method-assign]
    return app


def _refuse_doubled_slash() -> None:
    if request.environ.get("PATH_INFO", "").startswith("//"):
        raise NotFound
