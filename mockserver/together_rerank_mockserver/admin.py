"""The control plane, `/__admin/`: what was asked, what the next calls meet, and a fresh start."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from together_rerank_mockserver import body, health
from together_rerank_mockserver.control import Control
from together_rerank_mockserver.delivery import RAW_SOCKET
from together_rerank_mockserver.errors import InvalidRequest, MethodNotAllowed, RouteNotFound
from together_rerank_mockserver.guard import Guard
from together_rerank_mockserver.paths import ADMIN
from together_rerank_mockserver.recording import Recorder, now
from together_rerank_mockserver.rendering import to_json
from together_rerank_mockserver.reply import Reply
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state import DEFAULT

# Each route, and the view of _Views that answers it.
ROUTES = {
    ("GET", "/health"): "health",
    ("GET", "/version"): "version",
    ("GET", "/spec"): "spec",
    ("GET", "/requests"): "requests",
    ("DELETE", "/requests"): "forget_requests",
    ("GET", "/faults"): "faults",
    ("POST", "/faults"): "queue_faults",
    ("DELETE", "/faults"): "clear_faults",
    ("GET", "/ranking"): "ranking",
    ("PUT", "/ranking"): "set_ranking",
    ("DELETE", "/ranking"): "clear_ranking",
    ("POST", "/reset"): "reset",
    ("GET", "/settings"): "settings",
    ("POST", "/explain"): "explain",
}
_FILTERS = ("status", "path", "reply", "limit", "offset")
_ANY = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def control_plane(control: Control, settings: Settings, recorder: Recorder) -> Blueprint:
    """Return the routes of *control*."""
    plane = Blueprint("control plane", __name__, url_prefix=ADMIN)
    guard = Guard(settings)
    views = _Views(control, settings)
    plane.before_request(lambda: guard.check(request.headers, request.remote_addr or ""))

    def answer(**_: str) -> Response:
        # One view for all, not Flask's own 404 and 405, so that the guard stands before every answer.
        start = now()
        path = request.path.removeprefix(ADMIN)
        methods = {method: name for (method, rule), name in ROUTES.items() if rule == path}
        if not methods:
            there = ", ".join(dict.fromkeys(rule.removeprefix("/") for _, rule in ROUTES))
            raise RouteNotFound(f"There is no {request.path[:200]}; below {ADMIN}/ there are: {there}")
        method = "GET" if request.method == "HEAD" else request.method
        if method not in methods:
            raise MethodNotAllowed(method, methods)
        namespace = _namespace(control, _FILTERS if methods[method] == "requests" else ())
        reply = Reply(200, to_json(getattr(views, methods[method])(namespace)), {"Content-Type": "application/json"})
        recorder.record(reply, request.environ, request.path, start)
        return Response(reply.body, reply.status, reply.headers)

    for rule in ("/", "/<path:_>"):
        plane.add_url_rule(rule, view_func=answer, methods=_ANY, provide_automatic_options=False, strict_slashes=False)
    return plane


class _Views:
    """What each route answers about a namespace, as JSON."""

    def __init__(self, control: Control, settings: Settings) -> None:
        self._control = control
        self._max_body = settings.max_body

    def health(self, _: str) -> Any:
        return health.well()

    def version(self, _: str) -> Any:
        return self._control.version()

    def spec(self, _: str) -> Any:
        return self._control.spec()

    def requests(self, namespace: str) -> Any:
        if raw_socket := request.environ.get(RAW_SOCKET):
            raw_socket.settle()
        status = request.args.get("status")
        return self._control.requests(
            namespace,
            status="any" if status is None else None if status == "none" else _number("status"),
            path=request.args.get("path"),
            reply=request.args.get("reply"),
            offset=_number("offset") or 0,
            limit=_number("limit"),
        )

    def forget_requests(self, namespace: str) -> Any:
        self._refuse_body()
        return self._control.forget_requests(namespace)

    def faults(self, namespace: str) -> Any:
        return self._control.faults(namespace)

    def queue_faults(self, namespace: str) -> Any:
        raw_socket = RAW_SOCKET in request.environ
        return self._control.queue_faults(namespace, body.parse(self._body()), raw_socket=raw_socket)

    def clear_faults(self, namespace: str) -> Any:
        self._refuse_body()
        return self._control.clear_faults(namespace)

    def ranking(self, namespace: str) -> Any:
        return self._control.ranking(namespace)

    def set_ranking(self, namespace: str) -> Any:
        return self._control.set_ranking(namespace, body.parse(self._body()))

    def clear_ranking(self, namespace: str) -> Any:
        self._refuse_body()
        return self._control.clear_ranking(namespace)

    def reset(self, namespace: str) -> Any:
        self._refuse_body()
        return self._control.reset(namespace)

    def settings(self, _: str) -> Any:
        return self._control.settings()

    def explain(self, _: str) -> Any:
        return self._control.explain(self._body())

    def _refuse_body(self) -> None:
        if raw := self._body():
            fields = body.parse(raw)
            if fields != {}:
                raise InvalidRequest("This takes no body; what it is about is said by `?namespace=`")

    def _body(self) -> bytes:
        return body.read(request.headers.get("Content-Length"), request.stream.read, self._max_body)


def _namespace(control: Control, known: tuple[str, ...]) -> str:
    """Return the namespace that the request is about, once all its parameters are known ones.

    Raises:
        InvalidRequest: one is not, or comes twice, or it names what cannot be a namespace.
    """
    for name, values in request.args.lists():
        if name not in ("namespace", *known):
            raise InvalidRequest(f"`{name[:100]}` is not a parameter; known: {', '.join(('namespace', *known))}")
        if len(values) > 1:
            raise InvalidRequest(f"`{name}` is given twice")
    namespace = request.args.get("namespace", DEFAULT)
    control.check(namespace)
    return namespace


def _number(name: str) -> int | None:
    text = request.args.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        also = ", or none for a connection left without an answer" if name == "status" else ""
        raise InvalidRequest(f"`{name}` must be a whole number from 0{also}, not {text[:100]}")
    return int(text)
