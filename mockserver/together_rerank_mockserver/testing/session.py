"""The session: the mocks that one pytest process runs, what each test does with them, and what is said at the end."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from together_rerank_mockserver.testing import admin_client
from together_rerank_mockserver.testing.admin_client import AdminClient
from together_rerank_mockserver.testing.rerank_mock import RerankMock
from together_rerank_mockserver.testing.tripwire import REAL, Tripwire

if TYPE_CHECKING:
    from together_rerank_mockserver.settings import Settings

MARKER = "rerank_mock"
_MARKED = ("fault", "times", "retry_after", "delay", "jitter", "pause")
# Of one test; what it takes together is bounded too.
_JOURNAL_MAX = 10_000
# What the fixture itself sets.
_OWN = ("host", "one_namespace", "journal_body")
DEFAULT_ADDRESS = ("127.0.0.1", 0)


class Session:
    """The mocks of one pytest process.

    Args:
        url: of a running mock to be used; None starts one.
        worker: what to call this process.
    """

    def __init__(self, url: str | None, worker: str) -> None:
        self._url = url
        self._worker = worker
        self._clients: dict[Any, AdminClient] = {}
        self._running = ExitStack()
        self.tripwire = Tripwire()

    def client(self, settings: Mapping[str, Any], address: tuple[str, int]) -> AdminClient:
        """Return the client of the mock with *settings* at *address*, started if it is not running yet."""
        if self._url is not None:
            if settings or address != DEFAULT_ADDRESS:
                pytest.fail(
                    "rerank_mock_settings and rerank_mock_address are of a mock that is started here; "
                    "with --rerank-mock-url it runs already, and has its own",
                    pytrace=False,
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
            pytest.fail(str(fault), pytrace=False)
        self._running.callback(client.call, "POST", "reset")
        return client

    def _in_process(self, settings: Settings, address: tuple[str, int]) -> AdminClient:
        from together_rerank_mockserver.threaded_server import ThreadedServer

        host, port = address
        try:
            server = ThreadedServer(settings, port)
        except (OSError, OverflowError, UnicodeError) as fault:
            pytest.fail(
                f"rerank_mock cannot listen on {host}:{port}, where rerank_mock_address says: {fault}", pytrace=False
            )
        except ValueError as fault:
            pytest.fail(f"rerank_mock_settings: {fault}", pytrace=False)
        self._running.enter_context(server)
        return admin_client.in_process(server, settings.api_keys[0] if settings.api_keys else admin_client.API_KEY)


def _settings(given: Any, address: Any) -> Settings:
    """Return the settings that *given* names, for a mock at *address*; a wrong one fails the test."""
    match address:
        case (str(host), int()) if isinstance(address, tuple):
            pass
        case _:
            pytest.fail(
                f"rerank_mock_address must be a host and a port, as {DEFAULT_ADDRESS}, not {address!r}", pytrace=False
            )
    if not isinstance(given, Mapping):
        pytest.fail(f"rerank_mock_settings must be a mapping, not {given!r}", pytrace=False)
    if own := next((name for name in _OWN if name in given), None):
        pytest.fail(f"rerank_mock_settings does not take `{own}`, which the fixture sets", pytrace=False)
    from together_rerank_mockserver.settings import Settings

    try:
        settings = Settings(**{"journal_max": _JOURNAL_MAX, **given, "host": host, "one_namespace": True})
    except (TypeError, ValueError) as bad:
        pytest.fail(f"rerank_mock_settings: {bad}", pytrace=False)
    if not settings.journal_max:
        pytest.fail("rerank_mock_settings: `journal_max` must be a whole number from 1 on, not 0", pytrace=False)
    return replace(settings, journal_body=settings.max_body)


def patch_environment(patch: pytest.MonkeyPatch, admin: AdminClient) -> None:
    patch.setenv("TOGETHER_API_KEY", admin.api_key)
    patch.setenv("TOGETHER_BASE_URL", admin.url)
    patch.setenv("TOGETHER_AI_API_BASE", admin.url)
    if any(os.environ.get(proxy) for proxy in _PROXIES):
        # A proxy cannot reach this machine's loopback, and the tripwire not see through a proxy.
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost", *REAL))))


_PROXIES = [name for each in ("http_proxy", "https_proxy", "all_proxy") for name in (each, each.upper())]


def apply_markers(mock: RerankMock, item: Any) -> None:
    """Queue what the markers of *item* ask for, those of its module and class first."""
    for mark in reversed(list(item.iter_markers(MARKER))):
        unknown = [*map(repr, mark.args), *(name for name in mark.kwargs if name not in _MARKED)]
        if unknown:
            pytest.fail(f"the marker {MARKER} does not know {unknown[0]}; known: {', '.join(_MARKED)}", pytrace=False)
        asked = dict(mark.kwargs)
        if not asked:
            continue
        name = asked.pop("fault", "delay" if "delay" in asked else None)
        if name is None:
            pytest.fail(f"the marker {MARKER} names no fault, as in {MARKER}(fault=429)", pytrace=False)
        try:
            mock.fault(str(name), **asked)
        except ValueError as bad:
            pytest.fail(f"the marker {MARKER}: {bad}", pytrace=False)
