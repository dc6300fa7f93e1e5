"""The mocks of one test process: start them, apply markers, check each test, and summarise the session."""

from __future__ import annotations

import os
import secrets
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from together_rerank_mockserver.recorded import RecordedRequest
from together_rerank_mockserver.testing import admin_client
from together_rerank_mockserver.testing.admin_client import AdminClient
from together_rerank_mockserver.testing.environment import environment
from together_rerank_mockserver.testing.failure import fail
from together_rerank_mockserver.testing.network_guard import NetworkGuard
from together_rerank_mockserver.testing.rerank_mock import Parameters, RerankMock, queue_fault, unit_warnings

if TYPE_CHECKING:
    from together_rerank_mockserver.server.threaded_server import MockServer
    from together_rerank_mockserver.settings import Settings
    from together_rerank_mockserver.testing.socketless import SocketlessServer

MARKER = "rerank_mock"
_MARKED = ("fault", "times", *Parameters.__annotations__)
# For each test; the memory of all journals together is limited, too.
_JOURNAL_MAX = 10_000
# Settings whose values the fixture depends on.
_OWN = ("host", "one_namespace", "journal_body", "no_admin")
DEFAULT_ADDRESS = ("127.0.0.1", 0)
_REJECTED = ("refused", "misuse", "limit")
# The statuses of invalid requests; `resilience` reports a missing key.
_STATUSES = (400, 404, 405, 413, 422, 501)
_SHOWN = 20


class Session:
    """The mocks of the pytest process *worker*: the mock at *url*, or those that this process starts."""

    def __init__(self, url: str | None, worker: str) -> None:
        self._url = url
        self._worker = worker
        self._clients: dict[Any, AdminClient] = {}
        self._running = ExitStack()
        self._early: MockServer | None = None
        self.network_guard = NetworkGuard()

    def client(self, settings: Mapping[str, Any], address: tuple[str, int]) -> AdminClient:
        """Return a client for the mock with *settings* at *address*; fail the test if there can be none."""
        try:
            return self._client(settings, address)
        except (TypeError, ValueError) as error:
            fail(f"rerank_mock_settings: {error}")

    def _client(self, settings: Mapping[str, Any], address: tuple[str, int]) -> AdminClient:
        if self._url is not None:
            if settings or address != DEFAULT_ADDRESS:
                fail(
                    "rerank_mock_settings and rerank_mock_address apply to a mock that the tests start; "
                    "with --rerank-mock-url the mock already runs, with settings of its own"
                )
            return self._known("url", lambda: self._by_url(str(self._url)))
        parsed = _settings(settings, address)
        if self._early is not None:
            return self._reconfigured(self._early, parsed, address)
        if (parsed, address) not in self._clients and _are_sockets_disabled():
            return self._known(parsed, lambda: _without_a_socket(parsed))
        return self._known((parsed, address), lambda: self._in_process(parsed, address))

    def start_early(self) -> None:
        """Start the mock before there are fixtures, and set the environment until `close`."""
        from together_rerank_mockserver.server.threaded_server import MockServer

        admin = self.client({}, DEFAULT_ADDRESS)
        self._early = admin.server if isinstance(admin.server, MockServer) else None
        self._running.enter_context(patch.dict(os.environ, self.variables(admin, is_guarded=False)))

    def close(self) -> None:
        self._running.close()

    def variables(self, admin: AdminClient, *, is_guarded: bool = True) -> dict[str, str]:
        """Return the variables with which clients use the mock, and child processes have the network guard."""
        own = environment(admin.url, admin.api_key)
        return own | self.network_guard.environment if is_guarded else own

    def check(self, mock: RerankMock, *, is_strict: bool = True) -> None:
        """Fail a test that passed, if it reached for a real API or, if *is_strict*, left something unused."""
        found = [*self.network_guard.attempts, *(strict_failures(mock) if is_strict else ())]
        if found:
            fail("\n".join(["rerank_mock:", *found, "latest requests:", recent(mock)]))

    def _reconfigured(self, server: MockServer, settings: Settings, address: tuple[str, int]) -> AdminClient:
        """Return a client for *server*, which keeps the address that clients know since their import."""
        if address != DEFAULT_ADDRESS:
            fail("rerank_mock_address has no effect with rerank_mock_early, which starts the mock before the fixtures")
        server.use(settings)
        return _client_of(server, settings)

    def _known(self, key: Any, start: Callable[[], AdminClient]) -> AdminClient:
        if key not in self._clients:
            self._clients[key] = start()
        return self._clients[key]

    def _by_url(self, url: str) -> AdminClient:
        try:
            client = admin_client.by_url(url, f"test-{self._worker}-{secrets.token_hex(8)}")
        except admin_client.Unreachable as error:
            fail(str(error))
        self._running.callback(client.call, "POST", "reset")
        return client

    def _in_process(self, settings: Settings, address: tuple[str, int]) -> AdminClient:
        from together_rerank_mockserver.server.threaded_server import MockServer

        host, port = address
        try:
            server = MockServer(settings, port)
        except (OSError, OverflowError, UnicodeError) as error:
            if isinstance(error, OSError) and error.filename:
                fail(f"rerank_mock cannot read {error.filename}: {error.strerror}")
            fail(f"rerank_mock cannot listen on {host}:{port}, the rerank_mock_address: {error}")
        self._running.enter_context(server)
        return _client_of(server, settings)


def _are_sockets_disabled() -> bool:
    # By its class: if one is opened, pytest-socket also warns.
    return socket.socket.__module__ == "pytest_socket"


