"""How the mock grows with its body: time from 1 kB to 30 MB, and the memory that the largest takes."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import bodies
import servers
from load import Call, check
from process import Tree, kilobytes

# Of each size so many in turn that they take long enough for a clock of 10 ms, and no longer than they must.
_TURN_S = 1.0
_FEWEST = 3


def time_of_each(rounds: int) -> dict[str, dict[str, Any]]:
    """Return the milliseconds of one request of each size, one after the other, by the clock and of CPU."""
    calls = {size: Call(bodies.of_size(size)) for size in bodies.SIZES}
    taken = {size: {"bytes": len(call.body), "wall_ms": [], "cpu_ms": []} for size, call in calls.items()}
    with servers.running(servers.mock(), Call(bodies.example())) as mock:
        for call in calls.values():
            check(mock.url, call)
        for _ in range(rounds):
            for size, call in calls.items():
                wall, cpu = _turn(mock, call)
                taken[size]["wall_ms"].append(wall)
                taken[size]["cpu_ms"].append(cpu)
    return taken


def _turn(mock: servers.Running, call: Call) -> tuple[float, float]:
    mock.tree.settle()
    walls: list[float] = []
    before = mock.tree.cpu()
    while len(walls) < _FEWEST or sum(walls) < _TURN_S:
        began = time.perf_counter()
        check(mock.url, call)
        walls.append(time.perf_counter() - began)
    cpu = (mock.tree.cpu() - before) / len(walls)
    return round(statistics.median(walls) * 1000, 3), round(cpu * 1000, 3)


def peak_of_the_largest(rounds: int) -> dict[str, Any]:
    """Return by how many bytes the memory of a new mock rises while it answers the largest body."""
    example, largest = Call(bodies.example()), Call(bodies.of_size(list(bodies.SIZES)[-1]))
    rises = []
    for _ in range(rounds):
        with servers.running(servers.mock(), example) as mock:
            mock.tree.settle()
            idle = _reset_peak(mock.tree)
            check(mock.url, largest)
            rises.append(_total(mock.tree, "VmHWM") - idle)
    return {"bytes": len(largest.body), "rise_bytes": rises}


def _reset_peak(tree: Tree) -> int:
    for pid in tree.pids():
        # 5 has the kernel take what is resident now for the highest.
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _total(tree, "VmRSS")


def _total(tree: Tree, name: str) -> int:
    return sum(kilobytes(f"/proc/{pid}/status", name) for pid in tree.pids()) * 1024
