"""Load a server: `cold` sends requests one after another, `warm` as many as wrk can send.

Both raise NoNumber if an answer is not 200 or a connection breaks.
"""

from __future__ import annotations

import http.client
import re
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

from servers import NoNumber, Running

HEADERS = {"Authorization": "Bearer bench", "Content-Type": "application/json"}
# A slow server with 128 connections takes seconds to answer.
_TIMEOUT_S = 60
_POLL_S = 0.003
# wrk counts statuses above 399 as errors.
_LUA = """
wrk.method = "POST"
wrk.body = io.open("%s", "rb"):read("*a")
done = function(summary, latency)
  local errors = summary.errors
  print("BENCH", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout)
end
"""


def cold(server: Running, body: bytes, answers: int) -> dict[str, float]:
    """Measure the time and CPU from the server's start to the last of *answers*, sent in turn on one connection."""
    host, _, path = server.url.removeprefix("http://").partition("/")
    with closing(http.client.HTTPConnection(host, timeout=_TIMEOUT_S)) as connection:
        _connect(server, connection)
        for number in range(answers):
            try:
                connection.request("POST", f"/{path}", body, HEADERS)
                response = connection.getresponse()
                text = response.read()
            except (OSError, http.client.HTTPException) as fault:
                server.check()
                raise NoNumber(f"no answer after {number} answers: {fault!r}") from fault
            if response.status != 200:
                raise NoNumber(f"answered {response.status}, not 200: {text[:300]!r}")
        return {"seconds": round(time.perf_counter() - server.began, 4), "cpu_s": round(server.cpu_s(), 2)}


def _connect(server: Running, connection: http.client.HTTPConnection) -> None:
    while True:
        try:
            return connection.connect()
        except ConnectionRefusedError as fault:
            server.check()
            if time.perf_counter() - server.began > _TIMEOUT_S:
                raise NoNumber(f"does not listen after {_TIMEOUT_S} s") from fault
            time.sleep(_POLL_S)


def warm(server: Running, body: bytes, connections: int, seconds: int, warm_up_s: int) -> dict[str, float]:
    """Measure the server under load by wrk, after an unmeasured load of *warm_up_s* seconds."""
    cold(server, body, answers=1)
    if warm_up_s:
        _wrk(server.url, body, connections, warm_up_s)
    server.settle()
    before = server.cpu_s()
    requests, took_s, p50_ms, p99_ms = _wrk(server.url, body, connections, seconds)
    return {
        "rate": round(requests / took_s, 1),
        "cpu_us": round((server.cpu_s() - before) / requests * 1e6, 1),
        "p50_ms": p50_ms,
        "p99_ms": p99_ms,
    }


def _wrk(url: str, body: bytes, connections: int, seconds: int) -> tuple[int, float, float, float]:
    with tempfile.TemporaryDirectory() as folder:
        sent, script = Path(folder) / "body", Path(folder) / "post.lua"
        sent.write_bytes(body)
        script.write_text(_LUA % sent)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", f"{_TIMEOUT_S}s", "-s", str(script)]
        command += [f"-H{name}: {value}" for name, value in HEADERS.items()]
        done = subprocess.run([*command, url], capture_output=True, text=True, check=False)
    return read(done.stdout)


def read(output: str) -> tuple[int, float, float, float]:
    """Parse wrk's output: the number of answers, seconds, and the median and 99th percentile of the latency in ms."""
    found = re.search(r"^BENCH" + 6 * r"\s(\d+)" + "$", output, re.MULTILINE)
    if found is None:
        raise NoNumber(f"wrk printed no result: {output.strip()!r}")
    requests, microseconds, p50, p99, errors, broken = map(int, found.groups())
    if not requests or errors or broken:
        raise NoNumber(f"{errors} of {requests} answers were errors and {broken} connections broke")
    return requests, microseconds / 1e6, p50 / 1000, p99 / 1000
