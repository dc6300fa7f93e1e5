"""Commands of the servers that the benchmark measures; start and stop them, and read their CPU time and memory."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from together_rerank_spec import load

_HERE = Path(__file__).parent
# Set by `make bench`.
_PEERS = Path(os.environ.get("RERANK_KIT_PEERS", ""), "node_modules")
_DOCUMENT = str(_HERE.parent / "spec/together_rerank_spec/openapi.yaml")
_GRACE_S = 5
# Fields of /proc/PID/stat after the name; _CPU is user and system time of the process and of its ended children.
_STATE, _SESSION, _CPU = 0, 3, slice(11, 15)


class NoNumber(Exception):
    """There is no result: the server ended, broke a connection, or answered with a status other than 200."""


@dataclass(frozen=True)
class Server:
    """A server that answers rerank requests at *path*; `--port PORT` is appended to its command."""

    title: str
    version: str
    path: str
    command: list[str]


def own(folder: Path) -> dict[str, Server]:
    """Return the mock and a bare Flask view; write the view's answer, the document's example, to *folder*."""
    answer = folder / "answer.json"
    answer.write_text(json.dumps(load().example({"$ref": "#/components/schemas/RerankResponse"})))
    mock = [str(Path(sys.executable).with_name("together-rerank-mock")), "serve", "-q"]
    flask = [sys.executable, str(_HERE / "flask_view.py"), str(answer)]
    return {
        "mock": Server("this mock", version("together-rerank-kit"), "/v1/rerank", mock),
        "flask": Server("bare Flask view", version("flask"), "/v1/rerank", flask),
    }


def peers(folder: Path) -> dict[str, Server]:
    """Return the other mocks, with as little logging as their options allow; write a configuration to *folder*."""
    config = folder / "aimock.json"
    config.write_text(json.dumps({"services": {"rerank": True}}))
    prism = ("mock", "--host", "127.0.0.1", "--verboseLevel", "silent", _DOCUMENT)
    return {
        "prism": _peer("Prism", "@stoplight/prism-cli", "/rerank", "prism", *prism),
        "steady": _peer("Steady", "@stdy/cli", "/rerank", "steady", "--host", "127.0.0.1", "-q", _DOCUMENT),
        "aimock": _peer("aimock", "@copilotkit/aimock", "/v2/rerank", "aimock", "--config", str(config)),
    }


def _peer(title: str, package: str, path: str, program: str, *options: str) -> Server:
    installed = json.loads((_PEERS / package / "package.json").read_text())["version"]
    return Server(title, installed, path, [str(_PEERS / ".bin" / program), *options])


class Running(AbstractContextManager["Running"]):
    """A server process that runs until the `with` block ends."""

    def __init__(self, server: Server) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}{server.path}"
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        # Let Python cache compiled modules, as it does for users.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        command = [*server.command, "--port", str(port)]
        self.began = time.perf_counter()
        self._process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=self._errors, start_new_session=True
        )

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE_S)
        while processes := self.processes():
            for pid in processes:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        self._process.wait()
        self._errors.close()

    def check(self) -> None:
        """Raise NoNumber if the server has ended."""
        if (status := self._process.poll()) is not None:
            self._errors.seek(0)
            raise NoNumber(f"ended with status {status}: {self._errors.read().decode()[-2000:].strip()}")

    def processes(self) -> dict[int, list[str]]:
        """Find the server's processes by their session; return the fields of /proc/PID/stat, from the third on."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(FileNotFoundError, ProcessLookupError):
                # The program's name, in brackets, may contain spaces and brackets; it ends at the last bracket.
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if fields[_SESSION] == str(self._process.pid) and fields[_STATE] != "Z":
                    found[int(folder.name)] = fields
        return found

    def cpu_s(self) -> float:
        """Return the seconds of CPU, user and system, that the server has used."""
        ticks = sum(int(value) for fields in self.processes().values() for value in fields[_CPU])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self) -> dict[str, float]:
        """Return the resident MB: `rss_mb` counts shared pages once for each process, `pss_mb` only once."""
        self.check()
        rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.processes()]

        def total(field: str) -> float:
            return round(sum(int(rollup.partition(f"\n{field}:")[2].split()[0]) for rollup in rollups) / 1000, 1)

        return {"rss_mb": total("Rss"), "pss_mb": total("Pss")}

    def settle(self) -> None:
        """Wait at most 10 s until the server is idle, so that work left from one load does not count in the next."""
        for _ in range(100):
            before = self.cpu_s()
            time.sleep(0.1)
            if self.cpu_s() == before:
                return
