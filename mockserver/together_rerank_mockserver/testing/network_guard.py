"""The network guard: fail a test that connects to the real API, and name the line that does."""

import asyncio
import atexit
import contextlib
import os
import shutil
import sys
import sysconfig
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

from together_rerank_mockserver.testing import lookups
from together_rerank_mockserver.testing.failure import fail
from together_rerank_spec import real_hosts

# Its `sitecustomize` is the guard of Python processes that a test starts.
_CHILD = Path(__file__).parent / "child"
_LIBRARIES = (
    *(Path(path) for name, path in sysconfig.get_paths().items() if name != "data"),
    Path(__file__).parent.parent,
)


class NetworkGuard:
    """While active, fails every attempt to look up or connect to a host of a real API."""

    def __init__(self) -> None:
        self._attempts: list[str] = []
        self._active = False
        self._installed = False
        # Made now, because a test can have a fake file system.
        self._folder = Path(tempfile.mkdtemp(prefix="rerank-mock-"))
        atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        self._test = 0
        self._process = os.getpid()

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        if not self._installed:
            # An audit hook cannot be removed, so there is only one, which does nothing while the guard is inactive.
            sys.addaudithook(self._audit)
            self._installed = True
        self._attempts.clear()
        self._test += 1
        self._active = True
        try:
            with _lookups_of_loops(self._check):
                yield
        finally:
            self._active = False

    @property
    def attempts(self) -> list[str]:
        """A message for each attempt of the test and its child processes."""
        by_children = self._report.read_text("utf-8").splitlines() if self._report.exists() else []
        return self._attempts + by_children

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which Python processes that this test starts have a guard, too."""
        path = os.pathsep.join(filter(None, (str(_CHILD), os.environ.get("PYTHONPATH"))))
        return {
            "PYTHONPATH": path,
            "RERANK_MOCK_GUARDED": ",".join(real_hosts()),
            "RERANK_MOCK_ATTEMPTS": str(self._report),
        }

    @property
    def _report(self) -> Path:
        """The file to which those processes write; one for each test, because a process can outlive its test."""
        return self._folder / str(self._test)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._active and (host := lookups.host_in(event, arguments)) is not None:
            self._check(host)

    def _check(self, host: Any) -> None:
        name = lookups.name_of(host)
        if not lookups.is_one_of(real_hosts(), name):
            return
        where = _users_line()
        message = (
            f"{where or 'the code under test'} tried to connect to {name}, which rerank_mock replaces: the client has "
            "that host built in, or was imported or created before the environment was set. Under pytest, "
            "rerank_mock_early = true sets it before imports, and rerank_mock_allow_live = true allows real calls"
        )
        self._attempts.append(message)
        if os.getpid() != self._process:  # forked by the test
            with self._report.open("a", encoding="utf-8") as file:
                file.write(message.replace("\n", " ") + "\n")
        fail(message, pytrace=where is None)


@contextlib.contextmanager
def _lookups_of_loops(check: Any) -> Iterator[None]:
    """Check asyncio's lookups in the coroutine, because the thread that looks up has no frames of the user's code."""
    loop = asyncio.base_events.BaseEventLoop
    real = loop.getaddrinfo

    async def getaddrinfo(self: Any, host: Any, *args: Any, **kwargs: Any) -> Any:
        check(host)
        return await real(self, host, *args, **kwargs)

    with mock.patch.object(loop, "getaddrinfo", getaddrinfo):
        yield


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
