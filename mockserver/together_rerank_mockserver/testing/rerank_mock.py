"""The mock as one test uses it: request faults, override rankings, and assert what it received."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from together_rerank_mockserver import clock, recorded
from together_rerank_mockserver.api.durations import duration
from together_rerank_mockserver.faults.grammar import MAX_MS
from together_rerank_mockserver.recorded import Expected, RecordedRequest
from together_rerank_mockserver.resilience import Finding, find_problems
from together_rerank_mockserver.testing.admin_client import AdminClient
from together_rerank_spec import dialects

if TYPE_CHECKING:
    import httpx
    from flask import Flask

    from together_rerank_mockserver.testing.transport import Transport


_DURATIONS = ("delay", "jitter", "pause")
# A longer duration than this is probably meant in milliseconds.
_LONG_S = 30
# How many calls get a fault.
Times = int | Literal["always"]


class Parameters(TypedDict, total=False):
    """The parameters of a fault; None is as if it is absent."""

    delay: float | str | None
    jitter: float | str | None
    pause: float | str | None
    retry_after: float | str | None
    retry_after_ms: int | None
    body: Literal["json", "html", "text", "none"] | None
    location: str | None


@dataclass(frozen=True, slots=True)
class Queued:
    """The result of requesting a fault; `then` is the mock, to request the next fault in the same expression."""

    then: RerankMock


class RerankMock:
    """A mock of `POST /v1/rerank`, as one test sees it.

    Attributes:
        base_url: the URL of the mock, which serves `/v1/rerank` and `/rerank`.
        api_key: the key for calls. A mock in the test process accepts other keys, too; a shared mock does not.
    """

    def __init__(self, admin: AdminClient) -> None:
        self.admin = admin
        self.base_url = admin.url
        self.api_key = admin.api_key
        self.expected_refusals = 0
        self.started = clock.now()  # when the test began, in seconds since 1970
        self._clients: list[httpx.Client] = []

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests of this test, earliest first."""
        return self._requests()

    @property
    def last_request(self) -> RecordedRequest:
        """The last request; raises AssertionError if there is none."""
        __tracebackhide__ = True
        requests = self.requests
        if not requests:
            raise AssertionError(f"the mock at {self.base_url} received no request{self.admin.unseen}")
        return requests[-1]

    def fail(self, status: int, times: Times = 1, **parameters: Unpack[Parameters]) -> Queued:
        """Answer the next calls with *status*, from 300 to 599; `fault` describes the arguments and errors."""
        if type(status) is not int or not 300 <= status < 600:
            raise ValueError(
                f"fail() takes a status from 300 to 599, such as 429, not {status!r}; ok() is for a success"
            )
        return self._queue(str(status), times, parameters)

    def fault(self, name: str, times: Times = 1, **parameters: Unpack[Parameters]) -> Queued:
        """Apply the fault *name* to the next calls; `together-rerank-mock faults` lists the names.

        Args:
            name: the name of a fault; a status is a name, too.
            times: how many calls get it; "always" for all until the next reset; each test begins with one.
            **parameters:
                delay: the delay of the answer, in seconds, or text such as "250ms".
                jitter: the maximum additional random delay, as `delay`.
                pause: the pause between the pieces of a `drip`, as `delay`.
                retry_after: of a status, the wait in `Retry-After`, in seconds; "date:2" for a date in 2 s, "wrong" for
                    a value that is neither, "none" to omit the header.
                retry_after_ms: of a status, the wait in `retry-after-ms`, in milliseconds.
                body: of a status, "json", "html", "text" or "none".
                location: of a status below 400, the URL or path in `Location`.

        Raises:
            TypeError: an argument is unknown.
            ValueError: the fault is unknown, or does not take an argument; the message lists what is accepted.
        """
        return self._queue(name, times, parameters)

    def delay(self, seconds: float | str, times: Times = 1) -> Queued:
        """Delay the answers to the next *times* calls by *seconds*, or by text such as "250ms"."""
        return self._queue("delay", times, {"delay": seconds})

    def _queue(self, name: str, times: Times, parameters: Mapping[str, Any]) -> Queued:
        queue_fault(self.admin, name, times, parameters)
        for message in unit_warnings(parameters):
            warnings.warn(message, stacklevel=3)  # at the line that calls the public method
        return Queued(self)

    def ok(self, times: Times = 1) -> Queued:
        """Answer the next *times* calls without a fault, whatever the settings request."""
        return self.fault("ok", times)

    def rank(self, first: Sequence[int] | Sequence[str], times: Times = "always") -> None:
        """Rank the documents in *first* before the others, in that order.

        Args:
            first: the indexes of the documents, or texts that they contain, ignoring case. By texts, a document has the
                same score in each request with this query, so that the code under test can send its documents in parts.
            times: apply it to that many calls, after those of earlier rankings with a number; "always" for all further
                calls that no such ranking applies to.

        Raises:
            ValueError: an argument is invalid; the message says what is accepted.
        """
        self._set_ranking({"rank": _ranked(first)}, times)

    def rank_first(self, *, containing: str, times: Times = "always") -> None:
        """Rank the documents that contain *containing* first; the same as `rank([containing], times)`."""
        self._set_ranking({"rank_first": containing}, times)

    def scores(self, scores: Mapping[int, float] | Mapping[str, float], times: Times = "always") -> None:
        """Give documents *scores*, by their index or by a text that they contain; `rank` describes *times* and errors.

        All other documents have the score 0, or one below the others if a score is negative.
        """
        self._set_ranking(_scores(scores), times)

    def _set_ranking(self, ranking: dict[str, Any], times: Times) -> None:
        if times == "always":
            self.admin.call("PUT", "ranking", ranking)
        else:
            self.admin.call("POST", "ranking", {**ranking, "times": times})

    def url_for(self, dialect: str) -> str:
        """Return the base URL of another rerank API, such as `cohere`; raises ValueError for an unknown one."""
        if dialect not in dialects():
            raise ValueError(f"there is no dialect {dialect!r}; known: {', '.join(dialects())}")
        return f"{self.base_url}/{dialect}"

    def explain(self, request: RecordedRequest | Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the evidence for the computed score of each document of *request*, best first.

        Each row has `index`, `score`, `points`, `whole`, `parts`, `adjacent`, `in_order`, `text`. Ranking overrides are
        ignored.
        Raises ValueError if *request* is not a valid rerank request.
        """
        body, path = request, {}
        if isinstance(request, RecordedRequest):
            body, path = request.body, {} if request.canonical is None else {"path": request.path}
        if not isinstance(body, Mapping):
            raise ValueError(f"explain() takes the body of a rerank request, an object, not {str(body)[:200]}")
        try:
            rows: list[dict[str, Any]] = self.admin.call("POST", "explain", dict(body), **path)
        except TypeError as error:
            raise ValueError(f"explain() takes a JSON value: {error}") from None
        return rows

    def reset(self) -> None:
        """Clear the queue, the ranking override and the journal; requests in progress are not recorded."""
        self.admin.call("POST", "reset")
        self.expected_refusals = 0

    def expect_refusal(self, times: int = 1) -> None:
        """Expect that the mock rejects *times* requests of this test as invalid."""
        if type(times) is not int or times < 1:
            raise ValueError(f"expect_refusal() takes how many, an integer from 1, not {times!r}")
        self.expected_refusals += times

    def assert_called(self, *, times: int | None = None, **expected: Unpack[Expected]) -> None:
        """Assert that the mock received matching requests, retries included.

        Args:
            times: how many requests match; None for one or more.
            **expected: fields of the request body, `status` and `path`; None matches a field that is missing.

        Raises:
            AssertionError: another number of requests match; the message shows how the most similar ones differ.
            TypeError: an argument is unknown.
        """
        __tracebackhide__ = True
        recorded.check_names(expected)
        if times is not None and (type(times) is not int or times < 0):
            raise TypeError(f"assert_called() takes how many times, an integer from 0, not {times!r}")
        requests = self._requests(whole=True)
        found = len(recorded.matching(requests, expected))
        if found != times if times is not None else not found:
            wanted = "a request" if times is None else "1 request" if times == 1 else f"{times} requests"
            raise AssertionError(recorded.failure(requests, expected, wanted) + ("" if requests else self.admin.unseen))

    def resilience(self) -> list[Finding]:
        """Return what the code under test does wrong as a client, by all requests of this test."""
        return find_problems(self.requests)

    def assert_resilient(self) -> None:
        """Assert that `resilience()` has no findings; raises AssertionError if it has, or without any request."""
        __tracebackhide__ = True
        requests = self._requests(whole=True)
        if not requests:
            raise AssertionError(f"the mock at {self.base_url} received no request to check")
        if findings := find_problems(requests):
            raise AssertionError("\n".join(["the client is not resilient:", *(f"- {each}" for each in findings)]))

    def client(self) -> httpx.Client:
        """Return an `httpx.Client` with key and base URL, closed after the test; raises ImportError without httpx."""
        _require_httpx("client()")
        import ssl

        import httpx

        headers = {"Authorization": f"Bearer {self.api_key}"}
        # Without the proxies of the environment, but with its SSL_CERT_FILE.
        verify = ssl.create_default_context() if self.base_url.startswith("https:") else True
        client = httpx.Client(base_url=self.base_url, headers=headers, trust_env=False, verify=verify)
        self._clients.append(client)
        return client

    def transport(self) -> Transport:
        """Return a transport for httpx clients, sync and async, that calls the mock without a socket.

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
        journal = self.admin.call("GET", "requests")
        if whole and journal["dropped"]:
            raise AssertionError(
                f"{journal['dropped']} requests are no longer in the journal, which keeps only the latest; "
                'rerank_mock_settings can raise its limit: {"journal_max": 100_000}'
            )
        return recorded.sort(journal["requests"], journal["dropped"])


def queue_fault(admin: AdminClient, name: str, times: Times, parameters: Mapping[str, Any]) -> None:
    """Queue the fault *name* with *parameters*, as `RerankMock.fault` does, but without a warning."""
    admin.call("POST", "faults", {"fault": name, "times": times, **_json(parameters)})


def unit_warnings(parameters: Mapping[str, Any]) -> list[str]:
    """Return a warning for each duration in *parameters* that is so long that milliseconds may be meant."""
    given = {name: parameters.get(name) for name in _DURATIONS}
    return [
        f"{name}={value!r} is in seconds; write {name}='{value}ms' if you mean milliseconds, or else {name}='{value}s'"
        for name, value in given.items()
        if isinstance(value, int | float) and value > _LONG_S
    ]


def _require_httpx(method: str) -> None:
    try:
        import httpx  # noqa: F401
    except ImportError:
        hint = 'pip install "together-rerank-kit[client]", or httpx alone'
        raise ImportError(f"rerank_mock.{method} needs httpx: {hint}") from None


def _json(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return *parameters* of a fault, with durations in seconds, as the admin API takes them, without None."""
    for name in parameters:
        if name not in Parameters.__annotations__:
            raise TypeError(f"a fault has no argument `{name}`; known: times, {', '.join(Parameters.__annotations__)}")
    given = {name: value for name, value in parameters.items() if value is not None}
    return given | {name: _milliseconds(name, given[name]) for name in _DURATIONS if name in given}


def _ranked(given: Any) -> list[int] | list[str]:
    if isinstance(given, list | tuple) and given and all(isinstance(each, str) for each in given):
        return list(given)
    with suppress(TypeError):
        if not isinstance(given, str | bytes | Mapping):
            return [operator.index(index) for index in given]
    raise ValueError(f"rank() takes indexes of documents, such as [2, 0], or texts, such as ['llama'], not {given!r}")


def _scores(given: Any) -> dict[str, Any]:
    with suppress(TypeError, ValueError, OverflowError, AttributeError):
        if given and all(isinstance(each, str) for each in given):
            return {"text_scores": {text: float(score) for text, score in given.items()}}
        return {"scores": {str(operator.index(index)): float(score) for index, score in given.items()}}
    raise ValueError(f"scores() takes a score for each index or text, such as {{0: 0.9}}, not {given!r}")


def _milliseconds(name: str, seconds: Any) -> int:
    given_ms = duration(seconds, "ms") if isinstance(seconds, str) else None
    if isinstance(seconds, int | float) and not isinstance(seconds, bool):
        given_ms = seconds * 1000
    if given_ms is not None:
        with suppress(OverflowError, ValueError):
            whole = round(given_ms)
            if 0 <= whole <= MAX_MS[name]:
                return whole
    accepted = f"a number of seconds from 0 to {MAX_MS[name] // 1000}, or text such as 250ms or 2s"
    raise ValueError(f"`{name}` must be {accepted}, not {repr(seconds)[:100]}")
