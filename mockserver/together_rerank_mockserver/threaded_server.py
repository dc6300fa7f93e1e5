"""The mock on a thread for each connection, in this process: for tests, and for faults that need the raw socket."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from werkzeug.serving import ThreadedWSGIServer

from together_rerank_mockserver.connection import Connection, Phase, is_readable
from together_rerank_mockserver.delivery import Waiting
from together_rerank_mockserver.mock import Mock
from together_rerank_mockserver.readiness import GRACE_S, Readiness, at_a_signal, url_of
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.wsgi import WsgiApp

if TYPE_CHECKING:
    from flask import Flask

_BACKLOG = 1024
_POLL_S = 0.01
# A call that is not kept back is over as soon as its thread has had its turn.
_SETTLED_S = 2.0


class ThreadedServer:
    """A mock that listens while the block runs: `with ThreadedServer() as mock: ... mock.url`.

    Args:
        port: 0 takes a free one.

    Attributes:
        mock: what answers.

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
            self._server = _Server(host, self.port, self._wsgi, Connection, fd=listener.fileno())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), daemon=True)

    @property
    def app(self) -> Flask:
        """The Flask application of the same mock, which needs no socket."""
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
        """Return when every call that came is in the journal, save those kept back for clients that are there.

        Without those it takes 2 seconds at the most.
        """
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
        signalled.wait()
        server.stop(GRACE_S)


class _Server(ThreadedWSGIServer):
    """Keeps account of its connections, so that it can close them."""

    daemon_threads = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connections: set[Connection] = set()
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
        """Return when what came before is written down, save what is kept back for clients that are there.

        What comes meanwhile is not waited for, else a busy server would never settle.
        """
        with self._changed:
            if is_readable(self.socket):
                self._accept_all()
            accepted = set(self._accepted)
            recorded = {each: each.recorded for each in self._connections}

            def is_over(connection: Connection) -> bool:
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
                if connection.phase is Phase.IDLE:
                    connection.abort()
            self._changed.wait_for(lambda: all(each.phase is Phase.IDLE for each in self._connections), grace_s)
            for connection in self._connections:
                connection.abort()
        self.stopping.close()

    def opened(self, connection: Connection) -> None:
        with self._changed:
            self._accepted.discard(connection.request)
            self._connections.add(connection)
            self._changed.notify_all()
            if self.closing:
                connection.abort()

    def closed(self, connection: Connection) -> None:
        with self._changed:
            self._connections.discard(connection)
            self._changed.notify_all()

    def set_phase(self, connection: Connection, phase: Phase) -> None:
        """Note where *connection* is with its requests; none comes after the last when the server closes."""
        with self._changed:
            connection.phase = phase
            connection.recorded += phase is Phase.RECORDED
            connection.close_connection |= self.closing and phase is Phase.IDLE
            self._changed.notify_all()
