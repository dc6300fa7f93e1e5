"""The call: one request to the operation, as any door hands it over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Headers(Protocol):
    """The headers of a request."""

    def get(self, name: str, /) -> str | None:
        """Return the header called *name*, in any case; None when it did not come."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the operation.

    Attributes:
        headers: looked up by name, in any case.
        read: returns up to so many bytes of what is left of the body.
        raw_socket: whether the server can leave the connection without an answer.
        pause: waits for so many seconds, or raises ClientGone; None for the endpoint's own.
    """

    headers: Headers
    read: Callable[[int], bytes]
    raw_socket: bool = False
    pause: Callable[[float], object] | None = None


def credential(headers: Headers) -> str:
    """Return the key that a request with *headers* carries; empty when there is none."""
    # Whatever follows is the key: "My API Key" is what the tests of Together's own SDK send.
    scheme, _, key = (headers.get("Authorization") or "").strip().partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
