"""Send a reply through WSGI: whole or changed by a wire fault, at once or delayed."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from threading import BoundedSemaphore, Event
from typing import Any

from together_rerank_mockserver.call import Reply
from together_rerank_mockserver.errors import TooManyWaiting

# The environ key of the raw socket, if the server has one: an object with `hang`, `reset`, `wait` and `settle`.
RAW_SOCKET = "together_rerank_mock.raw_socket"
# The status, the headers and the pieces of the body.
Outgoing = tuple[int, list[tuple[str, str]], Iterable[bytes]]
MOST_WAITING = 400
_PIECES = 10
FLUSHED_S = 0.1
# Waits up to this long are not counted: they end before others would notice.
_SHORT_S = 0.5


class DelayLimiter:
    """Delays calls until *stopping* is set, and bounds how many calls wait at the same time.

    A call waits for a delay, between the pieces of a drip, in a hang, or for the rest of a body.
    """

    def __init__(self, stopping: Event, most: int = MOST_WAITING) -> None:
        self._stopping = stopping
        self._most = most
        self._seats = BoundedSemaphore(most)

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def wait(self, seconds: float, pause: Callable[[float], object] | None = None) -> None:
        """Call *pause*, which waits for *seconds*, or wait until a stop; raise TooManyWaiting if too many wait."""
        counted: AbstractContextManager[object] = self if seconds > _SHORT_S else nullcontext()
        with counted:
            (pause or self._stopping.wait)(seconds)

    def __enter__(self) -> None:
        """Count a call that waits; raise TooManyWaiting if too many do."""
        if not self._seats.acquire(blocking=False):
            raise TooManyWaiting(self._most)

    def __exit__(self, *_: object) -> None:
        self._seats.release()

    def pause(self, seconds: float) -> None:
        """Wait, or until a stop, in a call that is counted already."""
        self._stopping.wait(seconds)


def waits(reply: Reply) -> bool:
    """Return whether the delivery of *reply* takes time, and is counted while it does."""
    return reply.delivery in ("drip", "hang")


def outgoing(reply: Reply, limiter: DelayLimiter, raw_socket: Any = None) -> Outgoing:
    """Return *reply* for WSGI; if it `waits`, the caller has entered *limiter*, and the end of its body leaves it."""
    headers = [*reply.headers.items(), ("Content-Length", str(len(reply.body)))]
    if reply.delivery == "whole":
        return reply.status, headers, [reply.body]
    pieces = _pieces(reply, limiter, raw_socket)
    return reply.status, headers, _Counted(pieces, limiter) if waits(reply) else pieces


class _Counted:
    """The pieces of a body whose call is counted until they are closed; a generator that never ran has no `finally`."""

    def __init__(self, pieces: Iterator[bytes], limiter: DelayLimiter) -> None:
        self._pieces = pieces
        self._limiter: DelayLimiter | None = limiter

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        limiter, self._limiter = self._limiter, None
        if limiter:
            limiter.__exit__()


def _pieces(reply: Reply, limiter: DelayLimiter, raw_socket: Any) -> Iterator[bytes]:
    if reply.delivery == "drip":
        length = max(1, -(-len(reply.body) // _PIECES))
        pause = raw_socket.wait if raw_socket is not None else limiter.pause
        for start in range(0, len(reply.body), length):
            pause(reply.pause_ms / 1000)
            yield reply.body[start : start + length]
    elif reply.delivery == "truncate":
        yield reply.body[: len(reply.body) // 2]
        limiter.pause(FLUSHED_S)  # granian drops what it has not sent yet when a body ends early
    else:
        if raw_socket is not None and reply.delivery in ("hang", "reset"):
            getattr(raw_socket, reply.delivery)()
        # Before a byte is sent: the server takes it for a client that went away, and closes.
        raise ConnectionAbortedError
