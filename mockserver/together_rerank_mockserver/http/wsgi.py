"""One mock behind WSGI: a request's environ becomes a Call, and a Reply becomes a WSGI answer."""

import http
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from threading import Event
from typing import Any

from together_rerank_mockserver.api.errors import InvalidRequest, RouteNotFound, StateUnavailable, UnsupportedByServer
from together_rerank_mockserver.api.json_text import to_json
from together_rerank_mockserver.api.messages import JSON, LIVE_PATHS, METRICS, READY_PATHS, Call, Reply
from together_rerank_mockserver.api.rendering import error_reply
from together_rerank_mockserver.endpoint import Endpoint, Steps
from together_rerank_mockserver.http.access import Wsgi
from together_rerank_mockserver.http.admin import Admin, health
from together_rerank_mockserver.http.operations import Operations
from together_rerank_mockserver.settings import Settings, checked
from together_rerank_mockserver.state.delay_limiter import DelayLimiter
from together_rerank_mockserver.state.metrics import CONTENT_TYPE
from together_rerank_mockserver.state.store import run_steps

# The environ key of the raw socket, if the server has one: an object with `hang`, `reset`, `wait` and `settle`.
RAW_SOCKET = "together_rerank_mock.raw_socket"
# The environ key of the operation that the request is for, as an Endpoint.
OPERATION = "together_rerank_mock.operation"
# The environ key of a function, if calls must not wait in the server's thread: it calls its argument, which returns the
# pieces of the body, in another thread and returns MOVED, which the application then returns.
MOVE = "together_rerank_mock.move"
MOVED: list[bytes] = []
# The environ key of a function beside it: it runs a script in the shared state, calls its second argument with the
# result, or with StateUnavailable, and returns MOVED, too.
RUN_SCRIPT = "together_rerank_mock.run_script"
# The status, the headers and the pieces of the body.
Outgoing = tuple[int, list[tuple[str, str]], Iterable[bytes]]
_PIECES = 10
FLUSHED_S = 0.1


