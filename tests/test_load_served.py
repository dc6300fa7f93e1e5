"""Many clients, slow ones, limits and stops: over sockets, on each server."""

import concurrent.futures
import contextlib
import json
import signal
import socket
import time

import pytest

from mock_process import BODY, running, server  # noqa: F401  # a fixture
from served_client import Client, connections_are_closed  # noqa: F401  # a fixture

pytestmark = [pytest.mark.served, pytest.mark.usefixtures("server", "connections_are_closed")]


def test_two_hundred_slow_requests_are_answered_at_the_same_time():
    with running("-q", "--latency", 500) as mock, contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_connection(("127.0.0.1", mock.port), 20)) for _ in range(200)]
        request = (
            f"POST /v1/rerank HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(BODY)}\r\n\r\n{BODY}"
        ).encode()
        began = time.monotonic()
        for each in sockets:
            each.sendall(request)
        answers = [each.recv(100) for each in sockets]
        took = time.monotonic() - began

    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)
    assert 0.5 <= took < 40  # one after another they would take 100 s


def test_half_sent_requests_and_slow_readers_do_not_stop_others():
    large = json.dumps({"model": "m", "query": "q", "documents": ["x" * 1000] * 3000})
    with running("-q") as mock, contextlib.ExitStack() as stack:
        for number in range(300):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", mock.port), 20))
            half = "POST /v1/rerank HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n"
            client.sendall((half if number % 2 else f"{half}Content-Length: 9\r\n\r\n1").encode())
        for _ in range(20):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", mock.port), 20))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            head = f"{half}Content-Type: application/json\r\nContent-Length: {len(large)}\r\n\r\n"
            client.sendall((head + large).encode())

        began = time.monotonic()
        for _ in range(10):
            assert Client(mock).ask()[0] == 200
        assert time.monotonic() - began < 100


def test_more_calls_than_can_wait_are_told_so_and_leave_room_for_others(server):
    with running("-q") as mock, contextlib.ExitStack() as stack:
        head = "POST /rerank HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nPrefer: delay=600000\r\n"
        request = f"{head}Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}".encode()
        for _ in range(600):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", mock.port), 20))
            client.sendall(request)

        assert Client(mock).ask()[0] == 200
        refused = 120 if server == "granian" else 0
        deadline = time.monotonic() + 100
        while Client(mock).admin("GET", "requests?status=503")["total"] < refused:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for told in Client(mock).admin("GET", "requests?status=503")["requests"]:
            assert told["reply"] == "refused; fault=delay; by=header; not-applied"


@pytest.mark.parametrize("preference", ["delay=60000", "fault=drip, pause=60000", "code=503, delay=60000"])
def test_a_stop_cuts_every_wait_at_once_and_what_waited_is_answered(preference):
    with running("-q", "--max-in-flight", 1) as mock, socket.create_connection(("127.0.0.1", mock.port), 20) as client:
        head = f"POST /rerank HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nPrefer: {preference}\r\n"
        client.sendall((head + f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}").encode())
        time.sleep(0.3)
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            assert b"usage" not in client.recv(4096)  # a drip has sent its head
        client.settimeout(20)
        began = time.monotonic()

        assert mock.stop(signal.SIGTERM, 60) == 0
        assert time.monotonic() - began < 30
        answered = b"".join(iter(lambda: client.recv(4096), b""))
        assert answered.endswith(b"}")
        assert b'"error"' in answered if "503" in preference else b'"usage"' in answered


def test_chaos_is_the_same_in_another_process_with_the_same_seed():
    def replies():
        with running("-q", "--chaos", "429=0.3", "--chaos", "unsorted=0.2", "--seed", 7) as mock:
            client = Client(mock)
            return [client.ask()[2]["x-mock-reply"] for _ in range(50)]

    first = replies()

    assert first == replies()
    assert {reply.partition(" draw")[0] for reply in first} == {
        "scored;",
        "chaos; fault=429;",
        "chaos; fault=unsorted;",
    }


def test_a_rate_limit_is_told_truly():
    with running("-q", "--rate-limit", "3/2 seconds") as mock:
        client = Client(mock)
        statuses = [client.ask()[0] for _ in range(4)]
        time.sleep(int(client.ask()[2]["Retry-After"]))

        assert statuses == [200, 200, 200, 429]
        assert client.ask()[0] == 200


def test_above_the_most_in_flight_is_503():
    with running("-q", "--max-in-flight", 5, "--latency", 2000) as mock:
        with concurrent.futures.ThreadPoolExecutor(20) as clients:
            statuses = list(clients.map(lambda _: Client(mock).ask()[0], range(20)))
        assert (statuses.count(200), statuses.count(503)) == (5, 15)
        assert Client(mock).ask()[0] == 200


def test_the_control_plane_of_a_listener_for_others_needs_its_token():
    with running("-q", "--host", "0.0.0.0", "--admin-token", "sesame-token") as mock:
        client = Client(mock)
        assert client.ask(None, "GET", "/__admin/health")[0] == 401
        assert client.ask(None, "GET", "/__admin/health", Authorization="Bearer sesame-token")[0] == 200
        assert client.ask()[0] == 200
    with running("-q", "--host", "0.0.0.0") as mock:
        assert Client(mock).ask(None, "GET", "/__admin/health")[0] == 403
