"""The one way to the endpoint: within the budget, at the rate, waiting out 429, and keeping no key."""

from __future__ import annotations

import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

import httpx

from together_rerank_contract_tests.budget import Budget
from together_rerank_contract_tests.exchange import Exchange
from together_rerank_contract_tests.findings import Dropped, Inconclusive, Unsendable
from together_rerank_contract_tests.masking import Mask

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MOST_BYTES = 32 * 1024 * 1024
_MOST_WAITS = 5
# A 429 that asks for more is no matter of waiting.
LONGEST_WAIT_S = 120.0
_IDENTITY = ("accept-encoding", "identity")


class Key(Enum):
    """Stands for the key where a request is made, so that only the transport has it."""

    YES = "the endpoint's key, where there is one"


YES: Final = Key.YES


class Transport:
    """Sends requests one by one, or from several threads.

    Args:
        key: sent as a bearer token where a request asks for it; None when there is none.
        key_name: of the environment variable that holds it.
        timeout_s: for the whole of one answer.

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
        self._timeout_s = timeout_s
        # A proxy of the environment is for the world outside; no redirect is followed, for the key would go along.
        self._client = httpx.Client(timeout=timeout_s, trust_env=host not in LOOPBACK, follow_redirects=False)
        self._client.headers.clear()

    def close(self) -> None:
        """Close what is open; who waits stops waiting."""
        self.closed.set()
        self._client.close()

    def send(
        self,
        method: str,
        url: str,
        headers: Iterable[tuple[str, str]] = (),
        content: bytes = b"",
        *,
        authorization: str | Key | None = YES,
    ) -> Exchange:
        """Return the exchange; a 429 is waited out as it asks.

        Raises:
            BudgetSpent: nothing was sent, or not again.
            Dropped: the connection ended before the answer.
            Inconclusive: no answer came in time, or nothing but 429.
        """
        waits = 0
        while (exchange := self._once(method, url, tuple(headers), content, authorization)).status == 429:
            wait = _retry_after(exchange)
            waits += 1
            if waits > _MOST_WAITS or wait > LONGEST_WAIT_S or self.closed.wait(wait):
                raise Inconclusive(f"the endpoint answers 429, and asks to come again in {wait:.0f} s; try --rate")
        return exchange

    def _once(
        self,
        method: str,
        url: str,
        headers: tuple[tuple[str, str], ...],
        content: bytes,
        authorization: str | Key | None,
    ) -> Exchange:
        self.budget.spend(content)
        secret = self._key if isinstance(authorization, Key) else None
        value = f"Bearer {secret}" if secret else authorization if isinstance(authorization, str) else None
        sent = [] if value is None else [("authorization", value)]
        shown = [] if value is None else [("Authorization", self._shown if secret else value)]
        plain = [] if any(name.lower() == "accept-encoding" for name, _ in headers) else [_IDENTITY]
        began = time.monotonic()
        try:
            raw_headers = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in (*headers, *plain, *sent)]
            host, target = _divided(url)
            request = self._client.build_request(
                method, host, headers=raw_headers, content=content, extensions={"target": target}
            )
            status, received_headers, received = self._received(request, began + self._timeout_s)
        except httpx.TimeoutException:
            raise Inconclusive(f"no whole answer from {url} within {self._timeout_s:g} s") from None
        except UnicodeEncodeError:
            raise Unsendable("it has characters beyond Latin-1 outside its body") from None
        except httpx.LocalProtocolError as fault:
            raise Unsendable(self.mask.text(str(fault))) from None
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            reason = self.mask.text(str(fault)) or type(fault).__name__
            raise Dropped(f"no whole answer from {url}: {reason}") from None
        self.statuses[status] += 1
        received, flaw = _decoded(received, received_headers.get("content-encoding", ""))
        exchange = Exchange(
            method=method,
            url=url,
            headers=(*shown, *headers),
            content=content,
            status=status,
            received_headers=received_headers,
            received=received,
            seconds=time.monotonic() - began,
            flaw=flaw,
            mask=self.mask,
        )
        told = _told_tokens(exchange)
        if told is not None:
            self.budget.settle(content, told)
        return exchange

    def _received(self, request: httpx.Request, until: float) -> tuple[int, dict[str, str], bytes]:
        response = self._client.send(request, stream=True)
        try:
            received = bytearray()
            for piece in response.iter_raw():
                received += piece
                if time.monotonic() > until:
                    raise httpx.ReadTimeout("", request=request)
                if len(received) > MOST_BYTES:
                    raise httpx.ReadError(f"more than {MOST_BYTES} bytes", request=request)
            return response.status_code, dict(response.headers.items()), bytes(received)
        finally:
            response.close()


def _divided(url: str) -> tuple[str, bytes]:
    """Return host and path of *url*, the path as it is, whatever stands in it; httpx would put it in order."""
    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc}"
    return host, (url[len(host) :] or "/").encode("latin-1")


def _decoded(raw: bytes, encoding: str) -> tuple[bytes, str]:
    if encoding.lower() not in ("gzip", "x-gzip", "deflate"):
        return raw, "" if encoding.lower() in (
            "",
            "identity",
        ) else f"it is encoded as {encoding}, which was not asked for"
    decoder = zlib.decompressobj(wbits=47)
    try:
        decoded = decoder.decompress(raw, MOST_BYTES)
    except zlib.error:
        return raw, f"it says that it is {encoding}, and is not"
    return decoded, "" if decoder.eof else f"its {encoding} ends too early, or is too long"


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
    return told if isinstance(told, int) and not isinstance(told, bool) and told >= 0 else None
