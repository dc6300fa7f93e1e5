"""A request to the mock and its reply, independent of the server and of any framework."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Protocol

from together_rerank_mockserver import clock
from together_rerank_spec import dialects

JSON = {"Content-Type": "application/json"}
# Paths of the mock itself; they are not part of the API, and the journal leaves them out.
HEALTH = "/health"
METRICS = "/metrics"
ADMIN = "/__admin"
# Clients and probes append `/health` to any base URL of the mock.
_BASES = [name + version for name in ("", *(f"/{each}" for each in dialects())) for version in ("", "/v1")]
LIVE_PATHS = frozenset(base + path for base in _BASES for path in (HEALTH, f"{HEALTH}/live"))
READY_PATHS = frozenset(f"{base}{HEALTH}/ready" for base in _BASES)
# The maximum bytes of a request line with its headers.
MAX_HEAD = 64 * 1024
# How a reply is sent: `whole`, or as the wire fault of that name sends it.
Delivery = Literal["whole", "drip", "truncate", "hang", "reset", "empty"]


class Headers(Protocol):
    def get(self, name: str, /) -> str | None: ...

    def items(self) -> Iterable[tuple[str, str]]: ...


@dataclass(slots=True)
class Call:
    """One request to the mock. Treat as immutable; not frozen, for speed."""

    headers: Headers
    read: Callable[[int], bytes] = lambda _: b""  # reads up to that many bytes of the body
    raw_socket: bool = False  # whether the server can close the connection without an answer
    pause: Callable[[float], object] | None = None  # waits for that many seconds, or raises ClientDisconnected
    method: str = "POST"
    path: str = ""  # without the query string
    arrived: float = field(default_factory=clock.now)
    began: float = field(default_factory=clock.monotonic)


@dataclass(slots=True)
class Reply:
    """One answer. Treat as immutable; not frozen, for speed."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)  # without headers that a server adds, such as Content-Length
    delivery: Delivery = "whole"
    pause_ms: int = 0  # between two pieces, for the delivery `drip`

    @property
    def retry_after(self) -> float | None:
        """The seconds that Retry-After or retry-after-ms gives; None without such a header."""
        milliseconds, seconds = _number(self.headers.get("retry-after-ms")), self.headers.get("Retry-After")
        if milliseconds is not None:
            return milliseconds / 1000
        return _seconds_until(seconds) if seconds and seconds.endswith(" GMT") else _number(seconds)

    @property
    def is_sent(self) -> bool:
        """Whether the client gets any part of the reply."""
        return self.delivery not in ("hang", "reset", "empty")

    @property
    def sent(self) -> bytes:
        """The part of the body that the client gets."""
        if self.delivery in ("whole", "drip"):
            return self.body
        return self.body[: len(self.body) // 2] if self.is_sent else b""

    @property
    def is_slow(self) -> bool:
        """Whether its delivery takes time, so that the call counts as waiting meanwhile."""
        return self.delivery in ("drip", "hang")


def is_mock_path(path: str) -> bool:
    return path in LIVE_PATHS or path in READY_PATHS or path == METRICS or is_admin(path)


def is_admin(path: str) -> bool:
    return path == ADMIN or path.startswith(f"{ADMIN}/")


def credential(headers: Headers, name: str = "Authorization") -> str:
    """Return the key in the header *name*, a bearer key in `Authorization`; empty if there is none."""
    if name != "Authorization":
        return (headers.get(name) or "").strip()
    # The key may contain spaces: the tests of Together's own SDK send "My API Key".
    scheme, _, key = (headers.get("Authorization") or "").strip().partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def utc(seconds: float) -> str:
    """Return *seconds* since 1970 as a time in UTC, such as `2027-01-15T08:00:00.250000Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _number(header: str | None) -> float | None:
    """Return *header* as a number from 0; None if it is not one."""
    return float(header) if header and re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,6})?", header) else None


def _seconds_until(date: str) -> float | None:
    """Return the seconds until the HTTP *date*; None if *date* is in the past or invalid."""
    from email.utils import parsedate_to_datetime  # slow to import

    try:
        seconds = parsedate_to_datetime(date).timestamp() - clock.now()
    except ValueError:
        return None
    return round(seconds, 3) if seconds >= 0 else None
