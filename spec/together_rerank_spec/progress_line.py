"""Show the progress of a command on stderr: a line that changes on a terminal, else a new line every 30 seconds."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import Self, TextIO

_ERASE = "\r\x1b[2K"
_ON_TERMINAL_S, _ELSEWHERE_S = 0.2, 30.0
_WIDTH = 80


class ProgressLine:
    """Shows the time, and what *state* returns: what the command does, and the share of it that is done, 0 if unknown.

    Nothing else may be printed to the terminal while it runs. A thread of its own calls *state*.

    Attributes:
        is_on_terminal: whether stderr is a terminal that can change a line.
    """

    def __init__(self, state: Callable[[], tuple[str, float]]) -> None:
        self._state = state
        self.is_on_terminal = (
            sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
        )
        self._end = Event()
        self._thread: Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._end = Event()
        self._thread = Thread(target=self._run, args=(sys.stderr, time.monotonic()), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Remove the line; the time starts again with the next `start`."""
        self._end.set()
        if self._thread:
            self._thread.join()

    def _run(self, stderr: TextIO | None, began: float) -> None:
        if stderr is None:  # it was already closed when the command started
            return
        line = ""
        with suppress(OSError, ValueError):  # stderr is closed
            while not self._end.wait(_ON_TERMINAL_S if self.is_on_terminal else _ELSEWHERE_S):
                line = self._line(time.monotonic() - began)
                if self.is_on_terminal:
                    width = os.get_terminal_size(stderr.fileno()).columns or _WIDTH
                    line = f"{_ERASE}{line[: width - 1]}"
                else:
                    line += "\n"
                stderr.write(line)
                stderr.flush()
            if line and self.is_on_terminal:
                stderr.write(_ERASE)
                stderr.flush()

    def _line(self, seconds: float) -> str:
        text, share = self._state()
        left = f", about {seconds / share - seconds:.0f} s left" if 0 < share < 1 else ""
        # Other characters than ASCII can be wider than one column.
        return f"{seconds:.0f} s{left}: {text}".encode("ascii", "backslashreplace").decode()
