"""The control plane, `/__admin/`: what was asked, what the next calls meet, and a fresh start."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request

from together_rerank_mockserver import body, orders
from together_rerank_mockserver.delivery import RAW_SOCKET
from together_rerank_mockserver.endpoint import NAMESPACE_PREFIX, Endpoint, check_server
from together_rerank_mockserver.errors import InvalidRequest, MethodNotAllowed, RouteNotFound
from together_rerank_mockserver.explanation import explain
from together_rerank_mockserver.guard import Guard
from together_rerank_mockserver.paths import ADMIN
from together_rerank_mockserver.recording import Recorder, now
from together_rerank_mockserver.rendering import to_json
from together_rerank_mockserver.reply import Reply
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state import DEFAULT

DISTRIBUTION = "together-rerank-kit"
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
    ("POST", "/reset"): "reset",
    ("GET", "/settings"): "settings",
    ("POST", "/explain"): "explain",
}
_FILTERS = ("status", "path", "limit", "offset")
_ANY = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def control_plane(endpoint: Endpoint, settings: Settings, recorder: Recorder) -> Blueprint:
    """Return the routes that tell and change what *endpoint* remembers."""
    plane = Blueprint("control plane", __name__, url_prefix=ADMIN)
    guard = Guard(settings)
    views = _Views(endpoint, settings)
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
        namespace = _namespace(endpoint, _FILTERS if methods[method] == "requests" else ())
        reply = Reply(200, to_json(getattr(views, methods[method])(namespace)), {"Content-Type": "application/json"})
        recorder.record(reply, request, start)
        return Response(reply.body, reply.status, reply.headers)

    for rule in ("/", "/<path:_>"):
        plane.add_url_rule(rule, view_func=answer, methods=_ANY, provide_automatic_options=False, strict_slashes=False)
    return plane


def well() -> dict[str, str]:
    """Return what a mock in good health says."""
    return {"status": "ok", "version": version(DISTRIBUTION)}


class _Views:
    """What each route answers about a namespace, as JSON."""

    def __init__(self, endpoint: Endpoint, settings: Settings) -> None:
        self._endpoint = endpoint
        self._state = endpoint.state
        self._settings = settings

    def health(self, _: str) -> Any:
        return well()

    def version(self, _: str) -> Any:
        return {"version": version(DISTRIBUTION), "document": self._endpoint.document.name}

    def spec(self, _: str) -> Any:
        return self._endpoint.document.content

    def requests(self, namespace: str) -> Any:
        entries, dropped = self._state.journal(namespace)
        status, path = request.args.get("status"), request.args.get("path")
        wanted = None if status in (None, "none") else _number("status", 0)
        found = [e for e in entries if (status is None or e.status == wanted) and path in (None, e.path)]
        offset, limit = _number("offset", 0), _number("limit", len(found))
        shown = [entry.described for entry in found[offset : offset + limit]]
        return {"namespace": namespace, "total": len(found), "dropped": dropped, "requests": shown}

    def forget_requests(self, namespace: str) -> Any:
        self._refuse_body()
        self._state.forget(namespace)
        return {"namespace": namespace, "total": 0, "dropped": 0, "requests": []}

    def faults(self, namespace: str) -> Any:
        return {**self._queue(namespace), "known": [fault.name for fault in self._endpoint.catalogue]}

    def queue_faults(self, namespace: str) -> Any:
        asked = body.parse(self._body())
        try:
            sequence = orders.from_json(asked, self._endpoint.catalogue)
            for order in sequence:
                check_server(order.fault, raw_socket=RAW_SOCKET in request.environ)
            self._state.enqueue(namespace, sequence)
        except orders.BadOrder as bad:
            raise InvalidRequest(str(bad)) from bad
        return self._queue(namespace)

    def clear_faults(self, namespace: str) -> Any:
        self._refuse_body()
        self._state.clear_queue(namespace)
        return self._queue(namespace)

    def reset(self, namespace: str) -> Any:
        self._refuse_body()
        self._state.reset(namespace)
        return {"namespace": namespace}

    def settings(self, _: str) -> Any:
        shown = {
            name: str(value) if isinstance(value, Path) else value for name, value in asdict(self._settings).items()
        }
        secret = {"api_keys": len(self._settings.api_keys), "admin_token": self._settings.admin_token is not None}
        return shown | secret

    def explain(self, _: str) -> Any:
        raw = self._body()
        return explain(raw, self._endpoint.requests.parse(self._endpoint.document.request_media_types[0], raw))

    def _refuse_body(self) -> None:
        if raw := self._body():
            fields = body.parse(raw)
            if fields != {}:
                raise InvalidRequest("This takes no body; what it is about is said by `?namespace=`")

    def _queue(self, namespace: str) -> dict[str, Any]:
        return {"namespace": namespace, "queue": [order.described for order in self._state.queue(namespace)]}

    def _body(self) -> bytes:
        return body.read(request.headers.get("Content-Length"), request.stream.read, self._settings.max_body)


def _namespace(endpoint: Endpoint, known: tuple[str, ...]) -> str:
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
    if namespace != DEFAULT and not endpoint.is_namespace(namespace):
        raise InvalidRequest(
            f"`namespace` must be {DEFAULT}, or a key that is let in and begins with {NAMESPACE_PREFIX}"
        )
    return namespace


def _number(name: str, default: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        also = ", or none for a connection left without an answer" if name == "status" else ""
        raise InvalidRequest(f"`{name}` must be a whole number from 0{also}, not {text[:100]}")
    return int(text)
