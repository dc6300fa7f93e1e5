"""The session: the mocks that one pytest process runs, what each test does with them, and what is said at the end."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from together_rerank_mockserver.testing import admin_client
from together_rerank_mockserver.testing.admin_client import AdminClient
from together_rerank_mockserver.testing.network_guard import REAL, NetworkGuard
from together_rerank_mockserver.testing.recorded import RecordedRequest
from together_rerank_mockserver.testing.rerank_mock import RerankMock

if TYPE_CHECKING:
    from together_rerank_mockserver.settings import Settings

MARKER = "rerank_mock"
_MARKED = ("fault", "times", "retry_after", "delay", "jitter", "pause")
# Of one test; what it takes together is bounded too.
_JOURNAL_MAX = 10_000
# Settings that the fixture sets itself.
_OWN = ("host", "one_namespace", "journal_body")
DEFAULT_ADDRESS = ("127.0.0.1", 0)
_UNASKED = ("refused", "misuse")
# Statuses of invalid requests; the verdict reports a missing key.
_STATUSES = (400, 404, 405, 413, 501)
_SHOWN = 20


def fail(message: str) -> NoReturn:
    """Fail the test with *message* and without a traceback."""
    pytest.fail(message, pytrace=False)


class Session:
    """The mocks of the pytest process *worker*: the mock at *url*, or those that this process starts."""

    def __init__(self, url: str | None, worker: str) -> None:
        self._url = url
        self._worker = worker
        self._clients: dict[Any, AdminClient] = {}
        self._running = ExitStack()
        self.network_guard = NetworkGuard()

    def client(self, settings: Mapping[str, Any], address: tuple[str, int]) -> AdminClient:
        if self._url is not None:
            if settings or address != DEFAULT_ADDRESS:
                fail(
                    "rerank_mock_settings and rerank_mock_address are of a mock that is started here; "
                    "with --rerank-mock-url it runs already, and has its own"
                )
            return self._known("url", lambda: self._by_url(str(self._url)))
        parsed = _settings(settings, address)
        return self._known((parsed, address), lambda: self._in_process(parsed, address))

    def close(self) -> None:
        self._running.close()

    def _known(self, key: Any, start: Callable[[], AdminClient]) -> AdminClient:
        if key not in self._clients:
            self._clients[key] = start()
        return self._clients[key]

    def _by_url(self, url: str) -> AdminClient:
        try:
            client = admin_client.by_url(url, f"test-{self._worker}-{secrets.token_hex(8)}")
        except admin_client.Unreachable as fault:
            fail(str(fault))
        self._running.callback(client.call, "POST", "reset")
        return client

    def _in_process(self, settings: Settings, address: tuple[str, int]) -> AdminClient:
        from together_rerank_mockserver.server.threaded_server import MockServer

        host, port = address
        try:
            server = MockServer(settings, port)
        except (OSError, OverflowError, UnicodeError) as fault:
            fail(f"rerank_mock cannot listen on {host}:{port}, where rerank_mock_address says: {fault}")
        except ValueError as fault:
            fail(f"rerank_mock_settings: {fault}")
        self._running.enter_context(server)
        return admin_client.in_process(server, settings.api_keys[0] if settings.api_keys else admin_client.API_KEY)


def _settings(given: Any, address: Any) -> Settings:
    """Return settings from *given* for a mock at *address*; fail the test if one is invalid."""
    match address:
        case (str(host), int()) if isinstance(address, tuple):
            pass
        case _:
            fail(f"rerank_mock_address must be a host and a port, as {DEFAULT_ADDRESS}, not {address!r}")
    if not isinstance(given, Mapping):
        fail(f"rerank_mock_settings must be a mapping, not {given!r}")
    if own := next((name for name in _OWN if name in given), None):
        fail(f"rerank_mock_settings does not take `{own}`, which the fixture sets")
    from together_rerank_mockserver.settings import Settings

    try:
        settings = Settings(**{"journal_max": _JOURNAL_MAX, **given, "host": host, "one_namespace": True})
    except (TypeError, ValueError) as bad:
        fail(f"rerank_mock_settings: {bad}")
    if not settings.journal_max:
        fail("rerank_mock_settings: `journal_max` must be a whole number from 1 on, not 0")
    return replace(settings, journal_body=settings.max_body)


def patch_environment(patch: pytest.MonkeyPatch, admin: AdminClient) -> None:
    patch.setenv("TOGETHER_API_KEY", admin.api_key)
    patch.setenv("TOGETHER_BASE_URL", admin.url)
    patch.setenv("TOGETHER_AI_API_BASE", admin.url)
    if any(os.environ.get(proxy) for proxy in _PROXIES):
        # A proxy cannot reach this machine's loopback, and the network_guard not see through a proxy.
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost", *REAL))))


_PROXIES = [name for each in ("http_proxy", "https_proxy", "all_proxy") for name in (each, each.upper())]


def apply_markers(mock: RerankMock, item: Any) -> None:
    """Queue what the markers of *item* ask for, those of its module and class first."""
    for mark in reversed(list(item.iter_markers(MARKER))):
        unknown = [*map(repr, mark.args), *(name for name in mark.kwargs if name not in _MARKED)]
        if unknown:
            fail(f"the marker {MARKER} does not know {unknown[0]}; known: {', '.join(_MARKED)}")
        asked = dict(mark.kwargs)
        if not asked:
            continue
        name = asked.pop("fault", "delay" if "delay" in asked else None)
        if name is None:
            fail(f"the marker {MARKER} names no fault, as in {MARKER}(fault=429)")
        try:
            mock.fault(str(name), **asked)
        except ValueError as bad:
            fail(f"the marker {MARKER}: {bad}")


def strict_failures(mock: RerankMock) -> list[str]:
    """Return why a passed test should fail: unused faults and rankings, and unexpected refusals."""
    found = []
    queue = [spec for spec in mock.admin.call("GET", "faults")["queue"] if spec["fault"] != "ok"]
    if queue:
        left = ", ".join(f"{spec['fault']} ({spec['times']} left)" for spec in queue)
        found.append(f"faults that nobody met: {left}")
        found += [f"  which could change nothing about {each}" for each in mock.requests if _is_spared(each, queue[0])]
    state = mock.admin.call("GET", "ranking")
    if state["ranking"] and not state["answers"]:
        found.append(f"a ranking that no answer followed, for want of a request or a document: {state['ranking']}")
    totals = (mock.admin.call("GET", "requests", reply=reply, limit="0")["total"] for reply in _UNASKED)
    if mock.expected_refusals or any(totals):
        unasked = (request for request in mock.requests if request.reply.partition(";")[0] in _UNASKED)
        refused = [request for request in unasked if request.status in _STATUSES]
        if len(refused) > mock.expected_refusals:
            found.append("requests refused as invalid, which rerank_mock.expect_refusal() did not ask for:")
            found += [f"  {request}" for request in refused[mock.expected_refusals :]]
        elif len(refused) < mock.expected_refusals:
            expected = f"requests expected to be refused as invalid: {mock.expected_refusals}"
            found.append(f"{expected}, refused: {len(refused)}")
    return found


def _is_spared(request: RecordedRequest, spec: dict[str, Any]) -> bool:
    return request.reply.endswith("not-applied") and f"fault={spec['fault']};" in request.reply


def recent(mock: RerankMock) -> str:
    return "\n".join(map(str, mock.requests[-_SHOWN:])) or f"no request came to {mock.base_url}"


@dataclass(slots=True)
class Summary:
    tests: int = 0
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    def add(self, test: str, mock: RerankMock) -> None:
        requests = mock.requests
        self.tests += 1
        self.requests += len(requests)
        self.faults.update(request.fault for request in requests if request.fault)
        self.findings += [f"{test}: {finding}" for finding in mock.verdict()]

    def merge(self, other: Mapping[str, Any]) -> None:
        self.tests += other["tests"]
        self.requests += other["requests"]
        self.faults.update(other["faults"])
        self.findings += other["findings"]

    @property
    def data(self) -> dict[str, Any]:
        return {"tests": self.tests, "requests": self.requests, "faults": dict(self.faults), "findings": self.findings}

    @property
    def lines(self) -> list[str]:
        met = ", ".join(f"{name} x{count}" for name, count in sorted(self.faults.items())) or "none"
        return [f"{self.requests} requests in {self.tests} tests; faults met: {met}", *self.findings]
