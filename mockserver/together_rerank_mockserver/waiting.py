"""Waiting: calls that are kept back, cut short by a stop, and never so many that none is left to answer others."""

from __future__ import annotations

from threading import BoundedSemaphore, Event

from together_rerank_mockserver.errors import TooManyWaiting

# Whoever waits so short has soon made room for others.
_SHORT_S = 5


class Waiting:
    """Keeps calls back.

    Args:
        stopping: ends every wait, once set.
        most: so many calls can wait for long at once; None for any number.
    """

    def __init__(self, stopping: Event, most: int | None = None) -> None:
        self._stopping = stopping
        self._most = most
        self._seats = BoundedSemaphore(most) if most else None

    def wait(self, seconds: float) -> None:
        """Return after *seconds*, or at a stop.

        Raises:
            TooManyWaiting: it is for long, and every seat is taken.
        """
        if self._seats is None or seconds <= _SHORT_S:
            self._stopping.wait(seconds)
        elif not self._seats.acquire(blocking=False):
            raise TooManyWaiting(
                f"{self._most} calls are being kept waiting for long, the most at a time on this server"
            )
        else:
            try:
                self._stopping.wait(seconds)
            finally:
                self._seats.release()
