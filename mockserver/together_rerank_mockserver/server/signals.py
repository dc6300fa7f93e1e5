"""Stop a server process on signals."""

import signal
import socket
from typing import Self

# At a stop, calls in flight have this long to finish.
GRACE_S = 5
# First, a client that reuses its connection has this long to send one more request, whose answer ends the connection.
LINGER_S = 0.2
# SIGHUP is included because granian would restart on it.
STOP_SIGNALS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


class StopSignals:
    """Inside a `with` block, stopping signals do not end the process; `wait` returns at the first one.

    A handler in Python runs only when the main thread wakes up, which a signal to another thread does not cause. So the
    handlers do nothing, and `wait` reads the byte that Python writes at a signal, whichever thread gets it.
    """

    def __init__(self) -> None:
        self._received, self._wakeup = socket.socketpair()
        self._wakeup.setblocking(False)

    def __enter__(self) -> Self:
        self.install()
        return self

    def install(self) -> None:
        signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)
        for each in STOP_SIGNALS:
            signal.signal(each, lambda *_: None)

    def wait(self) -> None:
        """Return at the first stopping signal; any thread can wait."""
        self._received.recv(1)

    def __exit__(self, *_: object) -> None:
        """Ignore signals from now on, because the process is about to exit."""
        for each in STOP_SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
