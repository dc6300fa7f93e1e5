"""Send requests to the endpoint within the budget and the rate, retry if it is busy, and hide the secrets."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from together_rerank_contract_tests import PROGRAM
from together_rerank_contract_tests.client import http
from together_rerank_contract_tests.client.budget import Budget, plural
from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.client.variables import Headers, Variables
from together_rerank_contract_tests.settings import Settings
from together_rerank_fixtures.redaction import Redactor

SHORTEST_KEY = 4
# Ignore a larger count of tokens.
_MAX_TOKENS = 10**9
# The statuses of a busy endpoint, and those of a gateway whose endpoint is still starting.
_BUSY, _STARTING = (429, 503, 504), (502, 503, 504)
# Without Retry-After, the waits before the retries of a request are 0.3 s, 0.6 s, 1.2 s, and so on.
_FIRST_WAIT_S, _LONGEST_OWN_WAIT_S = 0.3, 30.0
# Do not retry if Retry-After asks for a longer wait.
_MAX_WAIT_S = 120.0
# The time between two requests to an endpoint that is starting.
_POLL_S = 0.5
# After this many requests in a row that failed even after all retries: do not retry any more, do not send any more.
_LAST_RETRIED, _LAST_SENT = 3, 6
# Stop sending after this many time-outs; each takes the whole time limit.
_MAX_TIMEOUTS_IN_A_ROW, _MAX_TIMEOUTS = 3, 10
# The most bytes of response bodies that a run keeps in memory.
_MAX_KEPT = 48 * 1024 * 1024
_DEFAULT_HEADERS = (("Accept-Encoding", "identity"), ("User-Agent", f"{PROGRAM}/{version('together-rerank-kit')}"))
# Placeholder for the key: only Transport knows the key itself.
ENDPOINT_KEY = "(the endpoint's key, if there is one)"
# Why a request is sent again, if not because of a status.
_NOT_READY = "not ready"
_REFUSED, _ENDED, _CUT = "connection refused", "connection ended", "body ended early"
_NOTES = {
    _REFUSED: "{} could not be made",
    _ENDED: "{} ended before the answer was complete",
    _CUT: "{} ended before the body of the answer was complete",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """A value of the header of the key: as it is sent, and as a shell would make it from the key's variable."""

    sent: str
    shown: str


# None sends no header.
Authorization = str | Credentials | None


class Inconclusive(Exception):
    """A requirement cannot be judged: there was no response, or the scores are too noisy."""


class Dropped(Inconclusive):
    """The connection ended before there was a response; *exchange* has the status 0."""

    exchange: Exchange


class Refused(Dropped):
    """The connection could not be made, so nothing was sent."""


class Throttled(Inconclusive):
    """The endpoint still returned 429 after all retries."""


class Unsendable(Inconclusive):
    """The request is not valid HTTP, and was not sent."""


class _Call(NamedTuple):
    """The arguments of `Transport.send`."""

    method: str
    url: str
    headers: Headers
    content: bytes
    authorization: Authorization
    chunked: bool