def _without_a_socket(settings: Settings) -> AdminClient:
    from together_rerank_mockserver.testing import socketless

    return _client_of(socketless.SocketlessServer(settings), settings, socketless.UNSEEN)


def _client_of(server: MockServer | SocketlessServer, settings: Settings, unseen: str = "") -> AdminClient:
    api_key = settings.api_keys[0] if settings.api_keys else admin_client.API_KEY
    return admin_client.in_process(server, api_key, unseen)


def _settings(given: Any, address: Any) -> Settings:
    """Return settings from *given* for a mock at *address*; fail the test if one is invalid."""
    match address:
        case (str(host), int()) if isinstance(address, tuple):
            pass
        case _:
            fail(f"rerank_mock_address must be a host and a port, such as {DEFAULT_ADDRESS}, not {address!r}")
    if not isinstance(given, Mapping):
        fail(f"rerank_mock_settings must be a mapping, not {given!r}")
    if own := next((name for name in _OWN if name in given), None):
        fail(f"rerank_mock_settings cannot set `{own}`, because the fixture depends on its own value")
    from together_rerank_mockserver.settings import Settings

    settings = Settings(**{"journal_max": _JOURNAL_MAX, **given, "host": host, "one_namespace": True})
    if not settings.journal_max:
        fail("rerank_mock_settings: `journal_max` must be an integer of at least 1, not 0")
    return replace(settings, journal_body=settings.max_body)


def apply_markers(mock: RerankMock, item: Any) -> None:
    """Request the faults of the markers of *item*; markers of its module and class come first."""
    for mark in reversed(list(item.iter_markers(MARKER))):
        if mark.args:
            fail(f"the marker {MARKER} takes keyword arguments only, such as fault={mark.args[0]!r}")
        unknown = [name for name in mark.kwargs if name not in _MARKED]
        if unknown:
            fail(f"the marker {MARKER} has no argument {unknown[0]}; known: {', '.join(_MARKED)}")
        arguments = dict(mark.kwargs)
        if not arguments:
            continue
        name = arguments.pop("fault", "delay" if "delay" in arguments else None)
        if name is None:
            fail(f"the marker {MARKER} names no fault, as in {MARKER}(fault=429)")
        try:
            queue_fault(mock.admin, str(name), arguments.pop("times", 1), arguments)
        except ValueError as error:
            fail(f"the marker {MARKER}: {error}")
        for message in unit_warnings(arguments):
            item.warn(UserWarning(message))


def strict_failures(mock: RerankMock) -> list[str]:
    """Return why a passed test should fail: unused faults and rankings, and unexpected refusals."""
    found = []
    queue = mock.admin.call("GET", "faults")["queue"]
    # A test need not use an `ok`, nor an outage, which lasts for as many calls as there are.
    queue = [spec for spec in queue if spec["fault"] != "ok" and spec["times"] != "always"]
    if queue:
        left = ", ".join(f"{spec['fault']} ({spec['times']} left)" for spec in queue)
        found.append(f"unused faults: {left}")
        found += [f"  the fault could not change {each}" for each in mock.requests if _was_not_applied(each, queue[0])]
    state = mock.admin.call("GET", "ranking")
    if state["ranking"] and not state["answers"]:
        why = "it applied to no answer" if mock.requests else "the mock received no request"
        found.append(f"unused ranking, because {why}: {state['ranking']}")
    elif not state["answers"] and any(request.reply.startswith("designed") for request in mock.requests):
        found.append("unused ranking, because no request had a document that it names")
    if state["queue"]:
        found.append(f"unused rankings: {', '.join(map(str, state['queue']))}")
    totals = (mock.admin.call("GET", "requests", reply=reply, limit="0")["total"] for reply in _REJECTED)
    if mock.expected_refusals or any(totals):
        rejected = (request for request in mock.requests if request.reply.partition(";")[0] in _REJECTED)
        refused = [request for request in rejected if request.status in _STATUSES]
        if len(refused) > mock.expected_refusals:
            found.append("unexpected invalid requests (rerank_mock.expect_refusal() expects one):")
            found += [f"  {request}" for request in refused[mock.expected_refusals :]]
        elif len(refused) < mock.expected_refusals:
            wanted = f"{mock.expected_refusals} invalid request{'' if mock.expected_refusals == 1 else 's'}"
            found.append(f"rerank_mock.expect_refusal() expects {wanted}, got {len(refused)}")
    return found


def _was_not_applied(request: RecordedRequest, spec: dict[str, Any]) -> bool:
    return f"; fault={spec['fault']};" in request.reply and "; not-applied" in request.reply


def recent(mock: RerankMock) -> str:
    """Return a line for each of the latest requests, with its time since the test began, and the next step."""
    try:
        latest = mock.requests[-_SHOWN:]
    except admin_client.Unreachable as error:
        return str(error)
    if not latest:
        return f"the mock at {mock.base_url} received no request{mock.admin.unseen}"
    earlier = latest[0].number - 1
    lines = [f"{earlier} earlier request{' is' if earlier == 1 else 's are'} not shown"] if earlier else []
    lines += [f"+{request.began - mock.started:.2f} s {request}" for request in latest]
    return "\n".join([*lines, "rerank_mock.explain(rerank_mock.last_request) returns why documents have their scores"])


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
        self.findings += [f"{test}: {finding}" for finding in mock.resilience()]

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
        applied = ", ".join(f"{name} x{count}" for name, count in sorted(self.faults.items())) or "none"
        return [f"{self.requests} requests in {self.tests} tests; faults applied: {applied}", *self.findings]
