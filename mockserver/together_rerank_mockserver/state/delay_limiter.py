"""Delay calls until a shutdown, and limit how many wait at the same time."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Event, Lock

from together_rerank_mockserver.api.errors import TooManyWaiting

MAX_WAITING = 400
# Shorter waits are not counted: they end before other calls notice them.
_SHORT_S = 0.5


class DelayLimiter:
    """Delays calls until *stopping* is set, and limits how many calls wait at the same time to *limit*.

    A call waits for a delay, between the pieces of a drip, in a hang, or for the rest of a body.
    """

    def __init__(self, stopping: Event, limit: int = MAX_WAITING) -> None:
        self._stopping = stopping
        self._limit = limit
        self._lock = Lock()
        self.waiting = 0  # how many calls wait now

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def wait(self, seconds: float, pause: Callable[[float], object] | None = None) -> None:
        """Wait for *seconds*, with *pause* if it is given, or until a shutdown; raise TooManyWaiting."""
        counted: AbstractContextManager[object] = self.counted() if seconds > _SHORT_S else nullcontext()
        with counted:
            (pause or self.pause)(seconds)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a waiting call inside the `with` block; raise TooManyWaiting if the limit is reached."""
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def acquire(self) -> None:
        """Count a waiting call until `release`; raise TooManyWaiting if the limit is reached."""
        with self._lock:
            if self.waiting >= self._limit:
                raise TooManyWaiting(self._limit)
            self.waiting += 1

    def release(self) -> None:
        with self._lock:
            self.waiting -= 1

    def pause(self, seconds: float) -> None:
        """Wait for *seconds* or until a shutdown, in a call that is already counted."""
        self._stopping.wait(seconds)
