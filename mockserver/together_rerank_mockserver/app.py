"""The Flask application: the door in front of the endpoint."""

from __future__ import annotations

import logging
import time
from importlib.metadata import version

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, NotFound

from together_rerank_mockserver.endpoint import Call, Endpoint, Reply
from together_rerank_mockserver.errors import ApiError, InternalError, InvalidRequest, MethodNotAllowed, RouteNotFound
from together_rerank_mockserver.rendering import to_json
from together_rerank_mockserver.request_log import RequestLog
from together_rerank_mockserver.settings import Settings
from together_rerank_spec import Document

DISTRIBUTION = "together-rerank-kit"
HEALTH = "/health"
_logger = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> Flask:
    """Return the application that answers as *settings* say.

    Raises:
        DocumentError: the document cannot be read, or not be honoured.
    """
    settings = settings or Settings()
    document = settings.document()
    endpoint = Endpoint(document, api_keys=settings.api_keys, models=settings.models, max_body=settings.max_body)
    app = Flask(__name__, static_folder=None)
    # Werkzeug would answer /v1//rerank with a redirect, and take //rerank for /rerank.
    app.url_map.merge_slashes = False
    app.before_request(_refuse_doubled_slash)

    def rerank() -> Response:
        return _response(endpoint.answer(Call(request.headers, request.stream.read)))

    def health() -> Response:
        body = {"status": "ok", "version": version(DISTRIBUTION)}
        return _response(Reply(200, to_json(body), {"Content-Type": "application/json"}))

    def refuse(fault: Exception) -> Response:
        return _response(endpoint.refuse(_api_error(fault, document)))

    for route in document.routes:
        strict = not route.endswith("/")  # else a redirect
        app.add_url_rule(
            route, view_func=rerank, methods=["POST"], provide_automatic_options=False, strict_slashes=strict
        )
    app.add_url_rule(HEALTH, view_func=health, methods=["GET"], provide_automatic_options=False)
    app.register_error_handler(Exception, refuse)
    if settings.log_format:
        _keep_log(app, RequestLog(as_json=settings.log_format == "json"))
    return app


def _refuse_doubled_slash() -> None:
    if request.environ.get("PATH_INFO", "").startswith("//"):
        raise NotFound


def _response(reply: Reply) -> Response:
    g.reason = reply.reason
    return Response(reply.body, reply.status, reply.headers)


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


def _keep_log(app: Flask, log: RequestLog) -> None:
    @app.before_request
    def start() -> None:
        g.start = time.perf_counter()

    @app.after_request
    def record(response: Response) -> Response:
        ms = (time.perf_counter() - g.start) * 1000
        if request.path != HEALTH or response.status_code != 200:  # which a script may ask for all the time
            log.record(request.method, request.path, response.status_code, ms, g.get("reason"))
        return response
