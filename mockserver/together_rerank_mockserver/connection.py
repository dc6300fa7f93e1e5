"""One connection of the threaded server: requests one after the other, with the raw socket at hand."""

from __future__ import annotations

import os
import re
import selectors
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from http import HTTPStatus
from typing import Any, Protocol

from werkzeug.serving import WSGIRequestHandler

from together_rerank_mockserver.delivery import RAW_SOCKET
from together_rerank_mockserver.errors import ClientGone, InvalidRequest
from together_rerank_mockserver.incoming import ChunkedBody, SizedBody
from together_rerank_mockserver.rendering import to_json

# What a refused body may still send before the connection is closed under it.
_MOST_DRAINED = 64 * 1024 * 1024
_DRAIN_S = 1.0
_LENGTH = re.compile("[0-9]{1,18}")


class Phase(Enum):
    """Where a connection is with its requests: none is under way, one is not written down yet, or it is."""

    IDLE = 1
    ASKED = 2
    WAITING = 3  # asked, and kept back
    RECORDED = 4


class Connections(Protocol):
    """The server, as a connection knows it."""

    app: Any
    closing: bool
    # Readable once waits are to end.
    stopping: socket.socket

    def settle(self) -> None:
        """Return when what came before is written down, save what is kept back for clients that are there."""

    def opened(self, connection: Connection) -> None: ...

    def closed(self, connection: Connection) -> None: ...

    def set_phase(self, connection: Connection, phase: Phase) -> None: ...


def is_readable(listening_or_connected: socket.socket) -> bool:
    """Return whether there is something to read or accept, be it the end; a closed one has nothing."""
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(listening_or_connected, selectors.EVENT_READ)
            return bool(selector.select(0))
    except (OSError, ValueError):
        return False


class Connection(WSGIRequestHandler):
    """Requests of one client, each answered by the application."""

    protocol_version = "HTTP/1.1"
    # Of a request whose version cannot be read; the default would answer without a head.
    default_request_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    server: Connections  # type: ignore[assignment]  # it is one of werkzeug's too
    phase = Phase.IDLE
    recorded = 0

    def handle(self) -> None:
        self.server.opened(self)
        try:
            super().handle()
        finally:
            self.server.closed(self)

    def parse_request(self) -> bool:
        """Parse a request whose first line has come; a server that is closing waits for it now."""
        self.server.set_phase(self, Phase.ASKED)
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
        except ConnectionError:  # the client is gone, or a fault leaves it without an answer
            self.close_connection = True
        finally:
            self.server.set_phase(self, Phase.IDLE)

    def _answer(self) -> None:
        try:
            environ, body = self._environ()
        except ValueError as fault:
            self.send_error(400, str(fault))
            return
        head: list[Any] = []
        pieces = self.server.app(environ, lambda status, headers, _=None: head.extend((status, headers)))
        self.server.set_phase(self, Phase.RECORDED)
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
        """Return what the application gets, and the body in it.

        Raises:
            ValueError: the head of the request cannot be understood.
        """
        lengths = {length.strip() for length in self.headers.get_all("Content-Length", ["0"])}
        coding = ",".join(self.headers.get_all("Transfer-Encoding", [])).strip().lower()
        if coding not in ("", "chunked"):
            raise ValueError("Transfer-Encoding can only be chunked")
        if len(lengths) > 1 or not _LENGTH.fullmatch(length := lengths.pop()):
            raise ValueError("Content-Length must be one number")
        environ = self.make_environ()  # fails for an absolute target that is no URL
        body = ChunkedBody(self.rfile) if coding else SizedBody(self.rfile, int(length))
        environ |= {"wsgi.input": body, "wsgi.input_terminated": True, RAW_SOCKET: self}
        if self.requestline.split()[1].startswith("//"):  # of which http.server and werkzeug make one slash
            environ["PATH_INFO"] = f"/{environ['PATH_INFO']}"
        return environ, body

    def _send_head(self, status: str, headers: list[tuple[str, str]], *, keep: bool) -> int:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if not keep or self.close_connection:
            self.send_header("Connection", "close")  # and http.server closes it
        self.end_headers()
        return int(dict(headers).get("Content-Length", "0"))

    def _drain(self) -> None:
        """Read what a client still sends, for it may not look for the answer before; a close would be a reset."""
        self.wfile.flush()
        deadline, left = time.monotonic() + _DRAIN_S, _MOST_DRAINED
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_DRAIN_S)
            while left > 0 and time.monotonic() < deadline and (data := self.connection.recv(65536)):
                left -= len(data)

    def wait(self, seconds: float) -> None:
        """Return after *seconds*, or when the server stops; raise ClientGone when the client left meanwhile."""
        with self._waiting():
            self._wait(seconds)

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        self.server.set_phase(self, Phase.WAITING)
        try:
            yield
        finally:
            self.server.set_phase(self, Phase.ASKED)

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector, suppress(OSError, ValueError):  # closed, for the server stops
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
        """Whether nothing is to be written down soon; only what is kept back for a client that is there is late."""
        match self.phase:
            case Phase.RECORDED:
                return True
            case Phase.ASKED:
                return False
        return not is_readable(self.connection) or (self.phase is Phase.WAITING and not self._is_at_its_end())

    def _is_at_its_end(self) -> bool:
        """Return whether a connection that can be read has nothing more to be read."""
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def settle(self) -> None:
        """Return when every call but this is written down, save those kept back for clients that are there."""
        with self._waiting():  # else two that settle would wait for each other
            self.server.settle()

    def hang(self) -> None:
        """Return when the client is gone, or the server stops."""
        self.server.set_phase(self, Phase.IDLE)  # nothing that a stop should wait for
        if self.server.closing:
            return
        with selectors.DefaultSelector() as selector, suppress(OSError):
            selector.register(self.connection, selectors.EVENT_READ)
            while selector.select() and self.connection.recv(65536):
                pass  # it sends more before it has an answer, which it will not get

    def reset(self) -> None:
        """Send RST: close without lingering, past Python's own socket, which would shut it down first."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def abort(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no valid HTTP, with the body that every error has."""
        status = HTTPStatus(code)
        body = to_json(InvalidRequest(f"Not valid HTTP: {message or explain or status.phrase}"[:300]).data)
        self.send_response(code, status.phrase)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log(self, *_: Any) -> None:
        """Say nothing; the application has a log."""

    def log_request(self, *_: Any) -> None:
        """Say nothing; it would also fail for a path that cannot be read."""
