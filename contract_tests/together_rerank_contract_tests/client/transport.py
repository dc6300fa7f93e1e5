"""Send requests to the endpoint: within the budget and the rate, with retries on 429, and without showing the key."""

import threading
import zlib
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import httpx

from together_rerank_contract_tests import PROGRAM
from together_rerank_contract_tests.client.budget import Budget
from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.settings import Settings
from together_rerank_fixtures.redaction import Redactor
from together_rerank_spec.urls import is_loopback

MAX_BYTES = 32 * 1024 * 1024
SHORTEST_KEY = 4
# A larger number is not a count of tokens.
_MAX_TOKENS = 10**9
_MAX_WAITS = 5
# If a 429 asks for a longer wait, give up.
_LONGEST_WAIT_S = 120.0
# How many answers may time out before the run gives up; each costs the whole time-out.
_MAX_MISSED_IN_A_ROW, _MAX_MISSED = 3, 10
_USUAL = (("Accept-Encoding", "identity"), ("User-Agent", f"{PROGRAM}/{version('together-rerank-kit')}"))
# Placeholder for the key: only Transport knows the key itself.
ENDPOINT_KEY = "(the endpoint's key, where there is one)"
Headers = tuple[tuple[str, str], ...]


class Inconclusive(Exception):
    """A requirement cannot be judged: there was no answer, or the scores are too noisy."""


class Dropped(Inconclusive):
    """The connection ended before the answer was complete."""


class Throttled(Inconclusive):
    """The endpoint still answered 429 after all retries."""


class Unsendable(Inconclusive):
    """The request is not valid HTTP, and was not sent."""


