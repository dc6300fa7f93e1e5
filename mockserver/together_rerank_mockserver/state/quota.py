"""A quota of calls for each namespace."""

import math
from collections import defaultdict, deque
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from together_rerank_mockserver import clock


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a quota after a call. At *resets_at*, the next call is granted, or the window ends."""

    granted: bool
    limit: int
    remaining: int
    resets_at: float  # in seconds of the monotonic clock

    @property
    def headers(self) -> dict[str, str]:
        """The headers of an answer that is sent now; the wait in them counts from now."""
        wait_s = max(1, math.ceil(self.resets_at - clock.monotonic()))
        left = {"limit": self.limit, "remaining": self.remaining, "reset": wait_s}
        return {f"x-ratelimit-{name}": str(value) for name, value in left.items()}


# Not a limiter of the library `limits`, which reads `time.time`: a test can stop that.
class Quota:
    """A moving window: `60/minute` grants a call if fewer than 60 were granted in the last minute.

    Raises ValueError if *rate* is invalid. The caller holds a lock.
    """

    def __init__(self, rate: str) -> None:
        parsed = parse_rate(rate)
        self._limit: int = parsed.amount
        self._window_s: float = parsed.get_expiry()
        self._granted: defaultdict[str, deque[float]] = defaultdict(deque)  # when, by namespace

    def hit(self, namespace: str) -> Allowance:
        now, granted = clock.monotonic(), self._granted[namespace]
        while granted and granted[0] <= now - self._window_s:
            granted.popleft()
        is_granted = len(granted) < self._limit
        if is_granted:
            granted.append(now)
        return Allowance(is_granted, self._limit, self._limit - len(granted), granted[0] + self._window_s)

    def forget(self, namespace: str) -> None:
        self._granted.pop(namespace, None)


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
