"""The WSGI application behind granian: it adds the checks of HTTP that hyper lacks, and a time limit for bodies."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from io import BytesIO
from typing import Any

from together_rerank_mockserver import clock
from together_rerank_mockserver.api.errors import InvalidHttp, RequestTimeout, TooManyWaiting
from together_rerank_mockserver.api.rendering import error_reply
from together_rerank_mockserver.http.wsgi import FLUSHED_S, outgoing, send
from together_rerank_mockserver.http.wsgi_app import WsgiApp
from together_rerank_mockserver.state.delay_limiter import DelayLimiter

# A call that waits longer for its body counts as waiting.
SHORT_S = 0.25


class GranianFront:
    """Answers with *app*; a body has *timeout_s* to arrive, and *limiter* counts the calls that wait for one."""

    def __init__(self, app: WsgiApp, limiter: DelayLimiter, timeout_s: float) -> None:
        self.app = app
        self._limiter = limiter
        self._timeout_s = timeout_s

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        host, is_chunked = environ["HTTP_HOST"], "HTTP_TRANSFER_ENCODING" in environ
        if "," in host or (not host and environ["SERVER_PROTOCOL"] == "HTTP/1.1"):
            reply = error_reply(InvalidHttp("a request must have one Host header"))
            return send(outgoing(reply, self._limiter), start_response)
        # hyper ignores a Content-Length beside Transfer-Encoding, but a proxy may have used it to find the end of the
        # request.
        if is_chunked or self._limiter.is_stopping:
            start_response = _closing(start_response)
        has_body = is_chunked or environ.get("CONTENT_LENGTH", "0") != "0"
        if not has_body or isinstance(environ["wsgi.input"], BytesIO):  # nothing is left to read
            return self.app(environ, start_response)
        body = environ["wsgi.input"] = _TimedBody(environ["wsgi.input"].begin, self._limiter, self._timeout_s)
        head: list[Any] = []
        pieces = self.app(environ, lambda status, headers, _=None: head.extend((status, headers)))
        status, headers = head
        if body.is_given_up:
            return _cut(status, headers, pieces, start_response)
        start_response(status, headers)
        return pieces


def _closing(start_response: Callable[..., Any]) -> Callable[..., Any]:
    """Return *start_response* with a header that ends the connection after the answer."""
    return lambda status, headers, *rest: start_response(status, [*headers, ("Connection", "close")], *rest)


def _cut(
    status: str, headers: list[tuple[str, str]], pieces: Iterable[bytes], start_response: Callable[..., Any]
) -> Iterator[bytes]:
    """Answer with a Content-Length that is one byte too long, so that hyper closes the connection.

    After a complete answer, hyper would keep the connection until the client has sent the whole body.
    """
    body = b"".join(pieces)
    kept = [(name, value) for name, value in headers if name not in ("Content-Length", "Connection")]
    start_response(status, [*kept, ("Content-Length", str(len(body) + 1)), ("Connection", "close")])

    def send() -> Iterator[bytes]:
        yield body
        clock.sleep(FLUSHED_S)  # hyper drops unsent bytes when it closes

    return send()


class _TimedBody:
    """The body of one request, whose reads end in time; *begin* starts one."""

    def __init__(self, begin: Callable[[int], Future[bytes]], limiter: DelayLimiter, timeout_s: float) -> None:
        self.is_given_up = False
        self._begin = begin
        self._limiter = limiter
        self._timeout_s = timeout_s

    def read(self, size: int) -> bytes:
        """Return *size* bytes, or fewer at the end.

        Raises:
            RequestTimeout: the bytes do not arrive in time.
            TooManyWaiting: the bytes do not arrive soon, and too many calls already wait.
        """
        body = self._begin(size)
        with suppress(TimeoutError):
            return body.result(SHORT_S)
        try:
            with self._limiter.counted():
                return body.result(self._timeout_s - SHORT_S)
        except TimeoutError:
            self.is_given_up = True
            raise RequestTimeout(self._timeout_s) from None
        except TooManyWaiting:
            self.is_given_up = True
            raise
