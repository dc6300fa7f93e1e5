"""Load by wrk, and the refusal to tell numbers of a server that did not answer as it should."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

KEY = {"Authorization": "Bearer bench", "Content-Type": "application/json"}
# A slow server at 128 connections takes seconds, which is slow and no error.
_TIMEOUT_S = 60
_LUA = """
wrk.method = "POST"
wrk.headers = {%s}
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


class WrongAnswer(Exception):
    """A server did not answer as the load asks; what it did in the time is no measurement."""


@dataclass(frozen=True)
class Call:
    """What is sent again and again, and the status that each must get."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """What wrk counted: answers, seconds, and milliseconds of the median and of the slowest hundredth."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float


def ask(url: str, call: Call) -> tuple[int, bytes]:
    """Send *call* once; return status and body."""
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=_TIMEOUT_S)
    try:
        connection.request("POST", f"/{path}", call.body, {**KEY, **call.headers})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def check(url: str, call: Call) -> bytes:
    """Return the body of the answer to *call*.

    Raises:
        WrongAnswer: it has another status than the call asks for, or there is none.
    """
    try:
        status, body = ask(url, call)
    except (OSError, http.client.HTTPException) as fault:
        raise WrongAnswer(f"{url} did not answer: {fault}") from fault
    if status != call.status:
        raise WrongAnswer(f"{url} answered {status}, not {call.status}: {body[:300]!r}")
    return body


def run(url: str, call: Call, connections: int, seconds: int) -> Measured:
    """Load *url* with *call*.

    Raises:
        WrongAnswer: not every answer had the status that the call asks for, or a connection broke.
    """
    check(url, call)
    with tempfile.TemporaryDirectory() as folder:
        body, script = Path(folder) / "body", Path(folder) / "post.lua"
        body.write_bytes(call.body)
        headers = ", ".join(
            f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in (KEY | call.headers).items()
        )
        script.write_text(_LUA % (headers, body))
        limits = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", f"{_TIMEOUT_S}s"]
        done = subprocess.run(["wrk", *limits, "-s", script, url], capture_output=True, text=True, check=False)
    measured = read(done.stdout, call.status)
    # A fault that is planned for a number of calls can come to its end.
    check(url, call)
    return measured


def read(output: str, status: int = 200) -> Measured:
    """Return what the script made wrk print, all of whose answers had *status*.

    Raises:
        WrongAnswer: they had not, or a connection broke, or there was no answer.
    """
    found = re.search(r"^BENCH (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$", output, re.MULTILINE)
    if found is None:
        raise WrongAnswer(f"wrk said nothing that can be read: {output!r}")
    requests, microseconds, p50, p99, errors, broken = map(int, found.groups())
    if not requests or broken or errors != (requests if status >= 400 else 0):
        raise WrongAnswer(f"{errors} of {requests} answers were errors and {broken} connections broke")
    return Measured(requests, microseconds / 1e6, p50 / 1000, p99 / 1000)
