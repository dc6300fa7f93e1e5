"""The session: the mocks that one pytest process runs, what each test does with them, and what is said at the end."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from together_rerank_mockserver.testing import doors
from together_rerank_mockserver.testing.doors import ByUrl, Door, InProcess
from together_rerank_mockserver.testing.rerank_mock import RerankMock
from together_rerank_mockserver.testing.tripwire import REAL, Tripwire

MARKER = "rerank_mock"
_MARKED = ("fault", "times", "retry_after", "delay", "jitter", "pause")
# Of one test; what it takes together is bounded too.
_JOURNAL_MAX = 10_000
_FILES = ("spec", "overlay")


class Session:
    """The mocks of one pytest process.

    Args:
        url: of a running mock to be used; None starts one.
        worker: what to call this process.
    """

    def __init__(self, url: str | None, worker: str) -> None:
        self._url = url
        self._worker = worker
        self._doors: dict[Any, Door] = {}
        self._running = ExitStack()
        self.tripwire = Tripwire()

    def door(self, settings: Mapping[str, Any], address: tuple[str, int]) -> Door:
        """Return the door to the mock with *settings* at *address*, started if it is not running yet."""
        if self._url is not None:
            if settings or address != DEFAULT_ADDRESS:
                pytest.fail(
                    "rerank_mock_settings and rerank_mock_address are of a mock that is started here; "
                    "with --rerank-mock-url it runs already, and has its own",
                    pytrace=False,
                )
            return self._known("url", lambda: self._by_url(str(self._url)))
        parsed = _settings(settings)
        _check_address(address)
        return self._known((parsed, address), lambda: self._in_process(parsed, address))

    def close(self) -> None:
        """Stop what was started, and leave nothing behind in what was not."""
        self._running.close()

    def _known(self, key: Any, start: Any) -> Door:
        if key not in self._doors:
            self._doors[key] = start()
        return self._doors[key]

    def _by_url(self, url: str) -> Door:
        try:
            door = ByUrl(url, f"test-{self._worker}-{secrets.token_hex(8)}")
        except doors.Unreachable as fault:
            pytest.fail(str(fault), pytrace=False)
        self._running.callback(door.reset)
        return door

    def _in_process(self, settings: Any, address: tuple[str, int]) -> Door:
        from together_rerank_mockserver.threaded_server import ThreadedServer

        host, port = address
        try:
            server = ThreadedServer(replace(settings, host=host), port)
        except (OSError, OverflowError, UnicodeError) as fault:
            pytest.fail(
                f"rerank_mock cannot listen on {host}:{port}, where rerank_mock_address says: {fault}", pytrace=False
            )
        except ValueError as fault:
            pytest.fail(f"rerank_mock_settings: {fault}", pytrace=False)
        self._running.enter_context(server)
        return InProcess(server, settings.api_keys[0] if settings.api_keys else doors.API_KEY)


DEFAULT_ADDRESS = ("127.0.0.1", 0)


def _settings(given: Any) -> Any:
    """Return the settings that *given* names; a wrong one fails the test with what is known or wanted."""
    from together_rerank_mockserver.settings import Settings

    own = ("host", "one_namespace", "journal_body")
    defaults = {each.name: each.default for each in fields(Settings) if each.name not in own}
    if not isinstance(given, Mapping):
        pytest.fail(f"rerank_mock_settings must be a mapping, not {given!r}", pytrace=False)
    values: dict[str, Any] = {"journal_max": _JOURNAL_MAX}
    for name, value in given.items():
        if name not in defaults:
            pytest.fail(f"rerank_mock_settings has {name!r}; known: {', '.join(defaults)}", pytrace=False)
        kind: Any = type(defaults[name]) if defaults[name] is not None else Path if name in _FILES else str
        taken, wanted = _KINDS[kind]
        if not taken(name, value):
            pytest.fail(f"rerank_mock_settings: `{name}` must be {wanted}, not {value!r}", pytrace=False)
        values[name] = kind(value)
    settings = Settings(**values)
    return replace(settings, one_namespace=True, journal_body=settings.max_body)


def _check_address(address: Any) -> None:
    match address:
        case (str(), int()) if isinstance(address, tuple):
            return
    pytest.fail(f"rerank_mock_address must be a host and a port, as {DEFAULT_ADDRESS}, not {address!r}", pytrace=False)


def _is_number(name: str, value: Any) -> bool:
    least = 1 if name in ("max_body", "journal_max") else None if name == "seed" else 0
    return type(value) is int and (least is None or value >= least)


def _is_text(_: str, value: Any) -> bool:
    return isinstance(value, str) and bool(value) and value.isprintable()


def _is_list(name: str, value: Any) -> bool:
    ascii_only = name == "api_keys"
    return isinstance(value, list | tuple) and all(
        _is_text(name, each) and (each.isascii() or not ascii_only) for each in value
    )


def _is_path(_: str, value: Any) -> bool:
    return isinstance(value, str | Path)


_KINDS: dict[Any, tuple[Callable[[str, Any], bool], str]] = {
    int: (_is_number, "a whole number, and large enough"),
    str: (_is_text, "a printable text"),
    tuple: (_is_list, "a list of printable texts"),
    Path: (_is_path, "a path"),
}


def patch_environment(patch: pytest.MonkeyPatch, door: Door) -> None:
    """Have clients of the API find the mock behind *door*."""
    patch.setenv("TOGETHER_API_KEY", door.api_key)
    patch.setenv("TOGETHER_BASE_URL", door.url)
    patch.setenv("TOGETHER_AI_API_BASE", door.url)
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
