"""Log one line per request to stderr. If stderr blocks, lines are dropped and counted."""

import logging
import os
from contextlib import suppress
from logging.handlers import QueueHandler, QueueListener
from multiprocessing import parent_process
from multiprocessing.util import Finalize
from queue import Full, Queue
from typing import Any

import orjson

from together_rerank_mockserver import clock
from together_rerank_mockserver.api.messages import utc

_MAX_LINES = 1_000
# Keeps a line, with a path and a reason in UTF-8, below 4096 bytes, so that a write to a pipe is atomic.
_MAX_CHARACTERS = 300
# The maximum seconds that the process waits at exit for unwritten lines.
_CLOSING_S = 1.0


class RequestLog(QueueHandler):
    """Writes lines to a file descriptor from a thread, as text or as JSON; 2 is stderr."""

    queue: Queue[Any]

    def __init__(self, descriptor: int = 2, *, as_json: bool = False) -> None:
        super().__init__(Queue(_MAX_LINES))
        self.dropped = 0  # lines dropped since the last one that fit into the queue
        self._as_json = as_json
        self._listener = QueueListener(self.queue, _Writer(descriptor))
        self._has_started = False

    def record(self, entry: dict[str, Any]) -> None:
        """Write the line of one request.

        *entry* has the fields of a JSON line: `time` in seconds since 1970, `status` None if there was no answer,
        `request_id` and `namespace` None for the control plane, and `reason` only for an error or an unusual answer.
        """
        long = ("method", "path", "namespace", "reason")
        short = {name: _short(value) for name in long if (value := entry.get(name))}
        self.handle(logging.makeLogRecord({"msg": self._line({**entry, **short, "ms": round(entry["ms"], 1)})}))

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record  # the message is already a finished line

    def enqueue(self, record: logging.LogRecord) -> None:
        """Put *record* into the queue, or count it as dropped if that is full; `handle` holds the lock."""
        if not self._has_started:  # started here, because a thread does not survive a fork
            self._has_started = True
            self._listener.start()
            if parent_process():  # in a worker; elsewhere `logging` flushes it at exit
                Finalize(None, self.flush, exitpriority=0)
        try:
            if self.dropped:
                line = self._line({"time": clock.now(), "dropped": self.dropped})
                self.queue.put_nowait(logging.makeLogRecord({"msg": line}))
                self.dropped = 0
            self.queue.put_nowait(record)
        except Full:
            self.dropped += 1

    def flush(self) -> None:
        """Return when all lines are written, or after a second."""
        deadline = clock.monotonic() + _CLOSING_S
        while self.queue.unfinished_tasks and clock.monotonic() < deadline:
            clock.sleep(0.001)

    def _line(self, entry: dict[str, Any]) -> bytes:
        if self._as_json:
            shown = {"event": "request", **entry, "time": utc(entry["time"])}
            return orjson.dumps(shown, option=orjson.OPT_APPEND_NEWLINE)
        if "dropped" in entry:
            return f"({entry['dropped']} lines dropped because stderr blocked)\n".encode()
        words = [entry["method"], entry["path"], str(entry["status"] or "unanswered"), f"{entry['ms']} ms"]
        return (" ".join([*words, entry.get("reason", "")]).rstrip() + "\n").encode()


class _Writer(logging.Handler):
    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def handle(self, record: logging.LogRecord) -> bool:
        """Take no lock: only one thread writes, and the exit must not wait for a blocked write."""
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        # Not with sys.stderr, because the exit needs its lock. Errors are ignored: a closed descriptor has no reader.
        with suppress(OSError):
            os.write(self._descriptor, record.msg)  # type: ignore[arg-type]  # bytes


def _short(text: str) -> str:
    printable = text if text.isprintable() else text.encode("unicode_escape").decode()
    return printable if len(printable) <= _MAX_CHARACTERS else printable[:_MAX_CHARACTERS] + "..."
