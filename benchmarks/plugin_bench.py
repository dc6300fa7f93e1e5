"""Measure what the pytest plugin costs, beside pytest-httpserver and bare pytest: start, first use, each test, stop."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Plugins that a development environment has, and that are none of this.
OTHERS = ("schemathesis", "hypothesispytest", "anyio", "respx", "time_machine", "asyncio", "xdist", "cacheprovider")
OURS, PEER = "together_rerank", "pytest_httpserver"
TESTS = 200
CONFTEST = """
import json, os

durations = {}

def pytest_runtest_logreport(report):
    durations.setdefault(report.nodeid, {})[report.when] = report.duration

def pytest_sessionfinish():
    with open(os.environ["DURATIONS"], "w") as file:
        json.dump(list(durations.values()), file)
"""


def run(folder: Path, test: str, *plugins: str) -> tuple[float, list[dict[str, float]]]:
    """Run *test* with *plugins* alone; return the seconds of the process, and those of each test by phase."""
    (folder / "test_it.py").write_text(test)
    off = [name for name in (*OTHERS, OURS, PEER) if name not in plugins]
    command = [sys.executable, "-m", "pytest", "-q", *(each for name in off for each in ("-p", f"no:{name}")), "."]
    results = folder / "durations"
    began = time.perf_counter()
    environment = {**os.environ, "DURATIONS": str(results)}
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began, json.loads(results.read_text())


def many(fixture: str) -> str:
    """Return tests that do nothing but ask for *fixture*."""
    arguments = f"{fixture}, n" if fixture else "n"
    head = f"import pytest\n\n@pytest.mark.parametrize('n', range({TESTS}))\n"
    return f"{head}def test_it({arguments}):\n    pass\n"


def main() -> None:
    """Print the medians; the kinds take turns, so that a busy machine is busy for all."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    kinds = {"bare pytest": ("", ()), "rerank_mock": ("rerank_mock", (OURS,)), "httpserver": ("httpserver", (PEER,))}
    starts: dict[str, list[float]] = {kind: [] for kind in kinds}
    firsts: dict[str, list[float]] = {kind: [] for kind in kinds}
    each: dict[str, list[float]] = {kind: [] for kind in kinds}
    stops: dict[str, list[float]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conftest.py").write_text(CONFTEST)
        for _ in range(rounds + 1):
            for kind, (fixture, plugins) in kinds.items():
                took, _ = run(folder, "def test_it():\n    pass\n", *plugins)
                _, phases = run(folder, many(fixture), *plugins)
                starts[kind].append(took)
                firsts[kind].append(phases[0]["setup"])
                each[kind].append(statistics.median(phase["setup"] + phase["teardown"] for phase in phases[1:-1]))
                stops[kind].append(phases[-1]["teardown"])
    print(f"median of {rounds} rounds of {TESTS} tests, in ms")
    print("kind | unused: more than bare | first use | each test | stop")
    for kind in kinds:
        # The first round compiles.
        more = statistics.median(a - b for a, b in zip(starts[kind][1:], starts["bare pytest"][1:], strict=True))
        cells = [more, *(statistics.median(values[kind][1:]) for values in (firsts, each, stops))]
        print(" | ".join([kind, *(f"{1000 * cell:.2f}" for cell in cells)]))


if __name__ == "__main__":
    main()
