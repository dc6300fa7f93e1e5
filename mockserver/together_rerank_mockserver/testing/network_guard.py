"""The network_guard: a test that reaches for the real API fails, with the line that did it."""

import asyncio
import contextlib
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

REAL = ("api.together.xyz", "api.together.ai")
_LOOKED_UP = ("socket.getaddrinfo", "socket.gethostbyname")
_LIBRARIES = (
    *(Path(path) for name, path in sysconfig.get_paths().items() if name != "data"),
    Path(__file__).parent.parent,
)


class NetworkGuard:
    """While armed, fails every attempt to look up or connect to a host of the real API."""

    def __init__(self) -> None:
        self.tripped: list[str] = []  # a message for each such attempt
        self._armed = False
        self._laid = False

    @contextlib.contextmanager
    def armed(self) -> Iterator[None]:
        if not self._laid:
            # A hook cannot be taken away, so there is but one, that does nothing when it is not armed.
            sys.addaudithook(self._hear)
            self._laid = True
        self.tripped.clear()
        self._armed = True
        try:
            with _lookups_of_loops(self._check):
                yield
        finally:
            self._armed = False

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._armed:
            return
        if event in _LOOKED_UP:
            self._check(arguments[0])
        elif event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1]:
            self._check(arguments[1][0])

    def _check(self, host: Any) -> None:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if not isinstance(name, str):
            return
        name = name.lower().rstrip(".")
        if not any(name == real or name.endswith(f".{real}") for real in REAL):
            return
        where = _users_line()
        message = (
            f"{where or 'the code under test'} reached for {name} while rerank_mock stands in for it: "
            "a client with that host built in, or one made before the environment was set, does not ask the mock "
            "(rerank_mock_allow_live = true lets it through)"
        )
        self.tripped.append(message)
        # No Exception, so that no retry or fall-back of the code under test swallows it.
        pytest.fail(message, pytrace=where is None)


@contextlib.contextmanager
def _lookups_of_loops(check: Any) -> Iterator[None]:
    """Have asyncio's lookups checked where the coroutine asks, for the thread that looks up knows no user's code."""
    loop = asyncio.base_events.BaseEventLoop
    real = loop.getaddrinfo

    async def getaddrinfo(self: Any, host: Any, *args: Any, **kwargs: Any) -> Any:
        check(host)
        return await real(self, host, *args, **kwargs)

    patch = pytest.MonkeyPatch()
    patch.setattr(loop, "getaddrinfo", getaddrinfo)
    try:
        yield
    finally:
        patch.undo()


def _users_line() -> str | None:
    """Return the innermost line on the way here that is neither a library's nor ours, None when there is none."""
    frames: list[tuple[FrameType, int]] = list(traceback.walk_stack(None))
    with contextlib.suppress(RuntimeError):  # no loop runs here
        for task in asyncio.all_tasks():
            frames += [(frame, frame.f_lineno) for frame in reversed(task.get_stack())]
    for frame, line in frames:
        if _is_the_users(frame.f_code.co_filename):
            summary = traceback.FrameSummary(frame.f_code.co_filename, line, frame.f_code.co_name)
            return f"{summary.filename}:{line}: `{summary.line}`"
    return None


def _is_the_users(file: str) -> bool:
    path = Path(file)
    is_library = "site-packages" in path.parts or any(path.is_relative_to(each) for each in _LIBRARIES)
    return path.is_file() and not is_library
