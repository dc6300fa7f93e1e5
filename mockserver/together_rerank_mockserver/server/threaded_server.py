"""Serve in this process, with a thread for each connection: for tests, and for faults that need the raw socket."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Self

from together_rerank_mockserver import clock
from together_rerank_mockserver.api.errors import ClientDisconnected, InvalidHttp
from together_rerank_mockserver.api.messages import MAX_HEAD
from together_rerank_mockserver.http.wsgi import RAW_SOCKET, Mock
from together_rerank_mockserver.http.wsgi_app import WsgiApp
from together_rerank_mockserver.server.http1 import PIECE, Exchange, error_answer, has_head, readable
from together_rerank_mockserver.server.readiness import Readiness
from together_rerank_mockserver.server.signals import GRACE_S, LINGER_S, StopSignals
from together_rerank_mockserver.settings import Settings, SettingsError, checked
from together_rerank_mockserver.state.delay_limiter import DelayLimiter

if TYPE_CHECKING:
    from flask import Flask

_BACKLOG = 1024
# The maximum bytes of an unread body to discard before the connection is closed.
_MAX_DRAINED = 64 * 1024 * 1024
_DRAIN_S = 1.0
# Longer than a call without a delay takes.
_SETTLED_S = 2.0
# Longer than a call takes to notice that its connection is closed.
_ABORTED_S = 2.0
# The wait before the next accept if the process has no descriptor left.
_RETRY_S = 0.05


class MockServer:
    """A mock server in this process that runs inside a `with` block: `with MockServer() as mock: ... mock.url`.

    Attributes:
        url: the URL of the mock, such as `http://127.0.0.1:49152`.
        port: its port; the argument 0 selects a free port.
        app: the same mock as a Flask application, without a socket.

    Raises:
        DocumentError: the document cannot be read or served.
        OSError: the server cannot listen on the address.
        SettingsError: `fault` or `chaos` is invalid, or the settings require TLS, which this server does not have.
    """

    def __init__(self, settings: Settings | None = None, port: int = 0) -> None:
        settings = _checked(settings)
        family, _, _, _, address = socket.getaddrinfo(settings.host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
        try:
            host, self.port = listener.getsockname()[:2]
            settings = replace(settings, host=host)
            self.url = settings.url(self.port)
            self._stopping = threading.Event()
            self.mock = Mock(settings, DelayLimiter(self._stopping))
        except BaseException:
            listener.close()
            raise
        self._wsgi = WsgiApp(self.mock)
        self._connections = _Connections(listener, self._wsgi, settings.read_timeout_s)
        self._thread = threading.Thread(target=self._connections.accept_all, daemon=True)

    @property
    def app(self) -> Flask:
        return self._wsgi.flask

    def start(self) -> None:
        self._thread.start()

    def use(self, settings: Settings) -> None:
        """Replace the mock with a new one with *settings*, at the same address; raise what the class raises."""
        settings = replace(_checked(settings), host=self.mock.settings.host)
        if settings == self.mock.settings:
            return
        self.mock = Mock(settings, DelayLimiter(self._stopping))
        self.url = settings.url(self.port)
        self._wsgi = self._connections.wsgi = WsgiApp(self.mock)
        self._connections.read_timeout_s = settings.read_timeout_s

    def stop(self, grace_s: float = 0.0) -> None:
        """Stop listening, end all waits, and close connections that are still open after *grace_s* seconds."""
        self._stopping.set()
        self._connections.stop(grace_s)
        if self._thread.is_alive():
            self._thread.join()
        self._connections.close(grace_s)

    def settle(self) -> None:
        """Wait, for at most 2 s, until every earlier call is in the journal, except delayed calls."""
        self._connections.settle()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def serve(settings: Settings, *, port: int, readiness: Readiness) -> None:
    """Serve until a stop signal, then let calls in flight finish, for at most `GRACE_S` seconds.

    Raises:
        DocumentError: the document cannot be read or served.
        OSError: the server cannot listen on the address, or cannot write the ready file.
    """
    server = MockServer(settings, port)
    with readiness.ready_file_of(server.url), StopSignals() as signals:
        server.start()
        readiness.publish_when_healthy(server.mock.settings, server.port, os.getpid())
        signals.wait()
        server.stop(GRACE_S)


def _checked(settings: Settings | None) -> Settings:
    settings = checked(settings)
    if settings.tls_cert is not None:
        raise SettingsError("tls_cert", "needs the server granian; the threaded server has no TLS")
    if settings.workers > 1:
        raise SettingsError("workers", "must be 1 with the threaded server; the server granian can have more")
    return settings


class _Phase(Enum):
    """The state of the current request of a connection."""

    IDLE = 1  # no request
    ANSWERING = 2
    WAITING = 3  # answering, but delayed
    RECORDED = 4  # in the journal


class _Connections:
    """The connections of one server, and its listening socket."""

    def __init__(self, listener: socket.socket, wsgi: WsgiApp, read_timeout_s: float) -> None:
        host, port = listener.getsockname()[:2]
        self.names = {"SERVER_NAME": host, "SERVER_PORT": str(port)}
        self.wsgi = wsgi
        self.read_timeout_s = read_timeout_s
        self.linger_s = 0.0
        self.is_stopping = False
        # Becomes readable when all waits must end.
        self.stopping, self._stop = socket.socketpair()
        self._listener = listener
        self._listener.setblocking(False)
        self._open: set[_Connection] = set()
        self._changed = threading.Condition()

    def accept_all(self) -> None:
        """Accept connections until `stop`, then those in the backlog, and stop listening."""
        while not self.is_stopping:
            readable(None, self._listener, self.stopping)
            self._accept()
        self._accept()
        self._listener.close()

    def _accept(self) -> None:
        """Accept the connections in the backlog, and start a thread for each."""
        with self._changed:
            while True:
                try:
                    client, remote = self._listener.accept()
                except BlockingIOError:
                    return
                except ConnectionError:
                    continue  # the client has already disconnected
                except OSError:  # no descriptor is left
                    self._changed.wait(_RETRY_S)
                    return
                client.setblocking(True)
                connection = _Connection(self, client, remote[0])
                self._open.add(connection)
                try:
                    threading.Thread(target=connection.serve, daemon=True).start()
                except RuntimeError:  # no thread is left
                    client.close()
                    self._open.discard(connection)

    def stop(self, grace_s: float) -> None:
        """End all waits."""
        self.linger_s = min(grace_s, LINGER_S)
        self.is_stopping = True
        self._stop.close()

    def close(self, grace_s: float) -> None:
        """Return when all connections have ended; after *grace_s*, end them."""
        self._listener.close()
        with self._changed:
            self._changed.wait_for(lambda: not self._open, grace_s)
            for connection in self._open:
                connection.abort()
            # Python aborts the process if it ends a thread inside of an extension module, so let the threads end.
            self._changed.wait_for(lambda: not self._open, _ABORTED_S)
        self.stopping.close()

    def closed(self, connection: _Connection) -> None:
        with self._changed:
            self._open.discard(connection)
            self._changed.notify_all()

    def set_phase(self, connection: _Connection, phase: _Phase) -> None:
        with self._changed:
            connection.phase = phase
            connection.recorded += phase is _Phase.RECORDED
            self._changed.notify_all()

    def settle(self) -> None:
        """Wait until all earlier requests are in the journal. Later ones are ignored, so that it returns."""
        with self._changed:
            self._accept()
            recorded = {each: each.recorded for each in self._open}

            def is_over(connection: _Connection) -> bool:
                is_recorded = connection.recorded != recorded[connection]
                return is_recorded or connection not in self._open or connection.is_settled

            self._changed.wait_for(lambda: all(map(is_over, recorded)), _SETTLED_S)


class _Connection:
    """Answers the requests of one connection, one after another, in a separate thread."""

    def __init__(self, connections: _Connections, client: socket.socket, address: str) -> None:
        self.phase = _Phase.IDLE
        self.recorded = 0  # how many of its requests are in the journal
        self._connections = connections
        self._socket = client
        self._address = address
        self._received = b""  # the first bytes of the next request

    def serve(self) -> None:
        """Answer requests until the client or the server ends the connection."""
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self._has_request() and self._answer():
                pass
        except InvalidHttp as invalid:
            self._connections.set_phase(self, _Phase.RECORDED)  # `settle` does not wait for it
            with suppress(OSError):
                self._socket.sendall(error_answer(invalid))
                self._drain()
        except OSError:
            pass  # the client disconnected, the server stops, or a fault sends no answer
        finally:
            self._socket.close()
            self._connections.closed(self)

    def _has_request(self) -> bool:
        """Wait for the whole head of a request; return False if the client or the server ends the connection."""
        deadline = None
        while not has_head(self._received):
            self._connections.set_phase(self, _Phase.IDLE)
            if not self._wait_for_bytes(deadline):
                if deadline is None:
                    return False
                raise InvalidHttp("the head of the request did not arrive in time", 408)
            # Set the phase before the bytes are read, so that `settle` sees the request in one of the two.
            self._connections.set_phase(self, _Phase.ANSWERING)
            data = self._socket.recv(PIECE)
            if not data and deadline is None:
                return False
            if not data:
                raise InvalidHttp("the connection was closed before the end of the head")
            self._received = (self._received + data).lstrip(b"\r\n")  # RFC 9112, 2.2: ignore empty lines before it
            if self._received and deadline is None:
                deadline = clock.monotonic() + self._connections.read_timeout_s
        self._connections.set_phase(self, _Phase.ANSWERING)
        return True

    def _wait_for_bytes(self, deadline: float | None) -> bool:
        """Return whether the client sends something, or closes, before *deadline* and before the server stops."""
        left_s = None if deadline is None else deadline - clock.monotonic()
        if left_s is not None and left_s <= 0:
            return False
        ready = readable(left_s, self._socket, self._connections.stopping)
        return self._socket in ready or bool(readable(self._connections.linger_s, self._socket))

    def _answer(self) -> bool:
        """Answer one request; return whether the connection can take another one."""
        self._exchange = exchange = Exchange(self._socket, self._received, self._connections.read_timeout_s)
        environ = exchange.environ(REMOTE_ADDR=self._address, **self._connections.names, **{RAW_SOCKET: self})
        head: list[Any] = []
        pieces = self._connections.wsgi(environ, lambda status, headers, _=None: head.extend((status, headers)))
        self._connections.set_phase(self, _Phase.RECORDED)
        try:
            status, headers = head
            exchange.send(status, headers, pieces, close=self._connections.is_stopping)
        finally:
            if hasattr(pieces, "close"):
                pieces.close()
        self._received = exchange.rest.lstrip(b"\r\n")
        if not exchange.is_reusable and (self._received or not exchange.body.is_read):
            self._drain()
        return exchange.is_reusable

    def _drain(self) -> None:
        """Read what the client still sends, because an earlier close could reset the connection and lose the answer."""
        deadline, left = clock.monotonic() + _DRAIN_S, _MAX_DRAINED
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.settimeout(_DRAIN_S)
            while left > 0 and clock.monotonic() < deadline and (data := self._socket.recv(PIECE)):
                left -= len(data)

    @property
    def is_settled(self) -> bool:
        """Whether no journal entry is expected soon; also true for a delayed call while its client is connected."""
        match self.phase:
            case _Phase.RECORDED:
                return True
            case _Phase.ANSWERING:
                return False
        return not readable(0, self._socket) or (self.phase is _Phase.WAITING and not self._is_at_its_end())

    def _is_at_its_end(self) -> bool:
        try:
            return not self._socket.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        before = self.phase
        self._connections.set_phase(self, _Phase.WAITING)
        try:
            yield
        finally:
            self._connections.set_phase(self, before)

    def wait(self, seconds: float) -> None:
        """Return after *seconds*, or when the server stops; raise ClientDisconnected if the client disconnects."""
        deadline = clock.monotonic() + seconds
        stopping = self._connections.stopping
        watched = [self._socket, stopping]
        with self._waiting():
            while (left := deadline - clock.monotonic()) > 0 and (ready := readable(left, *watched)):
                if stopping in ready:
                    return
                if not (data := self._socket.recv(PIECE)):
                    raise ClientDisconnected
                self._exchange.receive(data)  # the client has already sent its next request
                if len(self._exchange.rest) > MAX_HEAD:
                    watched = [stopping]

    def settle(self) -> None:
        """Wait until every other call is in the journal, except delayed ones whose clients are connected."""
        with self._waiting():  # otherwise two calls of `settle` would wait for each other
            self._connections.settle()

    def hang(self) -> None:
        """Return when the client disconnects, or the server stops."""
        self._connections.set_phase(self, _Phase.IDLE)  # so that `settle` does not wait for it
        while readable(None, self._socket, self._connections.stopping) == [self._socket]:
            if not self._socket.recv(PIECE):
                return

    def reset(self) -> None:
        """Send RST: close the descriptor without lingering; the method `close` would shut it down first."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self._socket.detach())  # not os.close, which a fake file system replaces

    def abort(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
