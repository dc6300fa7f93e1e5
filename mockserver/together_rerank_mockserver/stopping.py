"""Stopping: which signals end the process, and that a row of them does no more than one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

# What is in flight may take so long to end.
GRACE_S = 5
# Granian would start over at a hangup.
_SIGNALS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


class ServerDied(Exception):
    """The process that answers was killed, or crashed."""


def at_a_signal(stop: Callable[[], object]) -> None:
    """Have the first of the stopping signals call *stop*, and let those after it pass.

    Granian's own handler takes a lock that the interrupted thread may hold: of two signals in a row (make passes
    on what the terminal has sent already) the second would block for ever. A thread of its own only waits.
    """

    def handle(_signal: int, _frame: object) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        threading.Thread(target=stop).start()

    for each in _SIGNALS:
        signal.signal(each, handle)
