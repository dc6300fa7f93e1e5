"""The quota: how many calls a namespace has in a window of time."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a quota after a call.

    Attributes:
        granted: whether this call was within it.
        reset_s: whole seconds until a call is granted again, or the window is over.
    """

    granted: bool
    limit: int
    remaining: int
    reset_s: int

    @property
    def headers(self) -> dict[str, str]:
        """What Together's gateway says of it."""
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": str(self.reset_s),
        }


class Quota:
    """A moving window: `60/minute` grants a call when fewer than 60 were granted in the last minute.

    Raises:
        ValueError: *rate* cannot be read.
    """

    def __init__(self, rate: str) -> None:
        from limits.storage import MemoryStorage
        from limits.strategies import MovingWindowRateLimiter

        self._rate = parse(rate)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def ask(self, namespace: str) -> Allowance:
        """Count a call, if it is granted."""
        granted = self._limiter.hit(self._rate, namespace)
        reset, remaining = self._limiter.get_window_stats(self._rate, namespace)
        return Allowance(granted, self._rate.amount, max(0, remaining), max(1, math.ceil(reset - time.time())))

    def forget(self, namespace: str) -> None:
        self._limiter.clear(self._rate, namespace)


@lru_cache(maxsize=8)
def parse(rate: str) -> Any:
    """Return *rate*, such as `60/minute` or `5 per 10 seconds`, as the library has it.

    Raises:
        ValueError: it cannot be read; the message says what would be.
    """
    import limits

    try:
        (item,) = limits.parse_many(rate)
    except ValueError as fault:
        raise ValueError(f"'{rate}' is not a rate such as 60/minute, 5/second or 1000/hour") from fault
    if item.amount < 1 or item.get_expiry() < 1:
        raise ValueError(f"'{rate}' grants nothing; a rate is at least 1, as in 1/minute")
    return item
