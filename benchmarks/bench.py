"""Measure the mock under wrk: requests per second, latency, start to the first 200, memory. `make bench`."""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from together_rerank_spec import load

COMMAND = Path(sys.executable).with_name("together-rerank-mock")
KEY = {"Authorization": "Bearer bench", "Content-Type": "application/json"}
LUA = """
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer bench"
wrk.headers["Content-Type"] = "application/json"
local file = io.open("%s", "rb")
wrk.body = file:read("*a")
file:close()
done = function(summary, latency, requests)
  local errors = summary.errors
  print(string.format("BENCH %%d %%d %%d %%d %%d %%d", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
"""


def example_body() -> bytes:
    """The document's own example request."""
    return json.dumps(load().example({"$ref": "#/components/schemas/RerankRequest"})).encode()


def large_body() -> bytes:
    """100 documents of 150 words, from a seed: about 98 kB."""
    chance = random.Random(7)
    letters = "etaoinshrdlucmfwypvbgk"
    weights = range(len(letters), 0, -1)
    words = ["".join(chance.choices(letters, weights, k=chance.randint(2, 9))) for _ in range(5_000)]
    documents = [" ".join(chance.choices(words, k=150)) for _ in range(100)]
    return json.dumps({"model": "m", "query": " ".join(chance.choices(words, k=8)), "documents": documents}).encode()


@dataclass(frozen=True)
class Row:
    """What is measured: a body, flags of the mock, and what its queue holds, if anything."""

    name: str
    body: bytes
    flags: tuple[str, ...] = ()
    queued: bytes | None = None


def rows() -> list[Row]:
    """What the table shows; the second is compared with the first."""
    example, large = example_body(), large_body()
    return [
        Row("the document's example, neither journal nor queue", example, ("--journal-max", "0")),
        Row("the document's example, journal and queue", example, (), b'{"fault": "ok", "times": 1000000}'),
        Row("100 documents of 150 words", large),
    ]


def start(row: Row) -> tuple[subprocess.Popen[str], str, float]:
    """Start a mock; return it, its URL, and the milliseconds from there to the first 200."""
    began = time.perf_counter()
    process = subprocess.Popen([COMMAND, "serve", "-p", "0", "-q", *row.flags], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().rpartition(" ")[2].strip()
    post(f"{url}/v1/rerank", example_body())
    milliseconds = (time.perf_counter() - began) * 1000
    if row.queued:
        post(f"{url}/__admin/faults", row.queued)
    return process, url, milliseconds


def post(url: str, body: bytes) -> None:
    """Send *body*; raise unless it is answered with 200."""
    request = urllib.request.Request(url, body, KEY)
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.status == 200
        response.read()


def load_test(url: str, body: bytes, connections: int, seconds: int) -> dict[str, float]:
    """Return what wrk measured; exit when any answer was not a success, for then the numbers mean nothing."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "body").write_bytes(body)
        script = Path(folder) / "post.lua"
        script.write_text(LUA % (Path(folder) / "body"))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), f"{url}/v1/rerank"]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"BENCH (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", output)
    if found is None:
        sys.exit(f"wrk said nothing that can be read:\n{output}")
    requests, microseconds, p50, p99, refused, broken = map(int, found.groups())
    if refused or broken or not requests:
        sys.exit(f"{refused} of {requests} answers were errors and {broken} connections broke: no numbers")
    return {"requests/s": requests / microseconds * 1e6, "p50 ms": p50 / 1000, "p99 ms": p99 / 1000}


def tree(pid: int) -> list[int]:
    """Return *pid* and all its children's."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in listed for below in tree(int(child)))]


def memory(pid: int) -> float:
    """Return the resident MB of the process tree; what is shared counts in each."""
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in tree(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu(pid: int) -> float:
    """Return the seconds of CPU, user and system, that the process tree has used."""
    fields = [Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split() for each in tree(pid)]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print a table; medians over the rounds, each with a mock of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing; on Debian: apt-get install wrk")
    starts: list[float] = []
    measured: dict[Row, list[dict[str, float]]] = {row: [] for row in rows()}
    for _ in range(options.rounds):
        for row, results in measured.items():
            process, url, milliseconds = start(row)
            try:
                starts.append(milliseconds)
                before = cpu(process.pid)
                result = load_test(url, row.body, options.connections, options.seconds)
                used = cpu(process.pid) - before
                result["CPU us/request"] = used / (result["requests/s"] * options.seconds) * 1e6
                result["RSS MB"] = memory(process.pid)
                results.append(result)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(20)
    print(f"median of {options.rounds} rounds of {options.seconds} s, {options.connections} connections")
    print(f"start to the first 200: {statistics.median(starts):.0f} ms")
    for row, results in measured.items():
        cells = (f"{key} {statistics.median(result[key] for result in results):.1f}" for key in results[0])
        print(f"{row.name} ({len(row.body) / 1000:.1f} kB): {', '.join(cells)}")
    without, with_both, *_ = measured.values()
    ratios = [b["requests/s"] / a["requests/s"] for a, b in zip(without, with_both, strict=True)]
    print(f"requests/s with journal and queue to without, median of the rounds: {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