class Transport:
    """Sends requests, also from several threads; `statuses` counts the answers by status.

    Raises ValueError if the proxy or the certificates of the environment cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.budget = Budget(settings.max_requests, settings.max_tokens, settings.seconds_between)
        self.mask = masking(settings.key, settings.key_name)
        self.has_key = bool(settings.key)
        self.statuses: Counter[int] = Counter()
        self._settings = settings
        self._closed = threading.Event()
        self._missed = 0
        self._missed_in_a_row = 0
        is_near = is_loopback(settings.host) or settings.host in ("0.0.0.0", "::")  # noqa: S104  # no proxy reaches it
        try:
            self._client = httpx.Client(
                timeout=settings.timeout_s,
                # Do not use a proxy for this machine.
                trust_env=not is_near,
                # Without TLS, skip reading the certificates, which takes 0.1 s.
                verify=not (is_near and settings.url.startswith("http:")),
                # A redirect would pass the key to another address.
                follow_redirects=False,
                # Send no cookies: one request must not change the answer to the next.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            )
        except Exception as fault:  # the type depends on the library that reads them
            raise ValueError(f"the environment's proxy or certificates cannot be used: {fault}") from fault
        self._client.headers.clear()

    def close(self) -> None:
        """Close the connections, and end every wait for a retry."""
        self._closed.set()
        self.budget.end()
        self._client.close()

    def send(
        self,
        method: str,
        url: str,
        headers: Iterable[tuple[str, str]] = (),
        content: bytes = b"",
        *,
        authorization: str | None = ENDPOINT_KEY,
    ) -> Exchange:
        """Send a request and return the exchange; wait and retry after a 429, or a 503 with Retry-After.

        Raises:
            BudgetSpent: the budget does not allow the request, or its retry.
            Unsendable: the request is not valid HTTP, and was not sent.
            Dropped: the connection ended before the answer was complete.
            Throttled: the endpoint still answered 429 after all retries.
            Inconclusive: the answer timed out.
        """
        waits = 0
        while asks_to_retry(exchange := self._send_twice(method, url, tuple(headers), content, authorization)):
            wait = _retry_after(exchange)
            waits += 1
            if waits > _MAX_WAITS or wait > _LONGEST_WAIT_S or self._closed.wait(wait):
                break
        if exchange.status == 429:
            raise Throttled(f"the endpoint answers 429, and asks to come again in {wait:.0f} s; try --rate")
        return exchange

    def _send_twice(self, *call: Any) -> Exchange:
        """Retry once if the connection ended: the server may close an idle one just as it is used again."""
        with suppress(Dropped):
            return self._send(*call)
        return self._send(*call)

    def _send(self, method: str, url: str, headers: Headers, content: bytes, authorization: str | None) -> Exchange:
        if self._missed_in_a_row >= _MAX_MISSED_IN_A_ROW or self._missed >= _MAX_MISSED:
            raise Inconclusive(f"{self._missed} answers did not come in time, so no more were asked for")
        sent, shown = self.authorized(authorization)
        given = {name.lower() for name, _ in headers}
        usual = tuple((name, text) for name, text in _USUAL if name.lower() not in given)
        self.budget.spend(content)
        response, raw = self._answer(method, url, (*usual, *headers, *sent), content)
        self.statuses[response.status_code] += 1
        received, decode_error = _decoded(raw, response.headers.get("content-encoding", "").lower())
        exchange = Exchange(
            method=method,
            url=url,
            headers=(*shown, *headers),
            content=content,
            status=response.status_code,
            received_headers=dict(response.headers.items()),
            received=received,
            decode_error=decode_error,
            mask=self.mask,
        )
        tokens = _counted_tokens(exchange)
        if tokens is not None:
            self.budget.settle(content, tokens)
        return exchange

    def authorized(self, authorization: str | None) -> tuple[Headers, Headers]:
        """Return the header to send for *authorization*, and the header to show in reports."""
        if authorization == ENDPOINT_KEY and self.has_key:
            sent, shown = f"Bearer {self._settings.key}", f"Bearer ${self._settings.key_name}"
            return (("Authorization", sent),), (("Authorization", shown),)
        given = () if authorization in (None, ENDPOINT_KEY) else (("Authorization", str(authorization)),)
        return given, given

    def _answer(self, method: str, url: str, headers: Headers, content: bytes) -> tuple[httpx.Response, bytes]:
        """Send the request; return the response and its body, still encoded."""
        # Send the path unchanged; httpx would normalise it.
        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        try:
            raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            target = {"target": (url[len(host) :] or "/").encode("latin-1")}
            request = self._client.build_request(method, host, headers=raw, content=content, extensions=target)
        except UnicodeEncodeError:
            raise Unsendable("it has characters beyond Latin-1 outside its body") from None
        answer: Future[tuple[httpx.Response, bytes]] = Future()
        # The time-out of httpx is per read: a server that sends its answer byte by byte would never time out.
        threading.Thread(target=self._read, args=(request, answer), daemon=True).start()
        try:
            whole = answer.result(self._settings.timeout_s)
        except (TimeoutError, httpx.TimeoutException):
            self._missed += 1
            self._missed_in_a_row += 1
            raise Inconclusive(f"no whole answer from {url} within {self._settings.timeout_s:g} s") from None
        except httpx.LocalProtocolError as fault:
            raise Unsendable(self.mask.text(str(fault))) from None
        except Exception as fault:  # noqa: BLE001  # after any exception the answer is incomplete
            said = f"no whole answer from {url}: {str(fault) or type(fault).__name__}"
            raise Dropped(self.mask.text(said)) from None
        self._missed_in_a_row = 0
        return whole

    def _read(self, request: httpx.Request, answer: Future[tuple[httpx.Response, bytes]]) -> None:
        try:
            response = self._client.send(request, stream=True)
            try:
                received = bytearray()
                for piece in response.iter_raw():
                    received += piece
                    if len(received) > MAX_BYTES:
                        raise httpx.ReadError(f"more than {MAX_BYTES} bytes")
            finally:
                response.close()
            answer.set_result((response, bytes(received)))
        except Exception as fault:  # noqa: BLE001  # answer.result() raises it
            answer.set_exception(fault)


def asks_to_retry(exchange: Exchange) -> bool:
    return exchange.status == 429 or (exchange.status == 503 and "retry-after" in exchange.received_headers)


def masking(key: str | None, key_name: str) -> Redactor:
    """Return the redactor that replaces the key by its name; it ignores a short key, which may be part of a word."""
    return Redactor([key] if key and len(key) >= SHORTEST_KEY else [], f"${key_name}")


def _retry_after(exchange: Exchange) -> float:
    """Return the seconds in the Retry-After header; 1 if there is none."""
    value = exchange.received_headers.get("retry-after", "").strip()
    with suppress(ValueError):
        return max(0.0, float(value))
    with suppress(TypeError, ValueError):
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    return 1.0


def _counted_tokens(exchange: Exchange) -> int | None:
    usage = exchange.members.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return total if isinstance(total, int) and not isinstance(total, bool) and 0 <= total < _MAX_TOKENS else None


def _decoded(raw: bytes, encoding: str) -> tuple[bytes, str]:
    """Decode *raw*; return it and an error message, "" if there is no error."""
    if encoding in ("", "identity"):
        return raw, ""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return raw, f"it is encoded as {encoding}, which was not asked for"
    decoder = zlib.decompressobj(wbits=47)
    try:
        decoded = decoder.decompress(raw, MAX_BYTES)
    except zlib.error:
        return raw, f"it says that it is {encoding}, and is not"
    is_whole = decoder.eof and not decoder.unused_data
    return decoded, "" if is_whole else f"its {encoding} ends too early, or is too long"
