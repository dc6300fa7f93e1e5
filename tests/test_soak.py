"""The memory of a mock stays bounded over many requests."""

import concurrent.futures
import json
import os
import socket
from pathlib import Path

import pytest

from mock_process import running

REQUESTS = 24_000
PIPELINED = 50
CONNECTIONS = 4


def resident(pid):
    """Return the memory of the process and its children in MB."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in [pid, *map(int, children)])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def ask(mock, first, count):
    """Send *count* different requests, in many namespaces; each must be answered."""
    with socket.create_connection(("127.0.0.1", mock.port), 60) as client:
        for start in range(first, first + count, PIPELINED):
            client.sendall(b"".join(request(number) for number in range(start, start + PIPELINED)))
            answered = b""
            while answered.count(b"HTTP/1.1 200") < PIPELINED or not answered.endswith(b"}}"):
                received = client.recv(1 << 20)
                assert received, answered[-500:]
                answered += received


def request(number):
    # Half of the requests fill two hundred journals to their common limit, which such large bodies reach in the first
    # quarter of the test; a quarter of the requests opens namespaces that are soon forgotten.
    key = ("key", f"test-{number % 200}", f"test-{number}", f"test-{number % 200}")[number % 4]
    body = json.dumps(
        {"model": "m", "query": "llama", "documents": [f"panda {number}", "llama " + "x" * 26_000]}
    ).encode()
    head = f"POST /v1/rerank HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.exhaustive
@pytest.mark.served
def test_memory_stays_bounded_over_many_requests():
    with running("-q") as mock:
        sizes = []
        for quarter in range(4):
            each = REQUESTS // 4 // CONNECTIONS
            starts = [(quarter * CONNECTIONS + part) * each for part in range(CONNECTIONS)]
            with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as clients:
                list(clients.map(lambda start, mock=mock, each=each: ask(mock, start, each), starts))
            sizes.append(resident(mock.process.pid))

    # All limits are reached after three quarters, and the allocators have grown; the last quarter needs no more.
    assert sizes[3] < sizes[2] * 1.1, sizes
    assert sizes[3] < 400, sizes
