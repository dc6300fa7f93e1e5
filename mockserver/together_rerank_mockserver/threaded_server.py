"""The mock on a thread for each connection, in this process: for tests, and for faults that need the raw socket."""

from __future__ import annotations

import os
import re
import selectors
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from together_rerank_mockserver.delivery import RAW_SOCKET, Waiting
from together_rerank_mockserver.errors import ClientGone, InvalidRequest
from together_rerank_mockserver.mock import Mock, SizedBody, read_from
from together_rerank_mockserver.readiness import GRACE_S, Readiness, at_a_signal
from together_rerank_mockserver.rendering import to_json
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.wsgi import WsgiApp
from together_rerank_spec.urls import url_of

if TYPE_CHECKING:
    from flask import Flask

# The most bytes of a refused body to read before the connection is closed.
_MOST_DRAINED = 64 * 1024 * 1024
_DRAIN_S = 1.0
_LENGTH = re.compile("[0-9]{1,18}")
_LONGEST_LINE = 65536
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")
_BACKLOG = 1024
_POLL_S = 0.01
# A call that is not kept back is over as soon as its thread has had its turn.
_SETTLED_S = 2.0


class ThreadedServer:
    """A mock that serves inside a `with` block: `with ThreadedServer() as mock: ... mock.url`; port 0 takes a free one.

    Raises:
        DocumentError: the document cannot be read, or not be honoured.
        OSError: the address cannot be listened on.
    """

    def __init__(self, settings: Settings | None = None, port: int = 0) -> None:
        settings = settings or Settings()
        family, _, _, _, address = socket.getaddrinfo(settings.host, port, type=socket.SOCK_STREAM)[0]
        with socket.create_server(address[:2], family=family, backlog=_BACKLOG) as listener:
            host, self.port = listener.getsockname()[:2]
            self.url = url_of(host, self.port)
            self._stopping = threading.Event()
            self.mock = Mock(replace(settings, host=host), Waiting(self._stopping))
            self._wsgi = WsgiApp(self.mock)
            self._server = _Server(host, self.port, self._wsgi, _Connection, fd=listener.fileno())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), daemon=True)

    @property
    def app(self) -> Flask:
        return self._wsgi.flask

    def start(self) -> None:
        self._thread.start()

    def stop(self, grace_s: float = 0.0) -> None:
        """Listen no more; cut waits short, and after *grace_s* whatever is still in flight."""
        self._stopping.set()
        self._server.cut_waits()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.close_connections(grace_s)

    def settle(self) -> None:
        """Wait, for 2 s at most, until every call so far is in the journal, except delayed ones."""
        self._server.settle()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def serve(settings: Settings, *, port: int, readiness: Readiness) -> None:
    """Serve until a signal, then finish what is in flight, for `GRACE_S` seconds at most.

    Raises:
        DocumentError: the document cannot be read, or not be honoured.
        OSError: the address cannot be listened on, or the ready file not be written.
    """
    server = ThreadedServer(settings, port)
    signalled = threading.Event()
    with readiness.ready_file_of(server.url):
        at_a_signal(signalled.set)
        server.start()
        readiness.publish_when_healthy(server.url, os.getpid())
        # Look again and again: Python does not handle a signal that comes just before the main thread blocks.
        while not signalled.wait(0.5):
            pass
        server.stop(GRACE_S)


class _Phase(Enum):
    """The state of a connection: no request, one in progress, one that is delayed, or one in the journal."""

    IDLE = 1
    ASKED = 2
    WAITING = 3  # in progress, and delayed
    RECORDED = 4


