"""Count and limit the requests, the tokens and the time of a run."""

import threading
import time

# An estimate for English text; if the response has `usage`, its count replaces the estimate.
_CHARACTERS_PER_TOKEN = 4


class BudgetSpent(Exception):
    """The budget does not allow another request."""


class Budget:
    """Counts requests, tokens and seconds, and rejects a request above the limit. Threads may share it.

    Attributes:
        tokens: the tokens used, as the endpoint reports them, or an estimate.
        spent: whether a request was rejected.
    """

    def __init__(
        self, max_requests: int | None, max_tokens: int | None, seconds_between: float, max_seconds: float
    ) -> None:
        self._started = time.monotonic()
        self._stopped: float | None = None
        self._max_requests = max_requests
        self._max_tokens = max_tokens
        self._max_seconds = max_seconds
        self._seconds_between = seconds_between
        self._next_at = 0.0
        self._lock = threading.Lock()
        self.requests = 0
        self.tokens = 0
        self.spent = False

    @property
    def seconds(self) -> float:
        return (self._stopped or time.monotonic()) - self._started

    @property
    def summary(self) -> str:
        return f"{plural(self.requests, 'request')}, {plural(self.tokens, 'token')}, {self.seconds:.1f} s"

    @property
    def counts(self) -> dict[str, float]:
        """The counts as the JSON reports contain them."""
        return {"requests": self.requests, "tokens": self.tokens, "seconds": round(self.seconds, 3)}

    def end(self) -> None:
        self._stopped = self._stopped or time.monotonic()

    @property
    def requests_left(self) -> int | None:
        """How many more requests are allowed; None if there is no limit."""
        return None if self._max_requests is None else max(0, self._max_requests - self.requests)

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._max_seconds - self.seconds)

    def spend(self, content: bytes) -> float:
        """Count a request with *content*; return the seconds to wait before it. Raise BudgetSpent above a limit."""
        with self._lock:
            tokens = estimate_tokens(content)
            self._check_limit(self.requests + 1, self._max_requests, "request")
            self._check_limit(self.tokens + tokens, self._max_tokens, "token")
            now = time.monotonic()
            wait = max(0.0, self._next_at - now)
            self.check_time(wait)
            self.requests += 1
            self.tokens += tokens
            self._next_at = now + wait + self._seconds_between
        return wait

    def refund(self, content: bytes) -> None:
        """Do not count a request with *content*, because it was not sent."""
        with self._lock:
            self.requests -= 1
            self.tokens -= estimate_tokens(content)

    def check_time(self, wait: float = 0.0) -> None:
        """Raise BudgetSpent if no time is left after a *wait* in seconds."""
        if wait < self.seconds_left:
            return
        self.spent = True
        is_one = self._max_seconds == 1
        limit = f"the {self._max_seconds:g} {'second' if is_one else 'seconds'} of --max-time"
        if self.seconds_left:
            raise BudgetSpent(f"{limit} {'leaves' if is_one else 'leave'} no time for a wait of {wait:.3g} s")
        raise BudgetSpent(f"{limit} {'is' if is_one else 'are'} spent")

    def _check_limit(self, number: int, limit: int | None, unit: str) -> None:
        if limit is not None and number > limit:
            self.spent = True
            raise BudgetSpent(f"the {plural(limit, unit)} of --max-{unit}s {'is' if limit == 1 else 'are'} spent")

    def correct_estimate(self, content: bytes, actual: int) -> None:
        """Replace the estimate for *content* with the *actual* number of tokens."""
        with self._lock:
            self.tokens += actual - estimate_tokens(content)


def estimate_tokens(content: bytes) -> int:
    """Estimate the number of tokens in *content*; a run of white space counts as one character."""
    return -(-len(b" ".join(content.split())) // _CHARACTERS_PER_TOKEN)


def plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
