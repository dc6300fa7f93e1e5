"""What a run may spend: requests, tokens, and how many requests in a while."""

from __future__ import annotations

import re
import threading
import time

from together_rerank_contract_tests.findings import BudgetSpent

# About what a tokenizer makes of English; the endpoint's own count is taken where it tells one.
CHARACTERS_PER_TOKEN = 4
# One request an hour; slower is no run.
_LONGEST_S = 3600
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(?:(s|second|sec)|(m|min|minute)|(h|hour))", re.IGNORECASE)


def seconds_between(rate: str) -> float:
    """Return the seconds from one request to the next at *rate*, such as `5/s`, `60/minute`.

    Raises:
        ValueError: it is no rate.
    """
    match = _RATE.fullmatch(rate.strip())
    number = float(match[1]) if match else 0.0
    seconds = (1 if match[2] else 60 if match[3] else 3600) / number if match and number else 0.0
    if not 0 < seconds <= _LONGEST_S:
        raise ValueError(f"'{rate[:40]}' is not a rate like 5/s, 60/minute, 100/hour")
    return seconds


def tokens_of(content: bytes) -> int:
    """Return about how many tokens *content* costs."""
    return -(-len(content) // CHARACTERS_PER_TOKEN)


def counted(number: int, what: str) -> str:
    """Return so many of *what*, in words."""
    return f"{number} {what}{'' if number == 1 else 's'}"


class Budget:
    """Counts what is spent, and refuses what would be too much. Threads may share it.

    Attributes:
        requests: so many were sent.
        tokens: so many were spent, as the endpoint counts, or by estimate.
        spent: something was refused.
    """

    def __init__(
        self, max_requests: int | None = None, max_tokens: int | None = None, seconds_between: float = 0
    ) -> None:
        self._max_requests = max_requests
        self._max_tokens = max_tokens
        self._seconds_between = seconds_between
        self._next_at = 0.0
        self._lock = threading.Lock()
        self.requests = 0
        self.tokens = 0
        self.spent = False

    @property
    def in_words(self) -> str:
        """What is spent."""
        return f"{counted(self.requests, 'request')}, {counted(self.tokens, 'token')}"

    @property
    def requests_left(self) -> int | None:
        """How many more requests may be sent; None for any number."""
        return None if self._max_requests is None else max(0, self._max_requests - self.requests)

    def spend(self, content: bytes) -> None:
        """Take account of a request with *content*, and wait until it may go.

        Raises:
            BudgetSpent: it must not be sent.
        """
        with self._lock:
            tokens = tokens_of(content)
            if self._max_requests is not None and self.requests >= self._max_requests:
                self.spent = True
                raise BudgetSpent(_all_spent(self._max_requests, "request"))
            if self._max_tokens is not None and self.tokens + tokens > self._max_tokens:
                self.spent = True
                raise BudgetSpent(_all_spent(self._max_tokens, "token"))
            self.requests += 1
            self.tokens += tokens
            now = time.monotonic()
            wait = max(0.0, self._next_at - now)
            self._next_at = now + wait + self._seconds_between
        if wait:
            time.sleep(wait)

    def settle(self, content: bytes, told: int) -> None:
        """Put the tokens that the endpoint *told* in the place of the estimate for *content*."""
        with self._lock:
            self.tokens += told - tokens_of(content)


def _all_spent(most: int, what: str) -> str:
    return f"the {counted(most, what)} of --max-{what}s {'is' if most == 1 else 'are'} spent"