class _Server(ThreadedWSGIServer):
    """Keeps account of its connections, so that it can close them."""

    daemon_threads = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connections: set[_Connection] = set()
        # Those whose thread has not begun.
        self._accepted: set[Any] = set()
        # From where connections come that somebody waits for.
        self._awaited: set[Any] = set()
        self._changed = threading.Condition()
        # Readable from the moment on that waits are to end.
        self.stopping, self._stop = socket.socketpair()
        self.closing = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that broke; the application tells of its own faults."""

    def cut_waits(self) -> None:
        self._stop.close()

    def settle(self) -> None:
        """Wait until earlier requests are in the journal; not for later ones, or it might never return."""
        with self._changed:
            if _is_readable(self.socket):
                self._accept_all()
            accepted = set(self._accepted)
            recorded = {each: each.recorded for each in self._connections}

            def is_over(connection: _Connection) -> bool:
                return connection.recorded != recorded.get(connection, 0) or connection.is_settled

            self._changed.wait_for(
                lambda: (
                    accepted.isdisjoint(self._accepted)
                    and all(is_over(each) for each in self._connections if each in recorded or each.request in accepted)
                ),
                _SETTLED_S,
            )

    def _accept_all(self) -> None:
        """Return when the connections that are there are accepted: they are in their order, so one more tells."""
        host, port = self.server_address[:2]
        with socket.create_connection((str(host), port), timeout=_SETTLED_S) as last:
            name = last.getsockname()
            self._awaited.add(name)
            self._changed.wait_for(lambda: name not in self._awaited, _SETTLED_S)

    def get_request(self) -> Any:
        """Accept a connection, and take account of it from that moment on."""
        with self._changed:
            connection, address = super().get_request()
            self._accepted.add(connection)
            self._awaited.discard(address)
            self._changed.notify_all()
            return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, be it that its thread could not begin."""
        with self._changed:
            self._accepted.discard(request)
            self._changed.notify_all()
        super().shutdown_request(request)

    def close_connections(self, grace_s: float) -> None:
        """Close what is idle at once, and what is not when it is done, or after *grace_s*."""
        with self._changed:
            self.closing = True
            for connection in self._connections:
                if connection.phase is _Phase.IDLE:
                    connection.abort()
            self._changed.wait_for(lambda: all(each.phase is _Phase.IDLE for each in self._connections), grace_s)
            for connection in self._connections:
                connection.abort()
        self.stopping.close()

    def opened(self, connection: _Connection) -> None:
        with self._changed:
            self._accepted.discard(connection.request)
            self._connections.add(connection)
            self._changed.notify_all()
            if self.closing:
                connection.abort()

    def closed(self, connection: _Connection) -> None:
        with self._changed:
            self._connections.discard(connection)
            self._changed.notify_all()

    def set_phase(self, connection: _Connection, phase: _Phase) -> None:
        """Note where *connection* is with its requests; none comes after the last when the server closes."""
        with self._changed:
            connection.phase = phase
            connection.recorded += phase is _Phase.RECORDED
            connection.close_connection |= self.closing and phase is _Phase.IDLE
            self._changed.notify_all()


