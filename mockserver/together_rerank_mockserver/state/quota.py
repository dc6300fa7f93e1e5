"""A quota of calls for each namespace."""

import math
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a quota after a call. At *resets_at* a call is granted again, or the window ends."""

    granted: bool
    limit: int
    remaining: int
    resets_at: float  # seconds since 1970

    @property
    def headers(self) -> dict[str, str]:
        """Headers for an answer that is sent now: the wait counts from now, not from the check of the quota."""
        wait_s = max(1, math.ceil(self.resets_at - time.time()))
        left = {"limit": self.limit, "remaining": self.remaining, "reset": wait_s}
        return {f"x-ratelimit-{name}": str(value) for name, value in left.items()}


class Quota:
    """A moving window: `60/minute` grants a call when fewer than 60 were granted in the last minute.

    Raises ValueError if *rate* cannot be read.
    """

    def __init__(self, rate: str) -> None:
        from limits.storage import MemoryStorage
        from limits.strategies import MovingWindowRateLimiter

        self._rate = parse_rate(rate)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def hit(self, namespace: str) -> Allowance:
        granted = self._limiter.hit(self._rate, namespace)
        reset, remaining = self._limiter.get_window_stats(self._rate, namespace)
        return Allowance(granted, self._rate.amount, max(0, remaining), reset)

    def forget(self, namespace: str) -> None:
        self._limiter.clear(self._rate, namespace)


@lru_cache(maxsize=8)
def parse_rate(rate: str) -> Any:
    """Return *rate*, such as `60/minute` or `5 per 10 seconds`, as the library has it; raise ValueError otherwise."""
    import limits

    try:
        (item,) = limits.parse_many(rate)
    except ValueError as fault:
        raise ValueError(f"'{rate}' is not a rate such as 60/minute, 5/second or 1000/hour") from fault
    if item.amount < 1 or item.get_expiry() < 1:
        raise ValueError(f"'{rate}' grants nothing; a rate is at least 1, as in 1/minute")
    return item
