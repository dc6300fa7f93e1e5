"""The servers that are measured: the mock, what its own server costs bare, and mocks that somebody else wrote."""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from load import Call, ask
from process import Tree, free_port, started

MODULES = Path(sys.prefix) / "peers/node_modules"
DOCUMENT = Path(__file__).parent.parent / "spec/together_rerank_spec/openapi.yaml"
_HERE = Path(__file__).parent
# Short beside the start of the fastest, and not so short that the asking slows it.
_POLL_S = 0.003


class NotStarted(Exception):
    """A server gave no 200 in time."""


@dataclass(frozen=True)
class Server:
    """One that is measured.

    Attributes:
        name: what it is called in results and on the command line.
        title: what it is called in a table.
        kind: `kit`, `floor` or `peer`; a floor reads no body, and a large one that is not read breaks the connection.
        path: where it answers a rerank.
        command: what starts it on a port.
    """

    name: str
    title: str
    kind: str
    version: str
    path: str
    command: Callable[[str], list[str]]


@dataclass(frozen=True)
class Running:
    """A server that answers: its processes, its address, and the milliseconds from start to the first 200."""

    tree: Tree
    origin: str
    path: str
    start_ms: float

    @property
    def url(self) -> str:
        """Where it answers a rerank."""
        return self.origin + self.path


def mock() -> Server:
    """Return the mock, as a user starts it; it keeps its journal."""
    command = str(Path(sys.executable).with_name("together-rerank-mock"))
    kit = version("together-rerank-kit")
    return Server("mock", "this mock", "kit", kit, "/v1/rerank", lambda port: [command, "serve", "-q", "-p", port])


def floors(answer: Path) -> list[Server]:
    """Return servers that do nothing but answer with what *answer* holds."""

    def floor(kind: str) -> Callable[[str], list[str]]:
        return lambda port: [sys.executable, str(_HERE / "floor.py"), kind, port, str(answer)]

    granian = version("granian")
    return [
        Server("flask", "bare Flask on granian", "floor", granian, "/v1/rerank", floor("flask")),
        Server("wsgi", "bare WSGI on granian", "floor", granian, "/v1/rerank", floor("wsgi")),
    ]


def peers(answer: Path) -> list[Server]:
    """Return the mocks of others, each as quiet as it can be; what they read is written beside *answer*."""
    document, mapping = str(DOCUMENT), answer.parent / "wiremock"
    config = answer.with_name("aimock.json")
    config.write_text(json.dumps({"services": {"rerank": True}}))
    (mapping / "mappings").mkdir(parents=True, exist_ok=True)
    (mapping / "mappings/rerank.json").write_text(json.dumps(_stub(answer.read_text())))
    prism = ["mock", "-h", "127.0.0.1", "-v", "silent", document]
    steady = ["--host", "127.0.0.1", "-q", document]
    mockoon = ["start", "-X", "--data", document, "--hostname", "127.0.0.1"]
    # Its journal is as long as the mock's; without a bound it is a leak.
    wiremock = ["--bind-address", "127.0.0.1", "--disable-banner", "--disable-request-logging"]
    wiremock += ["--max-request-journal-entries", "1000", "--root-dir", str(mapping)]
    return [
        _peer("prism", "Prism", "@stoplight/prism-cli", "/rerank", "prism", *prism),
        _peer("steady", "Steady", "@stdy/cli", "/rerank", "steady", *steady),
        _peer("aimock", "aimock", "@copilotkit/aimock", "/v2/rerank", "aimock", "--config", str(config)),
        _peer("mockoon", "Mockoon", "@mockoon/cli", "/v1/rerank", "mockoon-cli", *mockoon),
        _peer("wiremock", "WireMock", "wiremock", "/v1/rerank", None, *wiremock),
    ]


def _peer(name: str, title: str, package: str, path: str, program: str | None, *options: str) -> Server:
    if program:
        begin = [str(MODULES / ".bin" / program)]
    else:
        # Its own program only looks for the jar, with a process more.
        begin = ["java", "-jar", *map(str, (MODULES / package / "build").glob("wiremock-standalone-*.jar"))]
    installed = json.loads((MODULES / package / "package.json").read_text())["version"]
    return Server(name, title, "peer", installed, path, lambda port: [*begin, *options, "--port", port])


def _stub(answer: str) -> dict[str, object]:
    return {
        "request": {"method": "POST", "urlPath": "/v1/rerank"},
        "response": {"status": 200, "headers": {"Content-Type": "application/json"}, "body": answer},
    }


@contextmanager
def running(server: Server, call: Call, *, within_s: float = 60) -> Iterator[Running]:
    """Run *server* until the block ends; it has answered *call* when the block begins.

    Raises:
        Died: the server ended.
        NotStarted: it did not answer as it should in time.
    """
    port = str(free_port())
    origin = f"http://127.0.0.1:{port}"
    began = time.perf_counter()
    with started(server.command(port)) as tree:
        while (answered := _answered(origin + server.path, call)) != call.status:
            tree.check()
            if time.perf_counter() - began > within_s:
                raise NotStarted(f"{server.title} answered {answered}, not {call.status}, after {within_s} s")
            time.sleep(_POLL_S)
        yield Running(tree, origin, server.path, (time.perf_counter() - began) * 1000)


def _answered(url: str, call: Call) -> object:
    try:
        return ask(url, call)[0]
    except (OSError, http.client.HTTPException) as fault:
        return fault
