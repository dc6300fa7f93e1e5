"""The call: one request to the operation, as any door hands it over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol


class Headers(Protocol):
    """The headers of a request."""

    def get(self, name: str, /) -> str | None:
        """Return the header called *name*, in any case; None when it did not come."""


@dataclass(slots=True)
class Call:
    """One request to the operation; not to be changed, and not frozen only because that trebles the time to make it.

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


class EnvironHeaders:
    """The headers of a WSGI request; a call looks up five of them."""

    __slots__ = ("_environ",)

    def __init__(self, environ: dict[str, Any]) -> None:
        self._environ = environ

    def get(self, name: str, /) -> str | None:
        """Return the header called *name*, in any case; None when it did not come."""
        value: str | None = self._environ.get(_key(name))
        return value


@lru_cache(maxsize=64)
def _key(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


def credential(headers: Headers) -> str:
    """Return the key that a request with *headers* carries; empty when there is none."""
    # Whatever follows is the key: "My API Key" is what the tests of Together's own SDK send.
    scheme, _, key = (headers.get("Authorization") or "").strip().partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
