"""Measure start-up, throughput and memory of the mock, other mocks and a bare Flask view. Run by `make bench`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import load
import report
from servers import NoNumber, Running, Server, own, peers
from together_rerank_spec import load as load_document
from together_rerank_spec.progress_line import ProgressLine

_CONNECTIONS = (16, 128)
# Unmeasured load before the first number of each body, in which Node.js compiles its code.
_WARM_UP_S = 3


def main() -> None:
    """Run the benchmark and write results.json, docs/benchmarks.svg, and the tables of two pages in docs/."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=5, help="cold starts of each server, in turn (5)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each load, in turn (3)")
    parser.add_argument("--seconds", type=int, default=2, help="seconds of each load (2)")
    parser.add_argument("--check", action="store_true", help="measure briefly and write nothing, as a test")
    options = parser.parse_args()
    is_check = vars(options).pop("check")
    if is_check:
        options = argparse.Namespace(starts=0, rounds=1, seconds=1, warm_up_s=0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    run = {**vars(options), "load_before": round(os.getloadavg()[1], 1)}
    with tempfile.TemporaryDirectory() as folder:
        try:
            measured = measure(own(Path(folder)) | peers(Path(folder)), **vars(options))
        except NoNumber as reason:
            sys.exit(f"no numbers: {reason}")
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    about = {"date": today, "run": run, "machine": _machine(), "programs": _programs()}
    if is_check:
        print(json.dumps(measured))
    else:
        report.write({**about, "servers": measured})


def measure(
    servers: dict[str, Server],
    starts: int,
    rounds: int,
    seconds: int,
    warm_up_s: int = _WARM_UP_S,
    answers: int = 1000,
) -> dict[str, Any]:
    """Return the measurements of each server; each number is a list with one value per round."""
    sent = bodies()
    results: dict[str, Any] = {
        name: {
            "title": f"{server.title} {server.version}",
            "version": server.version,
            "measured": {"cold": {}, "memory": {}},
        }
        for name, server in servers.items()
    }
    begun = ["starting"]
    total = len(servers) * (starts + 1 + rounds * len(sent) * len(_CONNECTIONS))
    with ProgressLine(lambda: (f"{len(begun) - 1} of {total} measurements, {begun[-1]}", (len(begun) - 2) / total)):
        for number in range(starts + 1):
            for name, server in servers.items():
                with Running(server) as process:
                    begun.append(f"{server.title}, start {number} of {starts}")
                    # Start 0 is not counted: it fills the caches of compiled files.
                    into = results[name]["measured"]["cold"] if number else {}
                    _record(name, into, load.cold, process, sent["example"], answers)
        for number in range(rounds):
            for name, server in servers.items():
                measured = results[name]["measured"]
                with Running(server) as process:
                    for body, content in sent.items():
                        for connections in _CONNECTIONS:
                            load_name = f"{body}, {connections} connections"
                            begun.append(f"{server.title}, round {number + 1} of {rounds}, {load_name}")
                            into = measured.setdefault(load_name, {})
                            before = warm_up_s if connections == _CONNECTIONS[0] else 0
                            _record(name, into, load.warm, process, content, connections, seconds, before)
                        if body == "example":
                            _record(name, measured["memory"], process.memory)
    return results


def _record(name: str, into: dict[str, Any], function: Callable[..., dict[str, float]], *arguments: Any) -> None:
    """Append the numbers that *function* returns to *into*; if it raises NoNumber, keep only the reason."""
    if "refused" in into:
        return
    try:
        for what, value in function(*arguments).items():
            into.setdefault(what, []).append(value)
    except NoNumber as reason:
        if name == "mock":
            raise
        into.clear()
        into["refused"] = str(reason)


def bodies() -> dict[str, bytes]:
    """Return the request bodies: the document's example, and 100 fixed documents of 150 random words."""
    chance = random.Random(7)
    words = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(5_000)]
    query, *documents = (" ".join(chance.choices(words, k=150)) for _ in range(101))
    large = {"model": "m", "query": query[:50], "documents": documents}
    example = load_document().example({"$ref": "#/components/schemas/RerankRequest"})
    return {"example": json.dumps(example).encode(), "98 kB": json.dumps(large).encode()}


def _machine() -> dict[str, str]:
    """Return the processor, memory and system, without the name of the machine."""
    processor = re.findall(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE) or ["unknown"]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return {"processor": f"{processor[0]}, {os.cpu_count()} cores", "memory": f"{memory:.0f} GB", "system": system}


def _programs() -> dict[str, str]:
    ran = {name: subprocess.run([name, "-v"], capture_output=True, text=True, check=False) for name in ("node", "wrk")}
    versions = {name: re.findall(r"\d+(?:\.\d+)+", of.stdout)[0] for name, of in ran.items()}
    return {"Python": platform.python_version(), "granian": version("granian"), **versions}


if __name__ == "__main__":
    main()
