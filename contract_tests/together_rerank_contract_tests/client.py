"""The one way to the endpoint: within the budget, at the rate, waiting out 429, and keeping no key."""

import threading
import time
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
from together_rerank_contract_tests.exchange import Exchange
from together_rerank_contract_tests.settings import Settings
from together_rerank_fixtures.redaction import Redactor
from together_rerank_spec.urls import is_loopback

MOST_BYTES = 32 * 1024 * 1024
SHORTEST_KEY = 4
# About what a tokenizer makes of English; the endpoint's own count is taken where it tells one.
_CHARACTERS_PER_TOKEN = 4
# More is no count of tokens.
_MOST_TOLD = 10**9
_MOST_WAITS = 5
# A 429 that asks for more is no matter of waiting.
_LONGEST_WAIT_S = 120.0
# How many answers may be late before it is called off; each costs the whole time-out.
_MOST_MISSED_IN_A_ROW, _MOST_MISSED = 3, 10
_USUAL = (("Accept-Encoding", "identity"), ("User-Agent", f"{PROGRAM}/{version('together-rerank-kit')}"))

# Stands for the key where a request is made, so that only the transport has it.
YES = "(the endpoint's key, where there is one)"

Headers = tuple[tuple[str, str], ...]


class BudgetSpent(Exception):
    """No more may be sent."""


class Inconclusive(Exception):
    """Nothing can be said: no answer came, or the endpoint's noise drowns it."""


class Dropped(Inconclusive):
    """The connection ended before an answer was whole."""


class Throttled(Inconclusive):
    """Nothing came but 429, however long it was waited."""


class Unsendable(Inconclusive):
    """The request is no HTTP, and was not sent."""


class Budget:
    """Counts what is spent, and refuses what would be too much. Threads may share it.

    Attributes:
        tokens: so many were spent, as the endpoint counts, or by estimate.
        spent: something was refused.
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
        return f"{counted(self.requests, 'request')}, {counted(self.tokens, 'token')}, {self.seconds:.1f} s"

    @property
    def data(self) -> dict[str, float]:
        """What is spent, as the schemas of the reports have it."""
        return {"requests": self.requests, "tokens": self.tokens, "seconds": round(self.seconds, 3)}

    def end(self) -> None:
        self._ended = self._ended or time.monotonic()

    @property
    def requests_left(self) -> int | None:
        """How many more requests may be sent; None for any number."""
        return None if self._max_requests is None else max(0, self._max_requests - self.requests)

    def spend(self, content: bytes) -> None:
        """Take account of a request with *content*, and wait until it may go; raise BudgetSpent if it must not."""
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
            raise BudgetSpent(f"the {counted(most, what)} of --max-{what}s {'is' if most == 1 else 'are'} spent")

    def settle(self, content: bytes, told: int) -> None:
        """Put the tokens that the endpoint *told* in the place of the estimate for *content*."""
        with self._lock:
            self.tokens += told - tokens_of(content)


class Transport:
    """Sends requests one by one, or from several threads; `statuses` counts how often each was answered.

    Raises ValueError if what the environment says of proxies or certificates cannot be followed.
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
                # A proxy of the environment is for the world outside.
                trust_env=not is_near,
                # Where no TLS can be spoken, the certificates need not be read, which takes a tenth of a second.
                verify=not (is_near and settings.url.startswith("http:")),
                # The key would go along.
                follow_redirects=False,
                # What an endpoint lets in must not depend on what it let in before.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            )
        except Exception as fault:  # of whichever library reads them
            raise ValueError(f"the environment's proxy or certificates cannot be used: {fault}") from fault
        self._client.headers.clear()

    def close(self) -> None:
        """Close what is open; who waits stops waiting."""
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
        authorization: str | None = YES,
    ) -> Exchange:
        """Return the exchange; a 429 is waited out as it asks, and a 503 that says how long.

        Raises:
            BudgetSpent: nothing was sent, or not again.
            Unsendable: it is no HTTP, and was not sent.
            Dropped: the connection ended before the answer.
            Throttled: nothing but 429 came.
            Inconclusive: no answer came in time.
        """
        waits = 0
        while is_too_soon(exchange := self._send_twice(method, url, tuple(headers), content, authorization)):
            wait = _retry_after(exchange)
            waits += 1
            if waits > _MOST_WAITS or wait > _LONGEST_WAIT_S or self._closed.wait(wait):
                break
        if exchange.status == 429:
            raise Throttled(f"the endpoint answers 429, and asks to come again in {wait:.0f} s; try --rate")
        return exchange

    def _send_twice(self, *call: Any) -> Exchange:
        """Send once more when the connection ended: a server may close one just as it is used again."""
        with suppress(Dropped):
            return self._send(*call)
        return self._send(*call)

    def _send(self, method: str, url: str, headers: Headers, content: bytes, authorization: str | None) -> Exchange:
        if self._missed_in_a_row >= _MOST_MISSED_IN_A_ROW or self._missed >= _MOST_MISSED:
            raise Inconclusive(f"{self._missed} answers did not come in time, so no more were asked for")
        sent, shown = self.authorized(authorization)
        given = {name.lower() for name, _ in headers}
        usual = tuple((name, text) for name, text in _USUAL if name.lower() not in given)
        self.budget.spend(content)
        response, raw = self._answer(method, url, (*usual, *headers, *sent), content)
        self.statuses[response.status_code] += 1
        received, flaw = _decoded(raw, response.headers.get("content-encoding", "").lower())
        exchange = Exchange(
            method=method,
            url=url,
            headers=(*shown, *headers),
            content=content,
            status=response.status_code,
            received_headers=dict(response.headers.items()),
            received=received,
            flaw=flaw,
            mask=self.mask,
        )
        told = _told_tokens(exchange)
        if told is not None:
            self.budget.settle(content, told)
        return exchange

    def authorized(self, authorization: str | None) -> tuple[Headers, Headers]:
        """Return the header that is sent for *authorization*, and that which is shown."""
        if authorization == YES and self.has_key:
            sent, shown = f"Bearer {self._settings.key}", f"Bearer ${self._settings.key_name}"
            return (("Authorization", sent),), (("Authorization", shown),)
        given = () if authorization in (None, YES) else (("Authorization", str(authorization)),)
        return given, given

    def _answer(self, method: str, url: str, headers: Headers, content: bytes) -> tuple[httpx.Response, bytes]:
        """Return what came, and its body as it came."""
        # The path goes out as it is, whatever stands in it; httpx would put it in order.
        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        try:
            raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            target = {"target": (url[len(host) :] or "/").encode("latin-1")}
            request = self._client.build_request(method, host, headers=raw, content=content, extensions=target)
        except UnicodeEncodeError:
            raise Unsendable("it has characters beyond Latin-1 outside its body") from None
        answer: Future[tuple[httpx.Response, bytes]] = Future()
        # httpx limits the wait for each piece alone; a server that drips would never end.
        threading.Thread(target=self._read, args=(request, answer), daemon=True).start()
        try:
            whole = answer.result(self._settings.timeout_s)
        except (TimeoutError, httpx.TimeoutException):
            self._missed += 1
            self._missed_in_a_row += 1
            raise Inconclusive(f"no whole answer from {url} within {self._settings.timeout_s:g} s") from None
        except httpx.LocalProtocolError as fault:
            raise Unsendable(self.mask.text(str(fault))) from None
        except Exception as fault:  # noqa: BLE001  # whichever it is, the answer is not whole
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
                    if len(received) > MOST_BYTES:
                        raise httpx.ReadError(f"more than {MOST_BYTES} bytes")
            finally:
                response.close()
            answer.set_result((response, bytes(received)))
        except Exception as fault:  # noqa: BLE001  # whoever waits for it raises it
            answer.set_exception(fault)


