"""Processes that a server consists of: started, measured, and ended to the last."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_GRACE_S = 5
# Fields of /proc/PID/stat after the name; of CPU user and system, of itself and of children that ended.
_STATE, _SESSION, _CPU = 0, 3, slice(11, 15)


class Died(Exception):
    """A server ended by itself; the message has what it wrote."""


class Tree:
    """A process and all that it started."""

    def __init__(self, command: list[str], log: Path) -> None:
        """Start *command*; what it says goes to nobody, what it complains of to *log*."""
        self._log = log
        with log.open("wb") as errors:
            # A session of its own, by which all of it is found; and what a terminal sends is for the benchmark alone.
            self._root = subprocess.Popen(
                command, env=_environment(), stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
            )

    def check(self) -> None:
        """Raise unless the process runs.

        Raises:
            Died: it does not.
        """
        if (status := self._root.poll()) is not None:
            raise Died(f"{self._root.args} ended with {status}: {self._log.read_text(errors='replace')[-2000:]}")

    def pids(self) -> list[int]:
        """Return those that run now: all of the session, also those whose parent has gone."""
        own = str(self._root.pid)
        return [pid for pid in _everybody() if (stat := _stat(pid)) and stat[_SESSION] == own and stat[_STATE] != "Z"]

    def cpu(self) -> float:
        """Return the seconds of CPU, user and system, that the tree has used, with those of it that have ended."""
        return sum(int(value) for pid in self.pids() for value in _stat(pid)[_CPU]) / _TICKS

    def rss(self) -> float:
        """Return the resident MB; what is shared counts in each process."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids())
        return pages * _PAGE / 1e6

    def pss(self) -> float:
        """Return the resident MB, of what is shared each process its part."""
        return sum(kilobytes(f"/proc/{pid}/smaps_rollup", "Pss") for pid in self.pids()) / 1e3

    def settle(self, most_s: float = 10) -> None:
        """Wait until the tree does nothing, so that what was left of one load is not counted with the next."""
        deadline, before = time.monotonic() + most_s, -1.0
        while (now := self.cpu()) != before and time.monotonic() < deadline:
            before = now
            time.sleep(0.1)

    def stop(self) -> None:
        """End it politely, then by force; nothing of it is left."""
        self._root.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._root.wait(_GRACE_S)
        while members := self.pids():
            for pid in members:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        self._root.wait()


@contextmanager
def started(command: list[str]) -> Iterator[Tree]:
    """Run *command* until the block ends, however it ends."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(command, Path(folder) / "log")
        try:
            yield tree
        finally:
            tree.stop()


def _environment() -> dict[str, str]:
    """Return the environment that users have, in whose installation Python's modules are compiled."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def free_port() -> int:
    """Return a port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def kilobytes(file: str, name: str) -> int:
    """Return the value that a file of /proc has as `Name:  123 kB`."""
    (line,) = [each for each in Path(file).read_text().splitlines() if each.startswith(f"{name}:")]
    return int(line.split()[1])


def _everybody() -> list[int]:
    return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc from the third on, or none of a process that has ended."""
    try:
        # The name of the program, which can hold anything, ends at the last bracket.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
