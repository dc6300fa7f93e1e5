"""One mock without a server: its endpoint and its admin API, for WSGI requests."""

from threading import Event
from typing import Any

from together_rerank_mockserver.admin import Admin, health
from together_rerank_mockserver.call import JSON, Call, EnvironHeaders, Reply
from together_rerank_mockserver.delivery import RAW_SOCKET, DelayLimiter, Outgoing, outgoing
from together_rerank_mockserver.endpoint import Endpoint
from together_rerank_mockserver.errors import InvalidRequest
from together_rerank_mockserver.rendering import to_json
from together_rerank_mockserver.settings import Settings


class Mock:
    """The mock that *settings* describe; *limiter* delays its calls. Raises the exceptions of `create_app`."""

    def __init__(self, settings: Settings | None = None, limiter: DelayLimiter | None = None) -> None:
        self.settings = settings or Settings()
        self.limiter = limiter or DelayLimiter(Event())
        self.endpoint = Endpoint(self.settings.document(), self.settings, self.limiter)
        self.admin = Admin(self.endpoint, self.settings)

    def rerank(self, environ: dict[str, Any]) -> Outgoing:
        return outgoing(self.endpoint.answer(call_of(environ)), self.limiter, environ.get(RAW_SOCKET))

    def health(self, _: dict[str, Any]) -> Outgoing:
        return outgoing(Reply(200, to_json(health()), JSON), self.limiter)


def call_of(environ: dict[str, Any]) -> Call:
    body = environ["wsgi.input"]
    if "wsgi.input_terminated" not in environ:  # this server does not mark the end of the body
        length = environ.get("CONTENT_LENGTH") or ""
        body = SizedBody(body, int(length) if length.isascii() and length.isdigit() else 0)
    raw_socket = environ.get(RAW_SOCKET)
    pause = raw_socket.wait if raw_socket else None
    method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
    return Call(EnvironHeaders(environ), body.read, raw_socket is not None, pause, method, path)


class SizedBody:
    def __init__(self, source: Any, left: int) -> None:
        self._source = source
        self._left = left

    def read(self, size: int = -1) -> bytes:
        """Return up to *size* bytes, or all that is left for -1; fewer if the client sent fewer."""
        data = read_from(self._source, self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data

    @property
    def is_read(self) -> bool:
        """Whether the whole body has been read from the connection."""
        return self._left == 0


def read_from(source: Any, size: int) -> bytes:
    try:
        data: bytes = source.read(size)
    except ConnectionError as gone:
        raise InvalidRequest("The client went away before its body was there") from gone
    return data
