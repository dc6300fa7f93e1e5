"""The one way to the endpoint: within the budget, at the rate, waiting out 429, and keeping no key."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from importlib.metadata import version
from typing import Any, Final

from together_rerank_contract_tests import PROGRAM
from together_rerank_contract_tests.budget import Budget
from together_rerank_contract_tests.exchange import Exchange
from together_rerank_contract_tests.findings import Dropped, Inconclusive, Throttled, Unsendable
from together_rerank_contract_tests.masking import Mask
from together_rerank_contract_tests.settings import Settings
from together_rerank_contract_tests.wire import Wire

_MOST_WAITS = 5
# A 429 that asks for more is no matter of waiting.
_LONGEST_WAIT_S = 120.0
# How many answers may be late before it is called off; each costs the whole time-out.
_MOST_MISSED_IN_A_ROW, _MOST_MISSED = 3, 10
# More is no count of tokens.
_MOST_TOLD = 10**9
_USUAL = (
    ("Accept-Encoding", "identity"),
    ("User-Agent", f"{PROGRAM}/{version('together-rerank-kit')}"),
)


class Key(Enum):
    """Stands for the key where a request is made, so that only the transport has it."""

    YES = "the endpoint's key, where there is one"


YES: Final = Key.YES


class Transport:
    """Sends requests one by one, or from several threads.

    Raises:
        ValueError: what the environment says of proxies or certificates cannot be followed.

    Args:
        key: sent as a bearer token where a request asks for it; None when there is none.
        key_name: of the environment variable that holds it.
        timeout_s: for the whole of one answer.
        host: of the endpoint.

    Attributes:
        statuses: how often each was answered.
    """

    def __init__(
        self, budget: Budget, *, key: str | None = None, key_name: str = "", timeout_s: float = 30.0, host: str = ""
    ) -> None:
        self.budget = budget
        self.has_key = bool(key)
        self.mask = Mask(key, key_name)
        self.statuses: Counter[int] = Counter()
        self.closed = threading.Event()
        self._key = key
        self._shown = f"Bearer ${key_name}"
        self._wire = Wire(host, timeout_s)
        self._missed = 0
        self._missed_in_a_row = 0

    @classmethod
    def of(cls, settings: Settings) -> Transport:
        """Return the way to the endpoint that *settings* name.

        Raises:
            ValueError: what the environment says of proxies or certificates cannot be followed.
        """
        return cls(
            Budget(settings.max_requests, settings.max_tokens, settings.seconds_between),
            key=settings.key,
            key_name=settings.key_name,
            timeout_s=settings.timeout_s,
            host=settings.host,
        )

    def close(self) -> None:
        """Close what is open; who waits stops waiting."""
        self.closed.set()
        self._wire.close()

    def send(
        self,
        method: str,
        url: str,
        headers: Iterable[tuple[str, str]] = (),
        content: bytes = b"",
        *,
        authorization: str | Key | None = YES,
    ) -> Exchange:
        """Return the exchange; a 429 is waited out as it asks, and a 503 that says how long.

        Raises:
            BudgetSpent: nothing was sent, or not again.
            Dropped: the connection ended before the answer.
            Throttled: nothing but 429 came.
            Inconclusive: no answer came in time.
        """
        waits = 0
        while is_too_soon(exchange := self._twice(method, url, tuple(headers), content, authorization)):
            wait = _retry_after(exchange)
            waits += 1
            if waits > _MOST_WAITS or wait > _LONGEST_WAIT_S or self.closed.wait(wait):
                break
        if exchange.status == 429:
            raise Throttled(f"the endpoint answers 429, and asks to come again in {wait:.0f} s; try --rate")
        return exchange

    def _twice(self, *call: Any) -> Exchange:
        """Send once more when the connection ended: a server may close one just as it is used again."""
        with suppress(Dropped):
            return self._once(*call)
        return self._once(*call)

    def _once(
        self,
        method: str,
        url: str,
        headers: tuple[tuple[str, str], ...],
        content: bytes,
        authorization: str | Key | None,
    ) -> Exchange:
        if self._missed_in_a_row >= _MOST_MISSED_IN_A_ROW or self._missed >= _MOST_MISSED:
            raise Inconclusive(f"{self._missed} answers did not come in time, so no more were asked for")
        secret = self._key if isinstance(authorization, Key) else None
        value = f"Bearer {secret}" if secret else authorization if isinstance(authorization, str) else None
        sent = [] if value is None else [("Authorization", value)]
        shown = [] if value is None else [("Authorization", self._shown if secret else value)]
        given = {name.lower() for name, _ in headers}
        usual = [(name, text) for name, text in _USUAL if name.lower() not in given]
        self.budget.spend(content)
        began = time.monotonic()
        try:
            came = self._wire.send(method, url, [*usual, *headers, *sent], content)
        except (Dropped, Unsendable) as fault:
            raise type(fault)(self.mask.text(str(fault))) from None
        except Inconclusive:
            self._missed += 1
            self._missed_in_a_row += 1
            raise
        self._missed_in_a_row = 0
        self.statuses[came.status] += 1
        exchange = Exchange(
            method=method,
            url=url,
            headers=(*shown, *headers),
            content=content,
            status=came.status,
            received_headers=came.headers,
            received=came.content,
            seconds=time.monotonic() - began,
            flaw=came.flaw,
            mask=self.mask,
        )
        told = _told_tokens(exchange)
        if told is not None:
            self.budget.settle(content, told)
        return exchange


def is_too_soon(exchange: Exchange) -> bool:
    """Return whether the answer is to come again later."""
    return exchange.status == 429 or (exchange.status == 503 and "retry-after" in exchange.received_headers)


def _retry_after(exchange: Exchange) -> float:
    """Return the seconds that a 429 asks to wait; one when it does not say."""
    value = exchange.received_headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 1.0


def _told_tokens(exchange: Exchange) -> int | None:
    usage = exchange.body.get("usage") if isinstance(exchange.body, dict) else None
    told = usage.get("total_tokens") if isinstance(usage, dict) else None
    return told if isinstance(told, int) and not isinstance(told, bool) and 0 <= told < _MOST_TOLD else None
