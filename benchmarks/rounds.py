"""The rounds: each server in turn is started, warmed, loaded with each row, and ended; never two at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import bodies
import servers
from load import Call, WrongAnswer, check, run
from servers import Running, Server

CONNECTIONS = (1, 16, 128)
# Where servers are compared by one number.
USUAL = 16
EXAMPLE, LARGE = "example", "98 kB"
FAULTS = ("429 by header", "429 by model", "429 by queue")
# Enough for the just-in-time compilers of Node.js and Java to have seen what is coming.
_WARM_S = 2
# The most that the queue takes of one fault.
_QUEUED = b'{"fault": "429", "times": 1000000}'


def calls(server: Server) -> dict[str, Call]:
    """Return what *server* is loaded with, by row; the queue, which changes what every call meets, is last."""
    example = {EXAMPLE: Call(bodies.example())}
    if server.kind == "floor":
        return example
    large = {LARGE: Call(bodies.large())}
    if server.kind == "peer":
        return example | large
    faults = {
        "429 by header": Call(bodies.example(), 429, {"Prefer": "code=429"}),
        "429 by model": Call(bodies.example(model="mock/429"), 429),
        "429 by queue": Call(bodies.example(), 429),
    }
    return example | large | faults


def starts(measured: Iterable[Server], times: int) -> dict[str, list[float]]:
    """Return the milliseconds of *times* starts of each; one more before them fills the caches of compiled files."""
    call = Call(bodies.example())
    taken: dict[str, list[float]] = {server.name: [] for server in measured}
    for _ in range(times + 1):
        for server in measured:
            with servers.running(server, call) as running:
                taken[server.name].append(round(running.start_ms, 1))
    return {name: values[1:] for name, values in taken.items()}


def loads(measured: Iterable[Server], rounds: int, seconds: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return by server what each row took at each number of connections, and the memory after the example.

    Where a peer answered otherwise than with the status of the row, or broke a connection, there is only why it has
    no number: `refused`.

    Raises:
        WrongAnswer: the mock did, or what its server costs bare.
    """
    taken: dict[str, Any] = {server.name: {} for server in measured}
    memory: dict[str, Any] = {server.name: {"rss_mb": [], "pss_mb": []} for server in measured}
    for number in range(rounds):
        for server in measured:
            print(f"round {number + 1} of {rounds}: {server.title}", file=sys.stderr)
            with servers.running(server, Call(bodies.example())) as running:
                _round(server, running, seconds, taken[server.name], memory[server.name])
    return taken, memory


def _round(server: Server, running: Running, seconds: int, taken: dict[str, Any], memory: dict[str, Any]) -> None:
    for row, call in calls(server).items():
        if row == "429 by queue":
            check(f"{running.origin}/__admin/faults", Call(_QUEUED))
        is_warm = False
        for connections in [USUAL] if row in FAULTS else CONNECTIONS:
            cell = taken.setdefault(row, {}).setdefault(str(connections), {})
            try:
                if not is_warm:
                    run(running.url, call, USUAL, _WARM_S)
                    is_warm = True
                _add(measure(running, call, connections, seconds), cell)
            except WrongAnswer as fault:
                _refuse(server, f"{row}, {connections} connections", fault, cell)
            if (row, connections) == (EXAMPLE, USUAL):
                memory["rss_mb"].append(round(running.tree.rss(), 1))
                memory["pss_mb"].append(round(running.tree.pss(), 1))


def _add(numbers: dict[str, float], cell: dict[str, Any]) -> None:
    """Write *numbers* beside those of other rounds, unless one of them was refused."""
    if "refused" not in cell:
        for what, value in numbers.items():
            cell.setdefault(what, []).append(value)


def _refuse(server: Server, where: str, fault: WrongAnswer, cell: dict[str, Any]) -> None:
    """Leave no number of any round in *cell*, but why; of the mock, and what it is compared with, end the run."""
    if server.kind != "peer":
        raise WrongAnswer(f"{server.title}, {where}: {fault}") from fault
    print(f"no number of {server.title}, {where}: {fault}", file=sys.stderr)
    cell.clear()
    cell["refused"] = str(fault)


def measure(running: Running, call: Call, connections: int, seconds: int) -> dict[str, float]:
    """Return what one load took."""
    running.tree.settle()
    before = running.tree.cpu()
    measured = run(running.url, call, connections, seconds)
    cpu = running.tree.cpu() - before
    return {
        "rate": round(measured.requests / measured.seconds, 1),
        "cpu_us": round(cpu / measured.requests * 1e6, 1),
        "p50_ms": measured.p50_ms,
        "p99_ms": measured.p99_ms,
    }