class Transport:
    """Sends requests; threads may share it.

    Raises ValueError if the proxy or the certificates cannot be used.

    Attributes:
        statuses: counts the responses by status.
        variables: the headers and the query of every request, with variables in place of their values.
        observe: called with every exchange, also with those that are retried because the endpoint is busy.
        document: the document of the API that requests are written for.
        waiting: called before each wait with the seconds, and with the reason: `rate`, `not ready`, a status, or
            why the connection failed.
    """

    def __init__(self, settings: Settings) -> None:
        self.budget = Budget(settings.max_requests, settings.max_tokens, settings.seconds_between, settings.max_time_s)
        self.variables = Variables(settings)
        self.mask = key_redactor(settings.key, settings.key_name, self.variables.secrets)
        self.has_key = bool(settings.key)
        self.statuses: Counter[int] = Counter()
        self.observe: Callable[[Exchange], None] = lambda _: None
        self.waiting: Callable[[float, str], None] = lambda *_: None
        self.document = settings.documents[0]
        self._settings = settings
        self._own_headers = {name.lower() for name, _ in settings.headers}
        self._closed = threading.Event()
        self._timeouts = 0
        self._timeouts_in_a_row = 0
        self._failed_in_a_row = 0
        self._retried: Counter[str] = Counter()
        # How many requests failed after all retries, by problem; after a few, do not retry for it.
        self._given_up: Counter[str] = Counter()
        # When to stop waiting for the endpoint to start; None before the first request, 0 once it has started.
        self._ready_by: float | None = None
        self._kept = 0
        self._client = http.build_client(settings)

    @property
    def notes(self) -> list[str]:
        """What was sent again, one line for each reason."""
        return [_note(problem, count) for problem, count in self._retried.items()]

    def close(self) -> None:
        """Close the connections, and stop waiting for retries."""
        self._closed.set()
        self.budget.end()
        self._client.close()

    def keep(self, exchange: Exchange) -> Exchange:
        """Return *exchange*, which the caller stores; raise Inconclusive if the stored bodies have become too large."""
        self._kept += len(exchange.received)
        self._check_kept()
        return exchange

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
        """Send a request and return the exchange; retry if the endpoint is busy or the connection ends early.

        The first request is repeated until the endpoint is ready, or the time for that is over.
        With *chunked*, the body is sent in two chunks.

        Raises:
            BudgetSpent: the budget does not allow the request, or its retry.
            Unsendable: the request is not valid HTTP, and was not sent.
            Dropped: the connection ended before there was a response, even after all retries.
            Throttled: the endpoint still returned 429 after all retries.
            Inconclusive: the response timed out, or the endpoint failed so often that nothing more is sent.
        """
        self._check_kept()
        if self._failed_in_a_row >= _LAST_SENT:
            raise Inconclusive(f"{self._failed_in_a_row} requests in a row failed, so no more are sent")
        if self._ready_by is None:
            self._ready_by = time.monotonic() + self._settings.wait_s
        call = _Call(method, url, tuple(headers), content, authorization, chunked)
        retried = 0
        answer: Exchange | Dropped | None = None
        while True:
            previous, (answer, problem) = answer, self._attempt(call)
            if isinstance(answer, Refused) and isinstance(previous, Dropped):
                answer = previous  # the request may have crashed the server: report that, not the refused retry
            wait, reason = self._next_attempt(answer, problem, retried)
            if not reason or self.wait(wait, reason):
                break
            self._retried[reason] += 1
            retried += reason == problem
        self._count_failure(problem)
        if problem in (_ENDED, _CUT):
            self._given_up[problem] += 1
        return self._final(answer, problem, retried)

    def _next_attempt(self, answer: Exchange | Dropped, problem: str, retried: int) -> tuple[float, str]:
        """Return the seconds to wait before the next attempt, and its reason; "" if there is none."""
        if self._is_starting(answer):
            return _POLL_S, _NOT_READY
        retries = self._settings.retries if self._failed_in_a_row < _LAST_RETRIED else 0
        wait = _wait_s(answer, retried)
        is_last = retried >= retries or self._given_up[problem] >= _LAST_RETRIED or wait > _MAX_WAIT_S
        return wait, "" if is_last else problem

    def _is_starting(self, answer: Exchange | Dropped) -> bool:
        """Return whether to wait until the endpoint is ready; once it is ready, never again."""
        is_ready = isinstance(answer, Exchange) and answer.status not in _STARTING
        if is_ready or time.monotonic() + _POLL_S > (self._ready_by or 0.0):
            self._ready_by = 0.0
        return bool(self._ready_by)

    def wait(self, seconds: float, reason: str) -> bool:
        """Wait; return whether the transport was closed. Raise BudgetSpent if the time of the run does not allow it."""
        self.budget.check_time(seconds)
        if seconds:
            self.waiting(seconds, reason)
        return self._closed.wait(seconds)

    def _count_failure(self, problem: str) -> None:
        """Count the requests that failed in a row; a cut body is a response, so it never stops the sending."""
        if not problem:
            self._failed_in_a_row = 0
        elif problem != _CUT or self._failed_in_a_row < _LAST_RETRIED:
            self._failed_in_a_row += 1

    def _final(self, answer: Exchange | Dropped, problem: str, retried: int) -> Exchange:
        if isinstance(answer, Dropped):
            raise answer
        if problem == _CUT:
            self.observe(answer)
        if answer.status == 429:
            wait = _retry_after(answer)
            if wait is not None and wait > _MAX_WAIT_S:
                detail = f" and asks for a retry after {wait:.0f} s"
            else:
                detail = f", also after {retried} {'retry' if retried == 1 else 'retries'}" if retried else ""
            raise Throttled(f"the endpoint returns 429{detail}; try --rate")
        return answer

    def _attempt(self, call: _Call) -> tuple[Exchange | Dropped, str]:
        """Send the request once; return the exchange or the error, and why to send it again, "" if there is no reason.

        It calls `observe`, except for a body that ends early.
        """
        if self._timeouts_in_a_row >= _MAX_TIMEOUTS_IN_A_ROW or self._timeouts >= _MAX_TIMEOUTS:
            raise Inconclusive(f"{self._timeouts} requests timed out, so no more are sent")
        sent, shown = self._headers(call)
        self.wait(self.budget.spend(call.content), "rate")
        try:
            received = self._receive(call, sent)
        except Dropped as error:
            error.exchange = self._exchange(call, shown, http.Received(0, {}, b"", str(error), is_cut=True))
            if not isinstance(error, Refused):
                return error, _ENDED
            self.budget.refund(call.content)
            # An endpoint that never answered is not there; one that did may be restarting.
            return error, _REFUSED if self.statuses else ""
        self.statuses[received.status] += 1
        exchange = self._exchange(call, shown, received)
        tokens = _counted_tokens(exchange)
        if tokens is not None:
            self.budget.correct_estimate(call.content, tokens)
        problem = str(exchange.status) if exchange.status in _BUSY else _CUT * received.is_cut
        if problem != _CUT:
            self.observe(exchange)
        return exchange, problem

    def _exchange(self, call: _Call, shown: Headers, received: http.Received) -> Exchange:
        return Exchange(
            method=call.method,
            url=call.url,
            headers=shown,
            content=call.content,
            status=received.status,
            received_headers=received.headers,
            received=received.content,
            decode_error=received.error,
            mask=self.mask,
            secret_headers=self.variables.headers,
            query=self.variables.query,
            document=self.document,
        )

    def _headers(self, call: _Call) -> tuple[Headers, Headers]:
        """Return the headers to send, and those of them to show in reports, without the defaults and the secrets."""
        headers = tuple(each for each in call.headers if each[0].lower() not in self._own_headers)
        names = {name.lower() for name, _ in headers} | self._own_headers
        defaults = tuple((name, text) for name, text in _DEFAULT_HEADERS if name.lower() not in names)
        sent, shown = self._authorized(call.authorization)
        chunked = (("Transfer-Encoding", "chunked"),) if call.chunked else ()
        return (*defaults, *headers, *self._settings.headers, *sent), (*shown, *headers, *chunked)

    def _authorized(self, authorization: Authorization) -> tuple[Headers, Headers]:
        """Return the header to send for *authorization*, and the header to show in reports."""
        name = self.key_header
        if name.lower() in self._own_headers:
            return (), ()
        if isinstance(authorization, Credentials):
            return ((name, authorization.sent),), ((name, authorization.shown),)
        if authorization == ENDPOINT_KEY and self.has_key:
            scheme = self.key_scheme
            return ((name, f"{scheme}{self._settings.key}"),), ((name, f"{scheme}${self._settings.key_name}"),)
        header = () if authorization in (None, ENDPOINT_KEY) else ((name, str(authorization)),)
        return header, header

    @property
    def key_header(self) -> str:
        """The header of the key."""
        return self.document.key_header or "Authorization"

    @property
    def key_scheme(self) -> str:
        """What stands before the key in its header: `Bearer` and a space, or nothing."""
        return "Bearer " if self.key_header == "Authorization" else ""

    def _receive(self, call: _Call, headers: Headers) -> http.Received:
        """Send the request with *headers*, and return the response."""
        request = self._request(call, headers)
        result: Future[http.Received] = Future()
        # The time-out of httpx is per read: a response sent byte by byte would never time out.
        arguments = (self._client, request, self._settings.max_response_bytes, result)
        threading.Thread(target=http.read, args=arguments, daemon=True).start()
        message = f"no complete response from {call.url}"
        try:
            received = result.result(min(self._settings.timeout_s, self.budget.seconds_left))
        except (TimeoutError, httpx.TimeoutException):
            result.cancel()
            self.budget.check_time()
            self._timeouts += 1
            self._timeouts_in_a_row += 1
            raise Inconclusive(f"{message} within {self._settings.timeout_s:g} s") from None
        except httpx.LocalProtocolError as error:
            raise Unsendable(self.mask.text(str(error))) from None
        except Exception as error:  # noqa: BLE001  # after any exception there is no response
            kind = Refused if isinstance(error, httpx.ConnectError) else Dropped
            reason = str(error) or type(error).__name__
            hint = "; --cacert FILE trusts the certificates in FILE" if "CERTIFICATE_VERIFY_FAILED" in reason else ""
            raise kind(self.mask.text(f"{message}: {reason}{hint}")) from None
        self._timeouts_in_a_row = 0
        return received

    def _request(self, call: _Call, headers: Headers) -> httpx.Request:
        # Send the path unchanged; httpx would normalise it.
        parts = urlsplit(call.url)
        host = f"{parts.scheme}://{parts.netloc}"
        path = call.url[len(host) :] or "/"
        if query := self._settings.query:
            path += f"{'&' if '?' in path else '?'}{query}"
        half = (len(call.content) + 1) // 2
        content = [call.content[:half], call.content[half:]] if call.chunked else call.content
        try:
            raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            target = {"target": path.encode("latin-1")}
            return self._client.build_request(call.method, host, headers=raw, content=content, extensions=target)
        except UnicodeEncodeError:
            raise Unsendable("the URL or a header has a character outside Latin-1") from None

    def _check_kept(self) -> None:
        if self._kept > _MAX_KEPT:
            raise Inconclusive(
                f"the responses to keep have more than {_MAX_KEPT >> 20} MiB, so no more requests are sent"
            )


