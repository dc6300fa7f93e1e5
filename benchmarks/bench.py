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


def start() -> tuple[subprocess.Popen[str], str, float]:
    """Start a mock; return it, its URL, and the milliseconds from there to the first 200."""
    began = time.perf_counter()
    process = subprocess.Popen([COMMAND, "serve", "-p", "0", "-q"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().rpartition(" ")[2].strip()
    post(url, example_body())
    return process, url, (time.perf_counter() - began) * 1000


def post(url: str, body: bytes) -> None:
    """Send *body*; raise unless it is answered with 200."""
    request = urllib.request.Request(f"{url}/v1/rerank", body, KEY)
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
    bodies = {"the document's example": example_body(), "100 documents of 150 words": large_body()}
    starts: list[float] = []
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in bodies}
    for _ in range(options.rounds):
        for name, body in bodies.items():
            process, url, milliseconds = start()
            try:
                starts.append(milliseconds)
                before = cpu(process.pid)
                row = load_test(url, body, options.connections, options.seconds)
                used = cpu(process.pid) - before
                row["CPU us/request"] = used / (row["requests/s"] * options.seconds) * 1e6
                row["RSS MB"] = memory(process.pid)
                rows[name].append(row)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(20)
    print(f"median of {options.rounds} rounds of {options.seconds} s, {options.connections} connections")
    print(f"start to the first 200: {statistics.median(starts):.0f} ms")
    for name, measured in rows.items():
        cells = (f"{key} {statistics.median(row[key] for row in measured):.1f}" for key in measured[0])
        print(f"{name} ({len(bodies[name]) / 1000:.1f} kB): {', '.join(cells)}")


if __name__ == "__main__":
    main()
