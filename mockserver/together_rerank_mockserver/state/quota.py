"""A quota of calls for each namespace."""

import math
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a quota after a call. At *resets_at*, the next call is granted, or the window ends."""

    granted: bool
    limit: int
    remaining: int
    resets_at: float  # seconds since 1970

    @property
    def headers(self) -> dict[str, str]:
        """The headers of an answer that is sent now; the wait in them counts from now."""
        wait_s = max(1, math.ceil(self.resets_at - time.time()))
        left = {"limit": self.limit, "remaining": self.remaining, "reset": wait_s}
        return {f"x-ratelimit-{name}": str(value) for name, value in left.items()}


class Quota:
    """A moving window: `60/minute` grants a call if fewer than 60 were granted in the last minute.

    Raises ValueError if *rate* is invalid.
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
    """Parse *rate*, such as `60/minute` or `5 per 10 seconds`, with the library `limits`; raise ValueError."""
    import limits

    try:
        (item,) = limits.parse_many(rate)
    except ValueError as error:
        raise ValueError(f"'{rate}' is not a rate such as 60/minute, 5/second or 1000/hour") from error
    if item.amount < 1 or item.get_expiry() < 1:
        raise ValueError(f"'{rate}' allows no call; a rate is at least 1, as in 1/minute")
    return item
