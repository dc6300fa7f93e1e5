"""Send a reply through WSGI: whole or changed by a wire fault, at once or delayed."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from threading import BoundedSemaphore, Event
from typing import Any

from together_rerank_mockserver.call import Reply
from together_rerank_mockserver.errors import TooManyWaiting

# The environ key of the raw socket, if the server has one: an object with `hang`, `reset`, `wait` and `settle`.
RAW_SOCKET = "together_rerank_mock.raw_socket"
# The status, the headers and the pieces of the body.
Outgoing = tuple[int, list[tuple[str, str]], Iterable[bytes]]
_PIECES = 10
_FLUSHED_S = 0.1
# Waits up to this long need no seat, because they end soon.
_SHORT_S = 5


class Waiting:
    """Delays calls until *stopping* is set, and at most *most* calls for long at the same time."""

    def __init__(self, stopping: Event, most: int | None = None) -> None:
        self._stopping = stopping
        self._most = most
        self._seats = BoundedSemaphore(most) if most else None

    def wait(self, seconds: float) -> None:
        """Return after *seconds*, or at a stop; raise TooManyWaiting if the wait is long and every seat is taken."""
        if self._seats is None or seconds <= _SHORT_S:
            self._stopping.wait(seconds)
        elif not self._seats.acquire(blocking=False):
            most = f"{self._most} calls are being kept waiting for long"
            raise TooManyWaiting(f"{most}, the most at a time on this server")
        else:
            try:
                self._stopping.wait(seconds)
            finally:
                self._seats.release()


def outgoing(reply: Reply, waiting: Waiting, raw_socket: Any = None) -> Outgoing:
    headers = [*reply.headers.items(), ("Content-Length", str(len(reply.body)))]
    return reply.status, headers, _body(reply, waiting, raw_socket)


def _body(reply: Reply, waiting: Waiting, raw_socket: Any) -> Iterable[bytes]:
    if reply.delivery == "whole":
        return [reply.body]
    if reply.delivery == "drip":
        return _dripping(reply, waiting)
    return _truncated(reply, waiting) if reply.delivery == "truncate" else _abandoned(reply.delivery, raw_socket)


def _dripping(reply: Reply, waiting: Waiting) -> Iterator[bytes]:
    length = max(1, -(-len(reply.body) // _PIECES))
    for start in range(0, len(reply.body), length):
        with suppress(TooManyWaiting):  # then send without pauses: the head is already sent
            waiting.wait(reply.pause_ms / 1000)
        yield reply.body[start : start + length]


def _truncated(reply: Reply, waiting: Waiting) -> Iterator[bytes]:
    yield reply.body[: len(reply.body) // 2]
    # Granian drops what it has not sent yet when a body ends early.
    with suppress(TooManyWaiting):
        waiting.wait(_FLUSHED_S)


def _abandoned(delivery: str, raw_socket: Any) -> Iterator[bytes]:
    if raw_socket is not None and delivery in ("hang", "reset"):
        getattr(raw_socket, delivery)()
    # Before a byte is sent: the server takes it for a client that went away, and closes.
    raise ConnectionAbortedError
    yield b""
