"""The memory of a mock stays bounded, however many requests it has answered."""

import concurrent.futures
import json
import os
import socket
from pathlib import Path

import pytest

from mock_process import running

REQUESTS = 40_000
AHEAD = 50
CONNECTIONS = 4


def resident(pid):
    """MB of the process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in [pid, *map(int, children)])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def ask(mock, first, count):
    """Send *count* requests, no two alike, in many namespaces; each must be answered."""
    with socket.create_connection(("127.0.0.1", mock.port), 60) as client:
        for start in range(first, first + count, AHEAD):
            client.sendall(b"".join(request(number) for number in range(start, start + AHEAD)))
            answered = b""
            while answered.count(b"HTTP/1.1 200") < AHEAD or not answered.endswith(b"}}"):
                received = client.recv(1 << 20)
                assert received, answered[-500:]
                answered += received


def request(number):
    # Half of them fill two hundred journals to the bound of all, which bodies so large reach in the first quarter;
    # a quarter of them opens namespaces that come and go.
    key = ("key", f"test-{number % 200}", f"test-{number}", f"test-{number % 200}")[number % 4]
    body = json.dumps(
        {"model": "m", "query": "llama", "documents": [f"panda {number}", "llama " + "x" * 15_000]}
    ).encode()
    head = f"POST /v1/rerank HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.served
def test_memory_stays_bounded_over_forty_thousand_requests():
    with running("-q") as mock:
        sizes = []
        for quarter in range(4):
            each = REQUESTS // 4 // CONNECTIONS
            starts = [(quarter * CONNECTIONS + part) * each for part in range(CONNECTIONS)]
            with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as clients:
                list(clients.map(lambda start, mock=mock, each=each: ask(mock, start, each), starts))
            sizes.append(resident(mock.process.pid))

    # What is bounded is full after three quarters, with what the allocators keep; the last must find its room there.
    assert sizes[3] < sizes[2] * 1.1, sizes
    assert sizes[3] < 400, sizes