class Mock:
    """The mock that *settings* describe; *limiter* delays its calls. Raises the exceptions of `create_app`."""

    def __init__(self, settings: Settings | None = None, limiter: DelayLimiter | None = None) -> None:
        self.settings = checked(settings)
        self.limiter = limiter or DelayLimiter(Event())
        self.operations = Operations(self.settings, self.limiter)
        self.admin = Admin(self.operations)
        # The views for GET that need no access control, by path.
        self.views: dict[str, Callable[[dict[str, Any]], Outgoing]] = {
            **dict.fromkeys(LIVE_PATHS, self.health),
            **dict.fromkeys(READY_PATHS, self.readiness),
            METRICS: self.metrics,
        }

    @property
    def endpoint(self) -> Endpoint:
        """The first operation at the root."""
        return self.operations.root[0]

    def rerank(self, environ: dict[str, Any]) -> Outgoing:
        """Answer a request to the operation that is in *environ*."""
        endpoint: Endpoint = environ[OPERATION]
        return outgoing(endpoint.answer(call_of(environ)), self.limiter, environ.get(RAW_SOCKET))

    def rerank_or_move(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as `rerank` does, as a WSGI application; a call that can wait moves to another thread, see MOVE."""
        if MOVE not in environ:
            return send(self.rerank(environ), start_response)
        endpoint: Endpoint = environ[OPERATION]
        return self._go_on(endpoint.steps(call_of(environ)), None, environ, start_response)

    def _go_on(
        self, steps: Steps, result: Any, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Go on with *steps* after a script with *result*, which can be StateUnavailable; None at the beginning."""
        try:
            script_call = steps.throw(result) if isinstance(result, Exception) else steps.send(result)
        except StopIteration as end:
            return send(outgoing(end.value, self.limiter), start_response)
        moved: list[bytes]
        if script_call is None:
            store = self.operations.state.store
            moved = environ[MOVE](lambda: send(outgoing(run_steps(steps, store), self.limiter), start_response))
        else:
            moved = environ[RUN_SCRIPT](script_call, lambda result: self._go_on(steps, result, environ, start_response))
        return moved

    def health(self, _: dict[str, Any]) -> Outgoing:
        return outgoing(Reply(200, to_json(health()), JSON), self.limiter)

    def readiness(self, environ: dict[str, Any]) -> Outgoing:
        try:
            self.operations.state.registry.check()
        except StateUnavailable as error:
            problem = str(error)
        else:
            if not self.limiter.is_stopping:
                return self.health(environ)
            problem = "stopping"
        return outgoing(Reply(503, to_json({**health(), "status": problem}), JSON), self.limiter)

    def metrics(self, _: dict[str, Any]) -> Outgoing:
        try:
            self.operations.state.check_shared(METRICS)
            content = self.operations.state.metrics.exposition()
        except (StateUnavailable, UnsupportedByServer) as error:
            return outgoing(error_reply(error), self.limiter)
        return outgoing(Reply(200, content, {"Content-Type": CONTENT_TYPE}), self.limiter)

    def outside(self, environ: dict[str, Any]) -> Outgoing:
        """Answer a request to a path that is not below the base path."""
        call, base = call_of(environ), self.settings.base_path
        error = RouteNotFound(
            f"There is no {call.path[:200]} here; the base path is {base}, as in POST {base}{self.endpoint.routes[0]}"
        )
        return outgoing(self.endpoint.refuse(call, error), self.limiter)


def application(view: Callable[[dict[str, Any]], Outgoing]) -> Wsgi:
    """Return *view* as a WSGI application."""
    return lambda environ, start_response: send(view(environ), start_response)


def move(answer: Callable[[], Iterable[bytes]], environ: dict[str, Any]) -> Iterable[bytes]:
    """Return what *answer* returns; in a server that has MOVE, call it in another thread, because it can wait."""
    pieces: Iterable[bytes] = environ[MOVE](answer) if MOVE in environ else answer()
    return pieces


def send(answer: Outgoing, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Send *answer* as a WSGI application does."""
    status, headers, body = answer
    start_response(_status_line(status), headers)
    return body


@lru_cache(maxsize=64)
def _status_line(status: int) -> str:
    """Return *status* with its reason phrase, in the format of Flask."""
    try:
        return f"{status} {http.HTTPStatus(status).phrase.upper()}"
    except ValueError:
        return f"{status} UNKNOWN"


def call_of(environ: dict[str, Any]) -> Call:
    body = environ["wsgi.input"]
    if "wsgi.input_terminated" not in environ:  # this server does not mark the end of the body
        length = environ.get("CONTENT_LENGTH") or ""
        body = SizedBody(body, int(length) if length.isascii() and length.isdigit() else 0)
    raw_socket = environ.get(RAW_SOCKET)
    pause = raw_socket.wait if raw_socket else None
    method = environ["REQUEST_METHOD"]
    return Call(EnvironHeaders(environ), body.read, raw_socket is not None, pause, method, path_of(environ))


def path_of(environ: dict[str, Any]) -> str:
    """Return the path of a WSGI request, whose bytes WSGI decodes as Latin-1."""
    path: str = environ.get("PATH_INFO", "")
    return path if path.isascii() else path.encode("latin-1").decode(errors="replace")


class SizedBody:
    def __init__(self, source: Any, left: int) -> None:
        self._source = source
        self._left = left

    def read(self, size: int = -1) -> bytes:
        """Return up to *size* bytes, or all that is left for -1; fewer if the client sent fewer."""
        try:
            data: bytes = self._source.read(self._left if size < 0 else min(size, self._left))
        except ConnectionError as error:
            raise InvalidRequest("The client disconnected before the end of its body") from error
        self._left -= len(data)
        return data


class EnvironHeaders:
    """The headers of a WSGI request, read from its environ on access."""

    __slots__ = ("_environ",)

    def __init__(self, environ: dict[str, Any]) -> None:
        self._environ = environ

    def get(self, name: str, /) -> str | None:
        value: str | None = self._environ.get(_key(name))
        return value

    def items(self) -> list[tuple[str, str]]:
        return [(name, value) for key, value in self._environ.items() if (name := _name(key))]


@lru_cache(maxsize=64)
def _key(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


@lru_cache(maxsize=256)
def _name(key: str) -> str | None:
    if key.startswith("HTTP_"):
        return key.removeprefix("HTTP_").replace("_", "-")
    return key.replace("_", "-") if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else None


def outgoing(reply: Reply, limiter: DelayLimiter, raw_socket: Any = None) -> Outgoing:
    """Return *reply* for WSGI; a slow reply releases *limiter*, which the caller has acquired, when its body ends."""
    headers = [*reply.headers.items(), ("Content-Length", str(len(reply.body)))]
    if reply.delivery == "whole":
        return reply.status, headers, [reply.body]
    pieces = _pieces(reply, limiter, raw_socket)
    return reply.status, headers, _Counted(pieces, limiter) if reply.is_slow else pieces


class _Counted:
    """The pieces of a slow body. Its call counts as waiting until `close`, even if no piece was read."""

    def __init__(self, pieces: Iterator[bytes], limiter: DelayLimiter) -> None:
        self._pieces = pieces
        self._limiter: DelayLimiter | None = limiter

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        limiter, self._limiter = self._limiter, None
        if limiter:
            limiter.release()


def _pieces(reply: Reply, limiter: DelayLimiter, raw_socket: Any) -> Iterator[bytes]:
    if reply.delivery == "drip":
        length = max(1, -(-len(reply.body) // _PIECES))
        pause = raw_socket.wait if raw_socket is not None else limiter.pause
        for start in range(0, len(reply.body), length):
            pause(reply.pause_ms / 1000)
            yield reply.body[start : start + length]
    elif reply.delivery == "truncate":
        yield reply.sent
        limiter.pause(FLUSHED_S)  # granian drops unsent bytes when a body ends early
    else:
        if raw_socket is not None and reply.delivery in ("hang", "reset"):
            getattr(raw_socket, reply.delivery)()
        # No byte has been sent: the server treats this as a client that disconnected, and closes the connection.
        raise ConnectionAbortedError