def key_redactor(key: str | None, key_name: str, others: Iterable[str] = ()) -> Redactor:
    """Return a redactor that replaces the key with `$` and *key_name*, or, with *others*, each secret with `[secret]`.

    It ignores secrets that are too short.
    """
    found = [each for each in others if len(each) >= SHORTEST_KEY]
    # An endpoint may also echo the key with another first or last character, which is sent as a wrong key.
    keys = [each for each in (key, key[:-1], key[1:]) if len(each) >= SHORTEST_KEY] if key else []
    return Redactor([*keys, *found], "[secret]" if found else f"${key_name}")


def _note(reason: str, count: int) -> str:
    if reason == _NOT_READY:
        return f"{plural(count, 'attempt')} while the endpoint was not ready (--wait)"
    again = "the request was sent again" if count == 1 else "the requests were sent again"
    if reason in _NOTES:
        return f"{_NOTES[reason].format(plural(count, 'connection'))}; {again}"
    return f"{plural(count, 'answer')} with {reason}; {again} after a wait"


def _wait_s(answer: Exchange | Dropped, retried: int) -> float:
    """Return the seconds to wait before the next attempt, after *retried* retries."""
    retry_after = _retry_after(answer) if isinstance(answer, Exchange) else None
    return min(_FIRST_WAIT_S * 2.0**retried, _LONGEST_OWN_WAIT_S) if retry_after is None else retry_after


def _retry_after(exchange: Exchange) -> float | None:
    """Return the seconds in the Retry-After header; None if there is none."""
    value = exchange.received_headers.get("retry-after", "").strip()
    with suppress(ValueError):
        return max(0.0, float(value))
    with suppress(OverflowError, TypeError, ValueError):
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    return None


def _counted_tokens(exchange: Exchange) -> int | None:
    usage = exchange.members.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return total if isinstance(total, int) and not isinstance(total, bool) and 0 <= total < _MAX_TOKENS else None
