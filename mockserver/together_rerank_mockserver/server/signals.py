"""Stop a server process on signals."""

import signal
import socket
from typing import Self

# How long calls in flight have to finish after a stop signal.
GRACE_S = 5
# How long a client can still send a request on an open connection; the answer then closes the connection.
LINGER_S = 0.2
# Includes SIGHUP, because granian would restart on it.
STOP_SIGNALS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


class StopSignals:
    """Inside a `with` block, stop signals do not end the process; `wait` returns at the first one.

    A Python signal handler runs only when the main thread wakes up, and a signal that another thread receives does not
    wake it. So the handlers do nothing, and `wait` reads the byte that Python writes for every signal.
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
        """Return at the first stop signal; any thread can wait."""
        self._received.recv(1)

    def __exit__(self, *_: object) -> None:
        """Ignore signals from now on, because the process is about to exit."""
        for each in STOP_SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
