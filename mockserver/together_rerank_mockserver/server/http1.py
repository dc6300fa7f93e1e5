"""HTTP/1.1 on a socket, parsed and framed by h11: each request becomes a WSGI environ, each WSGI answer bytes."""

import re
import selectors
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import h11

from together_rerank_mockserver import clock
from together_rerank_mockserver.api.errors import InvalidHttp, InvalidRequest, RequestTimeout
from together_rerank_mockserver.api.messages import MAX_HEAD
from together_rerank_mockserver.api.rendering import error_reply

PIECE = 64 * 1024
_HEAD_END = re.compile(rb"\n\r?\n")
_FOLDED_LINE = re.compile(rb"\n[ \t]")
# For a few sockets and a single use, poll is cheaper than epoll; Windows has only select.
_SELECTOR = getattr(selectors, "PollSelector", selectors.SelectSelector)
# Each chunk costs time, so many chunks must have so many bytes on average.
_MANY, _LEAST_CHUNK = 10_000, 64
_FRAMING = (b"content-length", b"transfer-encoding")


def error_answer(error: InvalidHttp) -> bytes:
    """Return the whole answer to a request that cannot be parsed."""
    reply = error_reply(error)
    fields = {**reply.headers, "Content-Length": str(len(reply.body))}
    head = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}", *(f"{n}: {v}" for n, v in fields.items())]
    return "\r\n".join([*head, "", ""]).encode() + reply.body


def has_head(received: bytes) -> bool:
    """Return whether *received* begins with the whole head of a request.

    Raises InvalidHttp if the head is too long, or has a folded header.
    """
    end = _HEAD_END.search(received, 0, MAX_HEAD)
    if end and _FOLDED_LINE.search(received, 0, end.start() + 1):
        raise InvalidHttp("a header is folded into several lines")
    if end is None and len(received) > MAX_HEAD:
        raise InvalidHttp(f"the head is longer than {MAX_HEAD} bytes", 431)
    return end is not None


class Exchange:
    """One request, whose head is at the beginning of *received*, and its answer; raises InvalidHttp."""

    def __init__(self, client: socket.socket, received: bytes, timeout_s: float) -> None:
        self._socket = client
        self._protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._protocol.receive_data(received)
        self._request = self._parse()
        self.body = Body(client, self._protocol, timeout_s)

    def _parse(self) -> Any:
        try:
            request: Any = self._protocol.next_event()
        except h11.RemoteProtocolError as error:
            # h11 answers an unknown Transfer-Encoding with 501, but such a request is invalid.
            status = 400 if error.error_status_hint == HTTPStatus.NOT_IMPLEMENTED else error.error_status_hint
            raise InvalidHttp(_without_bytes(error), status) from error
        if request.http_version not in (b"1.0", b"1.1"):
            raise InvalidHttp("the version must be HTTP/1.1 or HTTP/1.0", 505)
        framing = {name: value for name, value in request.headers if name in _FRAMING}
        if b"transfer-encoding" in framing and (len(framing) > 1 or request.http_version == b"1.0"):
            raise InvalidHttp("Transfer-Encoding cannot be combined with Content-Length or HTTP/1.0")
        if not framing or framing == {b"content-length": b"0"}:
            self._protocol.next_event()  # the end of the request, which has no body
        return request

    def receive(self, data: bytes) -> None:
        """Store *data* that the client sends before it has the answer."""
        self._protocol.receive_data(data)

    @property
    def rest(self) -> bytes:
        """What the client sent after this request."""
        rest: bytes = self._protocol.trailing_data[0]
        return rest

    @property
    def is_reusable(self) -> bool:
        """Whether the connection can take another request after the answer."""
        return self._protocol.our_state is self._protocol.their_state is h11.DONE

    def environ(self, **others: Any) -> dict[str, Any]:
        """Return the WSGI environ of the request, with *others*; raise InvalidHttp if its target is invalid."""
        target = self._request.target.decode("latin-1").partition("#")[0]
        if "://" in target and target[0] != "/":
            try:
                parts = urlsplit(target)
            except ValueError as error:
                raise InvalidHttp(f"the target is not a URL: {error}") from error
            target = f"{parts.path or '/'}?{parts.query}"
        path, _, query = target.partition("?")
        environ = {
            "REQUEST_METHOD": self._request.method.decode(),
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_PROTOCOL": f"HTTP/{self._request.http_version.decode()}",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": self.body,
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            **others,
        }
        for name, value in self._request.headers:
            if b"_" in name:
                continue  # its environ key would be that of the header with a hyphen
            key = name.decode().upper().replace("-", "_")
            key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
            text = value.decode("latin-1")
            environ[key] = f"{environ[key]},{text}" if key in environ else text
        return environ

    def send(self, status: str, headers: list[tuple[str, str]], pieces: Iterable[bytes], *, close: bool) -> None:
        """Send an answer, each piece as soon as it exists; *close* announces the end of the connection."""
        code, _, reason = status.partition(" ")
        fields = [*headers, ("Date", formatdate(clock.now(), usegmt=True))]
        if close or not self.body.is_read:
            fields.append(("Connection", "close"))
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in fields]
        data = self._protocol.send(h11.Response(status_code=int(code), reason=reason, headers=encoded))
        for piece in pieces:
            is_sent = self._request.method != b"HEAD"
            self._socket.sendall(data + (self._protocol.send(h11.Data(data=piece)) if is_sent else b""))
            data = b""
        # A body shorter than its Content-Length is a simulated fault; the connection is closed after it.
        with suppress(h11.LocalProtocolError):
            data += self._protocol.send(h11.EndOfMessage())
        self._socket.sendall(data)


