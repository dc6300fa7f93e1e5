"""The delivery: how a reply leaves through WSGI, whole or as a wire fault spoils it."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import Protocol

from flask import Response

from together_rerank_mockserver.reply import Reply

# Where a server that has the raw socket puts it for each request.
CONNECTION = "together_rerank_mock.connection"
_PIECES = 10
_FLUSHED_S = 0.1


class Connection(Protocol):
    """The connection to one client, with what HTTP has no word for."""

    def hang(self) -> None:
        """Return when the client is gone, or the server stops."""

    def reset(self) -> None:
        """Send RST."""


def response(reply: Reply, connection: Connection | None, stopping: Event) -> Response:
    """Return what Flask is to send for *reply*."""
    body: bytes | Iterator[bytes]
    match reply.delivery:
        case "whole":
            return Response(reply.body, reply.status, reply.headers)
        case "drip":
            body = _dripping(reply, stopping)
        case "truncate":
            body = _truncated(reply, stopping)
        case _:
            body = _abandoned(reply.delivery, connection)
    return Response(body, reply.status, {**reply.headers, "Content-Length": str(len(reply.body))})


def _dripping(reply: Reply, stopping: Event) -> Iterator[bytes]:
    length = max(1, -(-len(reply.body) // _PIECES))
    for start in range(0, len(reply.body), length):
        stopping.wait(reply.pause_ms / 1000)
        yield reply.body[start : start + length]


def _truncated(reply: Reply, stopping: Event) -> Iterator[bytes]:
    yield reply.body[: len(reply.body) // 2]
    # Granian drops what it has not sent yet when a body ends early.
    stopping.wait(_FLUSHED_S)


def _abandoned(delivery: str, connection: Connection | None) -> Iterator[bytes]:
    if connection is not None:
        if delivery == "hang":
            connection.hang()
        elif delivery == "reset":
            connection.reset()
    # Before a byte is sent: the server takes it for a client that went away, and closes.
    raise ConnectionAbortedError
    yield b""