class _Connection(WSGIRequestHandler):
    """Requests of one client, each answered by the application."""

    protocol_version = "HTTP/1.1"
    # For a request with an invalid version; the default would send an answer without a head.
    default_request_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    server: _Server
    phase = _Phase.IDLE
    recorded = 0

    def handle(self) -> None:
        self.server.opened(self)
        try:
            super().handle()
        finally:
            self.server.closed(self)

    def parse_request(self) -> bool:
        """Parse a request after its first line; from now on a server that closes waits for it."""
        self.server.set_phase(self, _Phase.ASKED)
        return super().parse_request()

    def handle_expect_100(self) -> bool:
        go_on = super().handle_expect_100()
        self.wfile.flush()
        return go_on

    def run_wsgi(self) -> None:
        """Answer one request, and keep the connection if its body was read to the end."""
        try:
            self._answer()
            self.wfile.flush()
        except ConnectionError:  # the client is gone, or a fault sends no answer
            self.close_connection = True
        finally:
            self.server.set_phase(self, _Phase.IDLE)

    def _answer(self) -> None:
        try:
            environ, body = self._environ()
        except ValueError as fault:
            self.send_error(400, str(fault))
            return
        head: list[Any] = []
        app: Any = self.server.app
        pieces = app(environ, lambda status, headers, _=None: head.extend((status, headers)))
        self.server.set_phase(self, _Phase.RECORDED)
        try:
            sent = -1
            for piece in pieces:
                if sent < 0:
                    promised, sent = self._send_head(*head, keep=body.is_read), 0
                self.wfile.write(piece)
                self.wfile.flush()
                sent += len(piece)
            if sent < 0:
                promised, sent = self._send_head(*head, keep=body.is_read), 0
            if self.command != "HEAD" and sent < promised:
                self.close_connection = True
        finally:
            if hasattr(pieces, "close"):
                pieces.close()
        if not body.is_read:
            self._drain()

    def _environ(self) -> tuple[dict[str, Any], SizedBody | ChunkedBody]:
        """Return the WSGI environ and the body in it; raise ValueError if the head is invalid."""
        lengths = {length.strip() for length in self.headers.get_all("Content-Length", ["0"])}
        coding = ",".join(self.headers.get_all("Transfer-Encoding", [])).strip().lower()
        if coding not in ("", "chunked"):
            raise ValueError("Transfer-Encoding can only be chunked")
        if len(lengths) > 1 or not _LENGTH.fullmatch(length := lengths.pop()):
            raise ValueError("Content-Length must be one number")
        environ = self.make_environ()  # raises ValueError for an absolute target that is not a URL
        body = ChunkedBody(self.rfile) if coding else SizedBody(self.rfile, int(length))
        environ |= {"wsgi.input": body, "wsgi.input_terminated": True, RAW_SOCKET: self}
        if self.requestline.split()[1].startswith("//"):  # http.server and werkzeug reduce it to one slash
            environ["PATH_INFO"] = f"/{environ['PATH_INFO']}"
        return environ, body

    def _send_head(self, status: str, headers: list[tuple[str, str]], *, keep: bool) -> int:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if not keep or self.close_connection:
            self.send_header("Connection", "close")  # then http.server closes the connection
        self.end_headers()
        return int(dict(headers).get("Content-Length", "0"))

    def _drain(self) -> None:
        """Read the rest of the body: the client may read the answer only after it, and closing would send a reset."""
        self.wfile.flush()
        deadline, left = time.monotonic() + _DRAIN_S, _MOST_DRAINED
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_DRAIN_S)
            while left > 0 and time.monotonic() < deadline and (data := self.connection.recv(65536)):
                left -= len(data)

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        self.server.set_phase(self, _Phase.WAITING)
        try:
            yield
        finally:
            self.server.set_phase(self, _Phase.ASKED)

    def wait(self, seconds: float) -> None:
        """Return after *seconds*, or when the server stops; raise ClientGone if the client disconnects."""
        deadline = time.monotonic() + seconds
        # An error means that the server stops and has closed the socket.
        with self._waiting(), selectors.DefaultSelector() as selector, suppress(OSError, ValueError):
            selector.register(self.server.stopping, selectors.EVENT_READ)
            selector.register(self.connection, selectors.EVENT_READ)
            while (left := deadline - time.monotonic()) > 0:
                ready = [key.fileobj for key, _ in selector.select(left)]
                if self.server.stopping in ready:
                    return
                if ready and self._is_at_its_end():
                    raise ClientGone
                if ready:
                    selector.unregister(self.connection)  # it has sent its next request already

    @property
    def is_settled(self) -> bool:
        """Whether no journal entry is due soon; a delayed call counts as settled while its client is connected."""
        match self.phase:
            case _Phase.RECORDED:
                return True
            case _Phase.ASKED:
                return False
        return not _is_readable(self.connection) or (self.phase is _Phase.WAITING and not self._is_at_its_end())

    def _is_at_its_end(self) -> bool:
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def settle(self) -> None:
        """Wait until every other call is in the journal, except delayed ones whose clients are connected."""
        with self._waiting():  # else two calls of `settle` would wait for each other
            self.server.settle()

    def hang(self) -> None:
        """Return when the client is gone, or the server stops."""
        self.server.set_phase(self, _Phase.IDLE)  # so that a stop does not wait for it
        if self.server.closing:
            return
        with selectors.DefaultSelector() as selector, suppress(OSError):
            selector.register(self.connection, selectors.EVENT_READ)
            while selector.select() and self.connection.recv(65536):
                pass  # discard what the client sends while it waits

    def reset(self) -> None:
        """Send RST: close the descriptor without lingering; Python's socket would shut it down first."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def abort(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer invalid HTTP with the usual error body."""
        status = HTTPStatus(code)
        body = to_json(InvalidRequest(f"Not valid HTTP: {message or explain or status.phrase}"[:300]).data)
        self.send_response(code, status.phrase)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log(self, *_: Any) -> None:
        """Log nothing: the application has its own log, and `log_request` would fail for some paths."""

    log_request: Any = log


class ChunkedBody:
    """A chunked body (RFC 9112, 7.1); extensions and trailers are read and ignored."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self._left = 0
        self._has_begun = False
        self.is_read = False

    def read(self, size: int) -> bytes:
        """Return up to *size* bytes, fewer at the end; raise InvalidRequest if a chunk is malformed."""
        pieces = []
        while size > 0 and not self.is_read:
            if not self._left:
                self._next_chunk()
            piece = read_from(self._source, min(size, self._left))
            if len(piece) < min(size, self._left):
                raise InvalidRequest("The body ended in the midst of a chunk")
            self._left -= len(piece)
            size -= len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def _next_chunk(self) -> None:
        if self._has_begun and self._line():
            raise InvalidRequest("A chunk of the body is longer than it says")
        self._has_begun = True
        digits = self._line().partition(b";")[0].strip()
        if not _CHUNK_SIZE.fullmatch(digits):
            raise InvalidRequest("A chunk of the body has no size that can be read")
        self._left = int(digits, 16)
        if not self._left:
            while self._line():
                pass
            self.is_read = True

    def _line(self) -> bytes:
        line: bytes = self._source.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise InvalidRequest("The body ended before its last chunk")
        return line.rstrip(b"\r\n")


def _is_readable(listening_or_connected: socket.socket) -> bool:
    """Return whether a read or accept would not block, also at the end of data; False if the socket is closed."""
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(listening_or_connected, selectors.EVENT_READ)
            return bool(selector.select(0))
    except (OSError, ValueError):
        return False