class Body:
    """The body of one request, for WSGI."""

    def __init__(self, client: socket.socket, protocol: h11.Connection, timeout_s: float) -> None:
        self._socket = client
        self._protocol = protocol
        self._timeout_s = timeout_s
        self._deadline = clock.monotonic() + timeout_s
        self._left = b""

    @property
    def is_read(self) -> bool:
        """Whether the connection is at the end of the body."""
        return self._protocol.their_state not in (h11.SEND_BODY, h11.ERROR)

    def read(self, size: int) -> bytes:
        """Return *size* bytes, or fewer at the end.

        Raises:
            InvalidRequest: the framing of the body is invalid, or the body ends early.
            RequestTimeout: the body does not arrive in time.
        """
        pieces, length = [self._left], len(self._left)
        while length < size and (piece := self._next_piece()):
            pieces.append(piece)
            length += len(piece)
            if len(pieces) > _MANY and length < _LEAST_CHUNK * len(pieces):
                raise InvalidRequest("The body has too many small chunks")
        data = b"".join(pieces)
        self._left = data[size:]
        return data[:size]

    def _next_piece(self) -> bytes:
        """Return the next bytes of the body that are available; none at its end."""
        if self.is_read:
            return b""
        try:
            while (event := self._protocol.next_event()) is h11.NEED_DATA:
                if self._protocol.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, reason=b"Continue", headers=[])
                    self._socket.sendall(self._protocol.send(go_on))
                left_s = self._deadline - clock.monotonic()
                if left_s <= 0 or not readable(left_s, self._socket):
                    raise RequestTimeout(self._timeout_s)
                self._protocol.receive_data(self._socket.recv(PIECE))
        except (h11.RemoteProtocolError, ConnectionError) as error:
            raise InvalidRequest(f"The body cannot be read: {_without_bytes(error)}") from error
        return bytes(event.data) if isinstance(event, h11.Data) else b""


def _without_bytes(error: Exception) -> str:
    """Return the message of *error* without the bytes of the client, which may be long or secret."""
    return str(error).partition(": bytearray")[0]


def readable(seconds: float | None, *sockets: socket.socket) -> list[socket.socket]:
    """Return those of *sockets* that have bytes or are closed, after at most *seconds*; None waits without a limit."""
    try:
        with _SELECTOR() as selector:
            for each in sockets:
                selector.register(each, selectors.EVENT_READ, each)
            return [key.data for key, _ in selector.select(seconds)]
    except (OSError, ValueError):  # the server closed one of them
        return []
