"""The Flask application: views for the rerank operation, health checks, metrics and the control plane."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.exceptions import MethodNotAllowed as NotAllowed

from together_rerank_mockserver.api import body
from together_rerank_mockserver.api.errors import InvalidRequest, MethodNotAllowed, RouteNotFound
from together_rerank_mockserver.api.messages import ADMIN, JSON, Reply, is_admin
from together_rerank_mockserver.api.rendering import error_reply
from together_rerank_mockserver.endpoint import Endpoint, api_error
from together_rerank_mockserver.http import access
from together_rerank_mockserver.http.admin import AdminRequest
from together_rerank_mockserver.http.base_path import below_base_path
from together_rerank_mockserver.http.console import blueprint as console
from together_rerank_mockserver.http.wsgi import OPERATION, RAW_SOCKET, Mock, Outgoing, call_of, outgoing, path_of
from together_rerank_mockserver.settings import Settings
from together_rerank_spec import dialects

_ANY_METHOD = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def create_app(settings: Settings | None = None) -> Flask:
    """Return the mock as a Flask application, to embed it or to call it without a socket.

    Raises:
        DocumentError: the document cannot be read, or does not allow the mock's answers.
        SettingsError: `fault` or `chaos` is invalid.
        FixtureError: the exchanges to replay cannot be read.
    """
    return build_app(Mock(settings))


def build_app(mock: Mock) -> Flask:
    """Return the Flask application of *mock*; it answers every request, also one to the rerank operation."""
    app = Flask(__name__, static_folder=None)
    app.request_class = console.FormRequest
    # Without this, Werkzeug redirects /v1//rerank, and treats //rerank as /rerank.
    app.url_map.merge_slashes = False

    # Not a view, because only `Operations` knows the paths.
    @app.before_request
    def rerank() -> Response | None:
        request.environ[OPERATION] = mock.operations.at(path_of(request.environ))
        if request.environ[OPERATION] is None:
            return None
        if request.environ["REQUEST_METHOD"] != "POST":
            raise NotAllowed(["POST"])
        return _response(mock.rerank(request.environ))

    app.before_request(_check_request_line)

    def refuse(error: Exception) -> Response:
        call, near = call_of(request.environ), mock.operations.near(path_of(request.environ))
        refused = api_error(_as_api_error(error, near))
        if is_admin(request.path):
            reply = error_reply(refused)
            mock.operations.state.recorder.log(call, reply, str(refused))
        else:
            reply = near[0].refuse(call, refused)
        return _response(outgoing(reply, mock.limiter))

    for path, view in mock.views.items():
        show = partial(_show, view)
        app.add_url_rule(path, path, show, methods=["GET"], provide_automatic_options=False)
    app.register_blueprint(console.blueprint(mock))
    app.register_blueprint(_control_plane(mock))
    app.register_error_handler(Exception, refuse)
    answer = below_base_path(access.allow(app.wsgi_app, mock.settings.cors), mock)
    app.wsgi_app = answer  # type: ignore[assignment,method-assign]
    return app


def _control_plane(mock: Mock) -> Blueprint:
    plane = Blueprint("control plane", __name__, url_prefix=ADMIN)
    admin_access = access.AdminAccess(mock.settings)
    plane.before_request(lambda: admin_access.check(request.headers, request.remote_addr or ""))

    def answer(**_: str) -> Response:
        # One view for all paths and methods, so that access is also checked before a 404 or 405.
        call, raw_socket = call_of(request.environ), request.environ.get(RAW_SOCKET)
        path, url = request.path.removeprefix(ADMIN), request.root_url.rstrip("/")
        content = partial(body.read, call.headers, call.read, setting="for the control plane")
        admin_request = AdminRequest(call.method, path, _parameters(), url, content, call.raw_socket)
        if raw_socket:
            admin_request.settle = raw_socket.settle
        reply = Reply(200, mock.admin.answer(admin_request), JSON)
        mock.operations.state.recorder.log(call, reply, None)
        return Response(reply.body, reply.status, reply.headers)

    for rule in ("/", "/<path:_>"):
        plane.add_url_rule(
            rule, view_func=answer, methods=_ANY_METHOD, provide_automatic_options=False, strict_slashes=False
        )
    return plane


def _parameters() -> dict[str, str]:
    for name, values in request.args.lists():
        if len(values) > 1:
            raise InvalidRequest(f"The parameter `{name[:100]}` occurs twice")
    return request.args.to_dict()


class _Response(Response):
    default_mimetype = None  # a reply without a body has no Content-Type


def _response(answer: Outgoing) -> Response:
    status, headers, body = answer
    return _Response(body, status, headers)


def _show(view: Callable[[dict[str, Any]], Outgoing]) -> Response:
    return _response(view(request.environ))


def _check_request_line() -> None:
    """Reject what Flask accepts: a path that begins with two slashes, and a method in lower case."""
    if request.environ.get("PATH_INFO", "").startswith("//"):
        raise NotFound
    if request.environ["REQUEST_METHOD"] != request.method:
        raise NotAllowed(request.url_rule.methods if request.url_rule else None)


def _as_api_error(error: Exception, near: Sequence[Endpoint]) -> Exception:
    """Return the API's error for *error* if it is an error of Flask, else *error* itself."""
    match error:
        case HTTPException(code=404):
            return RouteNotFound(_nothing_there(path_of(request.environ), near))
        case HTTPException(code=405):
            return MethodNotAllowed(request.environ["REQUEST_METHOD"], getattr(error, "valid_methods", None) or ())
        case HTTPException():
            return InvalidRequest(error.description or error.name)
    return error


def _nothing_there(path: str, near: Sequence[Endpoint]) -> str:
    prefix, doubled = near[0].prefixes[0], near[0].document.doubled_routes
    below = request.script_root  # the base path, or where another application has mounted this one
    if base := doubled.get(path.removeprefix(prefix)):
        return f"There is no {below}{path}: the client adds {base} itself, so remove {base} from its base URL"
    routes = " and POST ".join(below + prefix + route for each in near for route in each.document.routes)
    others = "" if prefix else f"; other APIs are below {', '.join(f'{below}/{name}' for name in dialects())}"
    return f"There is no {below}{path[:200]} here; the mock answers POST {routes}{others}"
