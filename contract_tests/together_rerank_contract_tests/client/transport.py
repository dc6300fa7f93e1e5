"""Send requests to the endpoint within the budget and the rate, retry on 429, and hide the key."""

import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
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
# Ignore a larger count of tokens.
_MAX_TOKENS = 10**9
_MAX_RETRIES = 5
# Do not retry if Retry-After asks for a longer wait.
_MAX_WAIT_S = 120.0
# Stop sending after this many time-outs; each takes the whole time limit.
_MAX_TIMEOUTS_IN_A_ROW, _MAX_TIMEOUTS = 3, 10
_DEFAULT_HEADERS = (("Accept-Encoding", "identity"), ("User-Agent", f"{PROGRAM}/{version('together-rerank-kit')}"))
# Placeholder for the key: only Transport knows the key itself.
ENDPOINT_KEY = "(the endpoint's key, if there is one)"
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Credentials:
    """A value of the header Authorization: as it is sent, and as a shell would make it from the key's variable."""

    sent: str
    shown: str


# None sends no header.
Authorization = str | Credentials | None


class Inconclusive(Exception):
    """A requirement cannot be judged: there was no response, or the scores are too noisy."""


class Dropped(Inconclusive):
    """The connection ended before the response was complete."""


class Throttled(Inconclusive):
    """The endpoint still returned 429 after all retries."""


class Unsendable(Inconclusive):
    """The request is not valid HTTP, and was not sent."""


