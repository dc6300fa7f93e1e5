"""Measure the judge against a local mock: the standard run and `--quick` with start-up, and Schemathesis's rate."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
KEY, MODEL = "the-mocks-key", "rank"
RUNS = {"standard": (), "quick": ("--quick",), "pytest with its plugins": None}


def judge(url: str, *flags: str) -> tuple[float, Any]:
    """Run the command; return the seconds of the process, and its report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [BIN / "together-rerank-contract", url, "--model", MODEL, "--api-key-env", "MOCK_KEY", *flags]
        began = time.perf_counter()
        subprocess.run([*command, "--json", report], env=environment(), check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began, json.loads(report.read_text())


def plain(url: str) -> float:
    """Run the requirements under plain pytest with whatever plugins are installed; return the seconds."""
    about = ["--rerank-base-url", url, "--rerank-model", MODEL, "--rerank-api-key-env", "MOCK_KEY"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not RR-FUZZ", *about]
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [*command, "--pyargs", "together_rerank_contract_tests"],
            cwd=folder,
            env=environment(),
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    return time.perf_counter() - began


def environment() -> dict[str, str]:
    """Return the environment with the mock's key."""
    return {**os.environ, "MOCK_KEY": KEY}


def main() -> None:
    """Print medians; the kinds take turns."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    command = [BIN / "together-rerank-mock", "serve", "-q", "-p", "0", "--api-key", KEY, "--model", MODEL]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as mock:
        assert mock.stdout is not None
        url = mock.stdout.readline().rpartition(" ")[2].strip()
        try:
            seconds: dict[str, list[float]] = {name: [] for name in RUNS}
            requests = {}
            for _ in range(rounds + 1):
                for name, flags in RUNS.items():
                    if flags is None:
                        seconds[name].append(plain(url))
                        continue
                    took, report = judge(url, *flags)
                    seconds[name].append(took)
                    requests[name] = report["spent"]["requests"]
            _, fuzzed = judge(url, "--fuzz", "-k", "RR-FUZZ")
        finally:
            mock.terminate()
    # The first round compiles.
    medians = {name: statistics.median(took[1:]) for name, took in seconds.items()}
    print(f"the judge, median of {rounds} rounds with start-up")
    for name, median in medians.items():
        sent = f", {requests[name]} requests" if name in requests else ""
        print(f"{name}: {median * 1000:.0f} ms{sent}, {median / medians['standard']:.2f} of the standard run")
    fuzz = fuzzed["fuzz"]
    rate = fuzz["requests"] / fuzz["seconds"]
    print(f"Schemathesis: {fuzz['requests']} requests in {fuzz['seconds']:.1f} s, {rate:.0f} a second")


if __name__ == "__main__":
    main()
