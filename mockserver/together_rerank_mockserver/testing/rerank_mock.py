"""What a test has of the mock: where it is, what the next calls meet, and what came."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Unpack

from together_rerank_mockserver.faults.grammar import MAX_MS
from together_rerank_mockserver.testing import recorded
from together_rerank_mockserver.testing.admin_client import AdminClient
from together_rerank_mockserver.testing.recorded import Expected, RecordedRequest
from together_rerank_mockserver.testing.resilience import Finding, judge

if TYPE_CHECKING:
    import httpx
    from flask import Flask

    from together_rerank_mockserver.testing.transport import Transport


@dataclass(frozen=True, slots=True)
class Queued:
    """The result of queueing a fault; `then` is the mock, to queue the next one in the same expression."""

    then: RerankMock


class RerankMock:
    """A mock of `POST /v1/rerank`, as one test sees it.

    Attributes:
        base_url: its root, where it serves `/v1/rerank` and `/rerank`.
        api_key: the key to call it with; another one does as well, but for a mock that is shared.
    """

    def __init__(self, admin: AdminClient) -> None:
        self.admin = admin
        self.base_url = admin.url
        self.api_key = admin.api_key
        self.expected_refusals = 0
        self._clients: list[httpx.Client] = []

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests of this test, in the order in which they came."""
        return self._requests()

    @property
    def last_request(self) -> RecordedRequest:
        """The last request; raises AssertionError if there is none."""
        __tracebackhide__ = True
        requests = self.requests
        if not requests:
            raise AssertionError(f"no request came to {self.base_url}{self.admin.unseen}")
        return requests[-1]

    def fail(
        self,
        status: int,
        times: int = 1,
        *,
        retry_after: float | Literal["none"] | None = None,
        delay: float | None = None,
    ) -> Queued:
        """Answer the next calls with the error *status*; raises ValueError, with the known ones, if it is unknown.

        Args:
            status: one that the API has, 400 to 599.
            times: how many calls meet it.
            retry_after: what the answer says in `Retry-After`, in seconds; "none" has it say nothing.
            delay: how long the answer is kept back, in seconds.
        """
        if type(status) is not int or status < 400:
            raise ValueError(f"fail() takes an error status such as 429, not {status!r}; ok() is for a success")
        return self.fault(str(status), times, retry_after=retry_after, delay=delay)

    def fault(
        self,
        name: str,
        times: int = 1,
        *,
        retry_after: float | Literal["none"] | None = None,
        delay: float | None = None,
        jitter: float | None = None,
        pause: float | None = None,
    ) -> Queued:
        """Have the next calls meet the fault called *name*, one of `together-rerank-mock faults`.

        Raises ValueError, with the known names, for an unknown fault or an argument that the fault does not take.

        Args:
            name: a status is a name too.
            times: how many calls meet it.
            retry_after: what the answer says in `Retry-After`, in seconds; "none" has it say nothing.
            delay: how long the answer is kept back, in seconds.
            jitter: how much longer it can be kept back by chance, in seconds.
            pause: between the pieces of a `drip`, in seconds.
        """
        durations = _durations(retry_after=retry_after, delay=delay, jitter=jitter, pause=pause)
        self.admin.call("POST", "faults", {"fault": name, "times": times, **durations})
        return Queued(self)

    def delay(self, seconds: float, times: int = 1) -> Queued:
        """Keep back the answers to the next calls, as many as *times* says, by *seconds*."""
        return self.fault("delay", times, delay=seconds)

    def ok(self, times: int = 1) -> Queued:
        """Answer the next calls, as many as *times* says, as if no fault were asked for anywhere."""
        return self.fault("ok", times)

    def rank(self, indexes: Sequence[int]) -> None:
        """From now on, rank the documents at *indexes* first, in that order; raises ValueError if invalid."""
        self.admin.call("PUT", "ranking", {"rank": _indexes(indexes)})

    def rank_first(self, *, containing: str) -> None:
        """From now on, rank documents that contain *containing* first, ignoring case; raises ValueError if empty."""
        self.admin.call("PUT", "ranking", {"rank_first": containing})

    def scores(self, scores: Mapping[int, float]) -> None:
        """From now on, give documents *scores*, by index, and others 0; raises ValueError if one is not from 0 to 1."""
        self.admin.call("PUT", "ranking", {"scores": _scores(scores)})

    def explain(self, request: RecordedRequest | Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return why the mock ranks the documents of *request* as it does, best first, before any design.

        Each has `index`, `score`, `whole`, `parts`, `adjacent`, `in_order`, `text`. Raises ValueError if *request* is
        not a valid rerank request.
        """
        body = request.body if isinstance(request, RecordedRequest) else request
        if not isinstance(body, Mapping):
            raise ValueError(f"explain() takes the body of a rerank request, an object, not {str(body)[:200]}")
        try:
            rows: list[dict[str, Any]] = self.admin.call("POST", "explain", dict(body))
        except TypeError as fault:
            raise ValueError(f"explain() takes what JSON can hold: {fault}") from None
        return rows

    def reset(self) -> None:
        """Begin afresh: nothing is queued, designed, or recorded, and requests under way leave no trace."""
        self.admin.call("POST", "reset")
        self.expected_refusals = 0

    def expect_refusal(self, times: int = 1) -> None:
        """Say that so many requests of this test, 1 or more, are meant to be refused as invalid."""
        if type(times) is not int or times < 1:
            raise ValueError(f"expect_refusal() takes how many, a whole number from 1, not {times!r}")
        self.expected_refusals += times

    def assert_called(self, *, times: int | None = None, **expected: Unpack[Expected]) -> None:
        """Assert that requests came that are as said, retries included; None stands for what a request leaves out.

        Args:
            times: how many; None for any number but 0.
            **expected: by name: the fields of a request, `status`, `path`.

        Raises:
            AssertionError: another number did; it tells how the nearest ones differ.
            TypeError: nothing is called so.
        """
        __tracebackhide__ = True
        recorded.check_names(expected)
        if times is not None and (type(times) is not int or times < 0):
            raise TypeError(f"assert_called() takes how many times, a whole number from 0, not {times!r}")
        requests = self._requests(whole=True)
        found = len(recorded.matching(requests, expected))
        if found != times if times is not None else not found:
            wanted = "a request" if times is None else "1 request" if times == 1 else f"{times} requests"
            raise AssertionError(recorded.failure(requests, expected, wanted) + ("" if requests else self.admin.unseen))

    def verdict(self) -> list[Finding]:
        """Return what the code under test did wrong as a client, judged by all requests of this test."""
        return judge(self.requests)

    def assert_resilient(self) -> None:
        """Assert that the verdict has no findings; raises AssertionError if it has, or if there are no requests."""
        __tracebackhide__ = True
        requests = self._requests(whole=True)
        if not requests:
            raise AssertionError(f"no request came to {self.base_url}, so there is nothing to judge")
        if findings := judge(requests):
            raise AssertionError("\n".join(["the client is not resilient:", *(f"- {each}" for each in findings)]))

    def client(self) -> httpx.Client:
        """Return an `httpx.Client` with key and base URL, closed after the test; raises ImportError without httpx."""
        _require_httpx("client()")
        import httpx

        headers = {"Authorization": f"Bearer {self.api_key}"}
        client = httpx.Client(base_url=self.base_url, headers=headers, trust_env=False)
        self._clients.append(client)
        return client

    def transport(self) -> Transport:
        """Return a transport for httpx clients, sync and async, that reaches the mock without a socket.

        Raises ImportError if httpx is missing, RuntimeError if the mock runs in another process.
        """
        _require_httpx("transport()")
        from together_rerank_mockserver.testing.transport import Transport

        return Transport(self.app)

    @property
    def app(self) -> Flask:
        """The same mock as a Flask application, without a socket; raises RuntimeError if it runs in another process."""
        if self.admin.server is None:
            where = f"the mock at {self.base_url} runs in another process"
            raise RuntimeError(f"{where}; without --rerank-mock-url it has `app` and `transport()`")
        return self.admin.server.app

    def close(self) -> None:
        while self._clients:
            self._clients.pop().close()

    def _requests(self, *, whole: bool = False) -> list[RecordedRequest]:
        told = self.admin.call("GET", "requests")
        if whole and told["dropped"]:
            raise AssertionError(
                f"{told['dropped']} requests are no longer in the journal, which keeps the last ones; "
                'rerank_mock_settings can have it keep more: {"journal_max": 100_000}'
            )
        # The journal has them as they were answered; a time is text that sorts as such.
        came = sorted(told["requests"], key=lambda each: each["time"])
        return [recorded.from_json(told["dropped"] + number, each) for number, each in enumerate(came, 1)]


def _require_httpx(asker: str) -> None:
    try:
        import httpx  # noqa: F401
    except ImportError as missing:
        hint = 'pip install "together-rerank-kit[client]", or httpx alone'
        raise ImportError(f"rerank_mock.{asker} needs httpx: {hint}") from missing


def _durations(*, retry_after: Any, **others: Any) -> dict[str, int | None]:
    """Return the parameters of an order for durations in seconds; those that are None are left out."""
    given = {name: _milliseconds(name, seconds) for name, seconds in others.items() if seconds is not None}
    if retry_after is None:
        return {**given}
    if retry_after == "none":
        return {**given, "retry_after": None}
    milliseconds = _milliseconds("retry_after", retry_after)
    in_seconds = {"retry_after_ms": milliseconds} if milliseconds % 1000 else {"retry_after": milliseconds // 1000}
    return {**given, **in_seconds}


def _indexes(given: Any) -> list[int]:
    with suppress(TypeError):
        if not isinstance(given, bytes | Mapping):
            return [operator.index(index) for index in given]
    raise ValueError(f"rank() takes indexes of documents, such as [2, 0], not {given!r}")


def _scores(given: Any) -> dict[str, float]:
    with suppress(TypeError, ValueError, OverflowError, AttributeError):
        return {str(operator.index(index)): float(score) for index, score in given.items()}
    raise ValueError(f"scores() takes a score for each index, such as {{0: 0.9}}, not {given!r}")


def _milliseconds(name: str, seconds: Any) -> int:
    if isinstance(seconds, int | float) and not isinstance(seconds, bool):
        with suppress(OverflowError, ValueError):
            milliseconds = round(seconds * 1000)
            if 0 <= milliseconds <= MAX_MS[name]:
                return milliseconds
    most = MAX_MS[name] // 1000
    raise ValueError(f"`{name}` must be a number of seconds from 0 to {most}, not {str(seconds)[:100]!r}")