class Transport:
    """Sends requests; threads may share it. `statuses` counts the responses by status.

    It calls `observe` with every exchange, also with those that it retries.

    Raises ValueError if the proxy or the certificates in the environment variables cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.budget = Budget(settings.max_requests, settings.max_tokens, settings.seconds_between)
        self.mask = key_redactor(settings.key, settings.key_name)
        self.has_key = bool(settings.key)
        self.statuses: Counter[int] = Counter()
        self.observe: Callable[[Exchange], None] = lambda _: None
        self._settings = settings
        self._closed = threading.Event()
        self._timeouts = 0
        self._timeouts_in_a_row = 0
        is_local = is_loopback(settings.host) or settings.host in ("0.0.0.0", "::")  # noqa: S104  # local: no proxy
        try:
            self._client = httpx.Client(
                timeout=settings.timeout_s,
                # Do not use a proxy for a local endpoint.
                trust_env=not is_local,
                # Without TLS, do not load the certificates, which takes 0.1 s.
                verify=not (is_local and settings.url.startswith("http:")),
                # A redirect would send the key to another address.
                follow_redirects=False,
                # Send no cookies: a response must not affect the next request.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            )
        except Exception as error:  # the type depends on the library
            raise ValueError(
                f"cannot use the proxy or the certificates that the environment variables name: {error}"
            ) from error
        self._client.headers.clear()

    def close(self) -> None:
        """Close the connections, and stop waiting for retries."""
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
        authorization: Authorization = ENDPOINT_KEY,
        chunked: bool = False,
    ) -> Exchange:
        """Send a request and return the exchange; retry after a 429, or a 503 with Retry-After.

        Raises:
            BudgetSpent: the budget does not allow the request, or its retry.
            Unsendable: the request is not valid HTTP, and was not sent.
            Dropped: the connection ended before the response was complete.
            Throttled: the endpoint still returned 429 after all retries.
            Inconclusive: the response timed out.
        """
        retries = 0
        while should_retry(exchange := self._send_twice(method, url, tuple(headers), content, authorization, chunked)):
            wait = _retry_after(exchange)
            retries += 1
            if retries > _MAX_RETRIES or wait > _MAX_WAIT_S or self._closed.wait(wait):
                break
        if exchange.status == 429:
            raise Throttled(f"the endpoint returns 429 and asks for a retry after {wait:.0f} s; try --rate")
        return exchange

    def _send_twice(self, *call: Any) -> Exchange:
        """Send again if the connection ended: the server may close an idle connection when it is reused."""
        with suppress(Dropped):
            return self._send(*call)
        return self._send(*call)

    def _send(
        self, method: str, url: str, headers: Headers, content: bytes, authorization: Authorization, chunked: bool
    ) -> Exchange:
        if self._timeouts_in_a_row >= _MAX_TIMEOUTS_IN_A_ROW or self._timeouts >= _MAX_TIMEOUTS:
            raise Inconclusive(f"{self._timeouts} requests timed out, so no more are sent")
        sent, shown = self.authorized(authorization)
        names = {name.lower() for name, _ in headers}
        defaults = tuple((name, text) for name, text in _DEFAULT_HEADERS if name.lower() not in names)
        self.budget.spend(content)
        pieces = iter([content[: len(content) // 2], content[len(content) // 2 :]]) if chunked else content
        response, raw = self._exchange(method, url, (*defaults, *headers, *sent), pieces)
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
            self.budget.correct_estimate(content, tokens)
        self.observe(exchange)
        return exchange

    def authorized(self, authorization: Authorization) -> tuple[Headers, Headers]:
        """Return the header to send for *authorization*, and the header to show in reports."""
        if isinstance(authorization, Credentials):
            return (("Authorization", authorization.sent),), (("Authorization", authorization.shown),)
        if authorization == ENDPOINT_KEY and self.has_key:
            sent, shown = f"Bearer {self._settings.key}", f"Bearer ${self._settings.key_name}"
            return (("Authorization", sent),), (("Authorization", shown),)
        header = () if authorization in (None, ENDPOINT_KEY) else (("Authorization", str(authorization)),)
        return header, header

    def _exchange(self, method: str, url: str, headers: Headers, content: Any) -> tuple[httpx.Response, bytes]:
        """Send the request; return the response and its body, still encoded."""
        # Send the path unchanged; httpx would normalise it.
        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        try:
            raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            target = {"target": (url[len(host) :] or "/").encode("latin-1")}
            request = self._client.build_request(method, host, headers=raw, content=content, extensions=target)
        except UnicodeEncodeError:
            raise Unsendable("the URL or a header has a character outside Latin-1") from None
        result: Future[tuple[httpx.Response, bytes]] = Future()
        # The time-out of httpx is per read: a response sent byte by byte would never time out.
        threading.Thread(target=self._read, args=(request, result), daemon=True).start()
        try:
            response = result.result(self._settings.timeout_s)
        except (TimeoutError, httpx.TimeoutException):
            self._timeouts += 1
            self._timeouts_in_a_row += 1
            raise Inconclusive(f"no complete response from {url} within {self._settings.timeout_s:g} s") from None
        except httpx.LocalProtocolError as error:
            raise Unsendable(self.mask.text(str(error))) from None
        except Exception as error:  # noqa: BLE001  # after any exception the response is incomplete
            message = f"no complete response from {url}: {str(error) or type(error).__name__}"
            raise Dropped(self.mask.text(message)) from None
        self._timeouts_in_a_row = 0
        return response

    def _read(self, request: httpx.Request, result: Future[tuple[httpx.Response, bytes]]) -> None:
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
            result.set_result((response, bytes(received)))
        except Exception as error:  # noqa: BLE001  # result.result() raises it
            result.set_exception(error)


def should_retry(exchange: Exchange) -> bool:
    return exchange.status == 429 or (exchange.status == 503 and "retry-after" in exchange.received_headers)


def key_redactor(key: str | None, key_name: str) -> Redactor:
    """Return a redactor that replaces the key with `$` and *key_name*; it ignores a key that is too short."""
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
        return raw, f"its Content-Encoding is {encoding}, which the request does not accept"
    decoder = zlib.decompressobj(wbits=47)
    try:
        decoded = decoder.decompress(raw, MAX_BYTES)
    except zlib.error:
        return raw, f"its Content-Encoding is {encoding}, but it is not valid {encoding}"
    is_complete = decoder.eof and not decoder.unused_data
    return decoded, "" if is_complete else f"its {encoding} data is cut off, has other data after it, or is too large"
