"""The journal: what was asked and what answered, without keys, and cut to a size."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

MAX_BODY = 64 * 1024
_MAX_HEADERS = 64
_MAX_TEXT = 2048
# What such an entry takes beside its texts, roughly.
_OVERHEAD = 600
_SECRET_NAME = re.compile(r"auth|cookie|credential|key|passw|secret|session|signature|token", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"\b(?:bearer|basic)\s+\S|\b(?:sk|pk|tgp|ghp|hf|key)[-_][\w-]{8,}", re.IGNORECASE)
# A shorter key cannot be told from a word.
_SHORTEST_KEY = 8
_REMOVED = "[key]"


@dataclass(frozen=True, slots=True)
class Entry:
    """One request.

    Attributes:
        time: when it came, in seconds since 1970.
        path: without its query.
        status: what was answered; None when the connection was left without an answer.
        body: its first MAX_BODY bytes.
        body_bytes: how many there were, of those that were read.
        reply: where the answer came from, as `x-mock-reply` says.
        ms: until the answer was ready.
    """

    time: float
    method: str
    path: str
    status: int | None
    headers: dict[str, str]
    body: bytes
    body_bytes: int
    reply: str
    ms: float

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return _OVERHEAD + len(self.body) + sum(len(name) + len(value) for name, value in self.headers.items())

    @property
    def described(self) -> dict[str, Any]:
        """The entry as JSON; `body` is the value when it is whole and JSON, else there is a `text`."""
        retry_count = self.headers.get("x-stainless-retry-count", "")
        shown: dict[str, Any] = {
            "time": datetime.fromtimestamp(self.time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "reply": self.reply,
            "ms": round(self.ms, 1),
            "retry_count": int(retry_count) if retry_count.isascii() and retry_count.isdigit() else None,
            "headers": self.headers,
            "body_bytes": self.body_bytes,
            "body": None,
        }
        try:
            shown["body"] = json.loads(self.body, parse_constant=_refused)
        except (ValueError, RecursionError):
            shown["text"] = self.body.decode(errors="replace")
        return shown


def entry(
    *,
    time: float,
    method: str,
    path: str,
    status: int | None,
    headers: Iterable[tuple[str, str]],
    key: str | None,
    body: bytes,
    reply: str,
    ms: float,
) -> Entry:
    """Return the entry of a request, from which *key* and all that looks like one is gone."""
    kept = {
        kept_name: value[:_MAX_TEXT]
        for name, value in headers
        if (kept_name := _kept_name(name)) and not _SECRET_VALUE.search(value)
    }
    shown = body[:MAX_BODY]
    if key and len(key) >= _SHORTEST_KEY:
        # Before it is cut, lest half a key is left at the end.
        shown = body[: MAX_BODY + len(key)].replace(key.encode(), _REMOVED.encode())[:MAX_BODY]
        path = path.replace(key, _REMOVED)
        kept = {name: value.replace(key, _REMOVED) for name, value in kept.items()}
    some = dict(list(kept.items())[:_MAX_HEADERS])
    return Entry(time, method[:_MAX_TEXT], path[:_MAX_TEXT], status, some, shown, len(body), reply, ms)


@lru_cache(maxsize=256)
def _kept_name(name: str) -> str | None:
    """Return *name* as the journal has it, None when it is called like a secret."""
    return None if _SECRET_NAME.search(name) else name.lower()[:_MAX_TEXT]


def _refused(literal: str) -> None:
    raise ValueError(literal)