def tokens_of(content: bytes) -> int:
    """Return about how many tokens *content* costs."""
    return -(-len(content) // _CHARACTERS_PER_TOKEN)


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def is_too_soon(exchange: Exchange) -> bool:
    return exchange.status == 429 or (exchange.status == 503 and "retry-after" in exchange.received_headers)


def masking(key: str | None, key_name: str) -> Redactor:
    """Return what puts the name of the key in its place; a short key cannot be told from a part of a word."""
    return Redactor([key] if key and len(key) >= SHORTEST_KEY else [], f"${key_name}")


def _retry_after(exchange: Exchange) -> float:
    """Return the seconds that a 429 asks to wait; one when it does not say."""
    value = exchange.received_headers.get("retry-after", "").strip()
    with suppress(ValueError):
        return max(0.0, float(value))
    with suppress(TypeError, ValueError):
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    return 1.0


def _told_tokens(exchange: Exchange) -> int | None:
    usage = exchange.members.get("usage")
    told = usage.get("total_tokens") if isinstance(usage, dict) else None
    return told if isinstance(told, int) and not isinstance(told, bool) and 0 <= told < _MOST_TOLD else None


def _decoded(raw: bytes, encoding: str) -> tuple[bytes, str]:
    """Return *raw* without its *encoding*, and what kept it from that."""
    if encoding in ("", "identity"):
        return raw, ""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return raw, f"it is encoded as {encoding}, which was not asked for"
    decoder = zlib.decompressobj(wbits=47)
    try:
        decoded = decoder.decompress(raw, MOST_BYTES)
    except zlib.error:
        return raw, f"it says that it is {encoding}, and is not"
    is_whole = decoder.eof and not decoder.unused_data
    return decoded, "" if is_whole else f"its {encoding} ends too early, or is too long"
