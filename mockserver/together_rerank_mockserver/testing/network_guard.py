"""The network guard: fail a test that connects to the real API, and name the line that does."""

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

from together_rerank_spec import real_hosts

_LOOKED_UP = ("socket.getaddrinfo", "socket.gethostbyname")
_LIBRARIES = (
    *(Path(path) for name, path in sysconfig.get_paths().items() if name != "data"),
    Path(__file__).parent.parent,
)


class NetworkGuard:
    """While active, fails every attempt to look up or connect to a host of a real API."""

    def __init__(self) -> None:
        self.attempts: list[str] = []  # a message for each attempt
        self._active = False
        self._installed = False

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        if not self._installed:
            # An audit hook cannot be removed, so there is only one, which does nothing while the guard is inactive.
            sys.addaudithook(self._audit)
            self._installed = True
        self.attempts.clear()
        self._active = True
        try:
            with _lookups_of_loops(self._check):
                yield
        finally:
            self._active = False

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._active:
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
        # The documents are read only if a name is not one of this machine.
        if name in ("", "localhost") or name[0].isdigit() or ":" in name:
            return
        if not any(name == real or name.endswith(f".{real}") for real in real_hosts()):
            return
        where = _users_line()
        message = (
            f"{where or 'the code under test'} tried to connect to {name}, which rerank_mock replaces: the client has "
            "that host built in, or was imported or created before the environment was set "
            "(rerank_mock_allow_live = true allows it)"
        )
        self.attempts.append(message)
        # Not an Exception, so that the code under test does not catch it.
        pytest.fail(message, pytrace=where is None)


@contextlib.contextmanager
def _lookups_of_loops(check: Any) -> Iterator[None]:
    """Check asyncio's lookups in the coroutine, because the thread that looks up has no frames of the user's code."""
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
    """Return the innermost line on the stack that belongs neither to a library nor to the kit; None without one."""
    frames: list[tuple[FrameType, int]] = list(traceback.walk_stack(None))
    with contextlib.suppress(RuntimeError):  # no event loop
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
    return not is_library and not file.startswith("<")  # such as <string>
