"""Waiting: calls that are kept back, cut short by a stop, and never so many that none is left to answer others."""

from __future__ import annotations

from threading import BoundedSemaphore, Event

from together_rerank_mockserver.errors import TooManyWaiting


class Waiting:
    """Keeps calls back.

    Args:
        stopping: ends every wait, once set.
        most: so many calls can wait at once; None for any number.
    """

    def __init__(self, stopping: Event, most: int | None = None) -> None:
        self._stopping = stopping
        self._most = most
        self._seats = BoundedSemaphore(most) if most else None

    def wait(self, seconds: float) -> None:
        """Return after *seconds*, or at a stop.

        Raises:
            TooManyWaiting: every seat is taken.
        """
        if self._seats is None:
            self._stopping.wait(seconds)
        elif not self._seats.acquire(blocking=False):
            raise TooManyWaiting(f"{self._most} calls are being kept waiting, the most at a time on this server")
        else:
            try:
                self._stopping.wait(seconds)
            finally:
                self._seats.release()
