"""The application that granian runs: it answers calls in the event loop's thread, and moves calls that wait."""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import Future
from contextlib import suppress
from functools import lru_cache, partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

from together_rerank_mockserver import clock
from together_rerank_mockserver.api.errors import StateUnavailable
from together_rerank_mockserver.http.wsgi import MOVE, MOVED, RUN_SCRIPT
from together_rerank_mockserver.server.granian_front import SHORT_S, GranianFront
from together_rerank_mockserver.server.thread_pool import ThreadPool
from together_rerank_mockserver.state.async_store import AsyncStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from together_rerank_mockserver.state.store import ScriptCall

# A larger body can take long to rank, so its call does not run in the loop's thread. A smaller one is read before the
# mock knows whether it needs it.
_SMALL = 256 * 1024
_ENVIRON = {
    "SCRIPT_NAME": "",
    "wsgi.errors": sys.stderr,
    "wsgi.input_terminated": True,
    "wsgi.multiprocess": False,
    "wsgi.multithread": True,
    "wsgi.run_once": False,
    "wsgi.version": (1, 0),
}


class GranianCalls:
    """Answers calls with *front* in the thread of the event loop: more threads would only take turns to compute.

    A call moves to a thread of *waiting* before it can wait, and if its body is large or arrives slowly. Scripts of
    the shared state run from the loop.
    """

    def __init__(self, front: GranianFront, waiting: ThreadPool) -> None:
        self._front = front
        self._waiting = waiting
        store = front.app.mock.operations.state.store
        self._store = None if store is None else AsyncStore(store)
        self._small = min(_SMALL, front.app.mock.settings.max_body)
        self._arriving: dict[Any, _Arrival] = {}  # by the protocol object of the call

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._move_slow()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one call; granian answers with 500 if this returns before."""
        environ = environ_of(scope)
        if not self._is_small(environ):
            environ["wsgi.input"] = _Stream(protocol, self._loop)
            await self._answer_in_thread(protocol, environ)
            return
        body = b""
        if environ.get("CONTENT_LENGTH", "0") != "0":
            arrival = self._arriving[protocol] = _Arrival(environ)
            with suppress(RuntimeError):  # the client has disconnected
                body = await protocol()
            del self._arriving[protocol]
            if arrival.moved:
                arrival.body.set_result(body)
                await arrival.moved
                return
        environ["wsgi.input"] = BytesIO(body)
        if moved := self._answer(protocol, environ):
            await moved

    def _is_small(self, environ: dict[str, Any]) -> bool:
        if "HTTP_TRANSFER_ENCODING" in environ or "HTTP_EXPECT" in environ:
            return False
        length = environ.get("CONTENT_LENGTH", "0")
        return len(length) < 10 and length.isdigit() and int(length) <= self._small

    def _move_slow(self) -> None:
        """Move the calls whose bodies arrive slowly, now and every `SHORT_S` seconds."""
        before = clock.monotonic() - SHORT_S
        for protocol, arrival in self._arriving.items():
            if arrival.began < before and not arrival.moved:
                arrival.body = Future()
                arrival.environ["wsgi.input"] = arrival
                arrival.moved = self._answer_in_thread(protocol, arrival.environ)
        self._loop.call_later(SHORT_S, self._move_slow)

    def _answer(self, protocol: Any, environ: dict[str, Any]) -> Awaitable[None] | None:
        """Answer a call now; if it moves to another thread, return what is done when that thread has answered it."""
        start = _Start()
        environ[MOVE] = partial(self._move, protocol, start)
        environ[RUN_SCRIPT] = partial(self._run_script, protocol, start)
        return self._deliver(protocol, start, self._front(environ, start))

    def _deliver(self, protocol: Any, start: _Start, pieces: Iterable[bytes]) -> Awaitable[None] | None:
        if pieces is MOVED:
            return start.moved
        if isinstance(pieces, list):
            _send(protocol, start, pieces)
            return None
        return self._in_thread(lambda: _send(protocol, start, pieces))

    def _run_script(
        self, protocol: Any, start: _Start, script_call: ScriptCall, go_on: Callable[[Any], Iterable[bytes]]
    ) -> list[bytes]:
        start.moved = self._go_on_after(script_call, protocol, start, go_on)
        return MOVED

    async def _go_on_after(
        self, script_call: ScriptCall, protocol: Any, start: _Start, go_on: Callable[[Any], Iterable[bytes]]
    ) -> None:
        result: Any
        try:
            result = await self._store.run(script_call)  # type: ignore[union-attr]  # without a store, there is no script
        except StateUnavailable as error:
            result = error
        if moved := self._deliver(protocol, start, go_on(result)):
            await moved

    def _move(self, protocol: Any, start: _Start, rest: Callable[[], Iterable[bytes]]) -> list[bytes]:
        start.moved = self._in_thread(lambda: _send(protocol, start, rest()))
        return MOVED

    def _answer_in_thread(self, protocol: Any, environ: dict[str, Any]) -> asyncio.Future[None]:
        start = _Start()
        return self._in_thread(lambda: _send(protocol, start, self._front(environ, start)))

    def _in_thread(self, job: Callable[[], object]) -> asyncio.Future[None]:
        """Run *job* in another thread; return a future that is done when it has ended."""
        done = self._loop.create_future()

        def run() -> None:
            try:
                job()
            finally:
                with suppress(RuntimeError):  # the loop has ended
                    self._loop.call_soon_threadsafe(done.set_result, None)

        self._waiting.run(run)
        return done


class _Arrival:
    """A body that granian reads; it is the input of its call once the call has moved."""

    __slots__ = ("began", "body", "environ", "moved")

    body: Future[bytes]

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ
        self.began = clock.monotonic()
        self.moved: asyncio.Future[None] | None = None

    def begin(self, _: int) -> Future[bytes]:
        return self.body


class _Stream:
    """A body that is read only as far as its call needs it."""

    def __init__(self, protocol: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._protocol = protocol
        self._loop = loop
        self._pieces: AsyncIterator[bytes] | None = None
        self._received = bytearray()

    def begin(self, size: int) -> Future[bytes]:
        """Start to read *size* bytes, or fewer at the end."""
        return asyncio.run_coroutine_threadsafe(self._read(size), self._loop)

    async def _read(self, size: int) -> bytes:
        if self._pieces is None:
            self._pieces = aiter(self._protocol)
        while len(self._received) < size:
            try:
                self._received += await anext(self._pieces)
            except StopAsyncIteration:
                break
        data = bytes(self._received[:size])
        del self._received[:size]
        return data


class _Start:
    """The `start_response` of one call."""

    __slots__ = ("headers", "moved", "status")

    moved: Awaitable[None]

    def __call__(self, status: str, headers: list[tuple[str, str]], *_: object) -> None:
        self.status = int(status[:3])
        self.headers = headers


def _send(protocol: Any, start: _Start, pieces: Iterable[bytes]) -> None:
    if isinstance(pieces, list):
        protocol.response_bytes(start.status, start.headers, b"".join(pieces))
        return
    try:
        transport = protocol.response_stream(start.status, start.headers)
        with suppress(ConnectionAbortedError):  # a fault ends the body early
            for piece in pieces:
                transport.send_bytes(piece)
    finally:
        if hasattr(pieces, "close"):
            pieces.close()


def environ_of(scope: Any) -> dict[str, Any]:
    """Return the WSGI environ of a request, without its body."""
    path = scope.path
    environ = {
        **_ENVIRON,
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": path if path.isascii() else path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": _split(scope.client)[0],
        "wsgi.url_scheme": scope.scheme,
    }
    environ["SERVER_NAME"], environ["SERVER_PORT"] = _split(scope.server)
    for name, value in scope.headers.items():
        key = _key(name)
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    if "HTTP_HOST" not in environ:
        environ["HTTP_HOST"] = scope.authority or ""
    return environ


def _split(address: str) -> tuple[str, str]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), port


@lru_cache(maxsize=256)
def _key(header: str) -> str:
    key = header.upper().replace("-", "_")
    return key if header in ("content-type", "content-length") else f"HTTP_{key}"
