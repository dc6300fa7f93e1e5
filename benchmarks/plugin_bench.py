"""Measure what the pytest plugin costs, beside pytest-httpserver and bare pytest."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
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


def measure(rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return in ms what each kind took in each round; they take turns, so that a busy machine is busy for all."""
    kinds = {"bare pytest": ("", ()), "rerank_mock": ("rerank_mock", (OURS,)), "httpserver": ("httpserver", (PEER,))}
    taken: dict[str, dict[str, list[float]]] = {kind: defaultdict(list) for kind in kinds}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conftest.py").write_text(CONFTEST)
        # The first round compiles.
        for number in range(rounds + 1):
            for kind, (fixture, plugins) in kinds.items():
                took, _ = run(folder, "def test_it():\n    pass\n", *plugins)
                _, phases = run(folder, many(fixture), *plugins)
                each = statistics.median(phase["setup"] + phase["teardown"] for phase in phases[1:-1])
                seconds = {"unused": took, "first": phases[0]["setup"], "each": each, "stop": phases[-1]["teardown"]}
                for what, value in seconds.items() if number else ():
                    taken[kind][what].append(round(value * 1000, 3))
    return taken
