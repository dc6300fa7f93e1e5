"""Count and limit what a run sends."""

import threading
import time

# An estimate for English text; the endpoint's own count replaces it where the answer has one.
_CHARACTERS_PER_TOKEN = 4


class BudgetSpent(Exception):
    """The budget does not allow another request."""


class Budget:
    """Counts requests and tokens, and refuses a request above the limit. Threads may share it.

    Attributes:
        tokens: the tokens used, by the endpoint's count or by estimate.
        spent: whether a request was refused.
    """

    def __init__(self, max_requests: int | None, max_tokens: int | None, seconds_between: float) -> None:
        self._began = time.monotonic()
        self._ended: float | None = None
        self._max_requests = max_requests
        self._max_tokens = max_tokens
        self._seconds_between = seconds_between
        self._next_at = 0.0
        self._lock = threading.Lock()
        self.requests = 0
        self.tokens = 0
        self.spent = False

    @property
    def seconds(self) -> float:
        return (self._ended or time.monotonic()) - self._began

    @property
    def in_words(self) -> str:
        return f"{plural(self.requests, 'request')}, {plural(self.tokens, 'token')}, {self.seconds:.1f} s"

    @property
    def data(self) -> dict[str, float]:
        """The counts in the form of the reports' schemas."""
        return {"requests": self.requests, "tokens": self.tokens, "seconds": round(self.seconds, 3)}

    def end(self) -> None:
        self._ended = self._ended or time.monotonic()

    @property
    def requests_left(self) -> int | None:
        """How many more requests may be sent; None for any number."""
        return None if self._max_requests is None else max(0, self._max_requests - self.requests)

    def spend(self, content: bytes) -> None:
        """Count a request with *content*, and wait until the rate allows it; raise BudgetSpent above a limit."""
        with self._lock:
            tokens = tokens_of(content)
            self._hold(self.requests + 1, self._max_requests, "request")
            self._hold(self.tokens + tokens, self._max_tokens, "token")
            self.requests += 1
            self.tokens += tokens
            now = time.monotonic()
            wait = max(0.0, self._next_at - now)
            self._next_at = now + wait + self._seconds_between
        if wait:
            time.sleep(wait)

    def _hold(self, number: int, most: int | None, what: str) -> None:
        if most is not None and number > most:
            self.spent = True
            raise BudgetSpent(f"the {plural(most, what)} of --max-{what}s {'is' if most == 1 else 'are'} spent")

    def settle(self, content: bytes, actual: int) -> None:
        """Replace the estimate for *content* by the *actual* number of tokens."""
        with self._lock:
            self.tokens += actual - tokens_of(content)


def tokens_of(content: bytes) -> int:
    """Estimate the number of tokens in *content*."""
    return -(-len(content) // _CHARACTERS_PER_TOKEN)


def plural(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
