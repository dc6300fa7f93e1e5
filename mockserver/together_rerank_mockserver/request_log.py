"""One line per request on stderr, that never holds the server up: when nobody reads, lines are dropped."""

from __future__ import annotations

import os
import select
from threading import Lock
from typing import Any

import orjson

# Two such texts in UTF-8 keep a line below 4096 bytes, which a pipe takes at once or not at all.
_MOST_CHARACTERS = 300
_PATIENCE_MS = 100


class RequestLog:
    """Writes lines to a file descriptor while it has room for them.

    Args:
        descriptor: where to; 2 is stderr.
        as_json: one JSON object a line, instead of words.
    """

    def __init__(self, descriptor: int = 2, *, as_json: bool = False) -> None:
        self._descriptor = descriptor
        self._as_json = as_json
        self._dropped = 0
        self._lock = Lock()
        self._poll = select.poll() if hasattr(select, "poll") else None
        if self._poll:
            self._poll.register(descriptor, select.POLLOUT)

    def record(self, method: str, path: str, status: int | None, ms: float, reason: str) -> None:
        """Write what happened to one request; None is no answer at all, *reason* says why it is not a usual one."""
        entry: dict[str, Any] = {"method": _short(method), "path": _short(path), "status": status, "ms": round(ms, 1)}
        if reason:
            entry["reason"] = _short(reason)
        with self._lock:
            self._write(entry)

    def _write(self, entry: dict[str, Any]) -> None:
        try:
            if self._dropped and self._has_room():
                dropped, self._dropped = self._dropped, 0
                os.write(self._descriptor, self._line({"dropped": dropped}))
            if self._has_room():
                os.write(self._descriptor, self._line(entry))
                return
        except OSError:  # nobody will ever read it; the server goes on
            pass
        self._dropped += 1

    def _has_room(self) -> bool:
        # A slow reader is waited for once; one that does not read at all must not cost every request.
        return self._poll is None or bool(self._poll.poll(0 if self._dropped else _PATIENCE_MS))

    def _line(self, entry: dict[str, Any]) -> bytes:
        if self._as_json:
            return orjson.dumps({"event": "request"} | entry, option=orjson.OPT_APPEND_NEWLINE)
        if "dropped" in entry:
            return f"({entry['dropped']} lines dropped: nobody read them)\n".encode()
        words = [
            entry["method"],
            entry["path"],
            str(entry["status"] or "unanswered"),
            f"{entry['ms']} ms",
            entry.get("reason", ""),
        ]
        return (" ".join(words).rstrip() + "\n").encode()


def _short(text: str) -> str:
    printable = text if text.isprintable() else text.encode("unicode_escape").decode()
    return printable if len(printable) <= _MOST_CHARACTERS else printable[:_MOST_CHARACTERS] + "..."
