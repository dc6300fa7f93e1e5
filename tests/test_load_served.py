"""Many clients, slow clients, limits and shutdown, over sockets, on each server."""

import concurrent.futures
import contextlib
import json
import signal
import socket
import time

import pytest

from mock_process import BODY, running, server  # noqa: F401  # a fixture
from served_client import Client, connections_are_closed  # noqa: F401  # a fixture

HEAD = b"POST /rerank HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\n"

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


WAITING = {
    "a body that never arrives": b"Content-Length: 9\r\n\r\n1",
    "a drip": b"Prefer: fault=drip, pause=60000\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY.encode()),
}


@pytest.mark.parametrize("kind", WAITING)
def test_six_hundred_waiting_calls_do_not_block_others(kind, server):
    with running("-q") as mock, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", mock.port), 20)) for _ in range(600)]
        for client in clients:
            client.sendall(HEAD + WAITING[kind])
        times = []
        for _ in range(10):
            began = time.monotonic()
            assert Client(mock).ask(None, "GET", "/health")[0] == 200
            assert Client(mock).ask()[0] == 200
            times.append(time.monotonic() - began)
        assert min(times) < 1

        is_limited = server == "granian" or kind == "a drip"
        deadline = time.monotonic() + 100
        while Client(mock).admin("GET", "requests?status=503&limit=0")["total"] < 200 * is_limited:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for refused in Client(mock).admin("GET", "requests?status=503")["requests"]:
            assert "400 calls already wait" in refused["reason"]
            assert refused["reply"].startswith("refused")


def test_others_are_answered_while_delayed_calls_drips_and_bodies_wait_and_a_stop_ends_them(server):
    answered = b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY.encode())
    delayed = [HEAD + b"Prefer: delay=60000\r\n" + answered] * 200
    late = [HEAD + rest for rest in (b"Content-Length: 9\r\n\r\n1", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n")]
    drips = [HEAD + WAITING["a drip"]] * 20
    with running("-q") as mock, contextlib.ExitStack() as stack:
        clients = []
        for sent in [*delayed, *late * 50, *drips]:
            clients.append(stack.enter_context(socket.create_connection(("127.0.0.1", mock.port), 60)))
            clients[-1].sendall(sent)
        times = []
        for _ in range(20):
            time.sleep(0.05)
            began = time.monotonic()
            assert Client(mock).ask()[0] == 200
            assert Client(mock).ask(None, "GET", "/__admin/faults")[0] == 200
            times.append(time.monotonic() - began)
        assert sorted(times)[10] < 0.5, times

        began = time.monotonic()
        assert (mock.stop(signal.SIGTERM, 60), mock.lines) == (0, [])
        assert time.monotonic() - began < 20
        for client in clients[:200]:
            assert b"".join(iter(lambda client=client: client.recv(4096), b"")).endswith(b"}}")


@pytest.mark.parametrize("rest", [b"Content-Length: 9\r\n\r\n1", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1"])
def test_a_body_that_never_arrives_gets_408_and_the_connection_is_closed(rest):
    with running("-q", "--read-timeout", 1) as mock, contextlib.ExitStack() as stack:
        began = time.monotonic()
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", mock.port), 20)) for _ in range(10)]
        for client in clients:
            client.sendall(HEAD + rest)
        answers = [b"".join(iter(lambda client=client: client.recv(4096), b"")) for client in clients]
        took = time.monotonic() - began

        assert {answer[:13] for answer in answers} == {b"HTTP/1.1 408 "}
        assert all(b"did not arrive within 1 s" in answer for answer in answers)
        assert 1 <= took < 15
        assert Client(mock).admin("GET", "requests?status=408")["total"] == 10


@pytest.mark.parametrize("preference", ["delay=60000", "fault=drip, pause=60000", "code=503, delay=60000"])
def test_a_stop_ends_every_wait_and_the_waiting_calls_are_answered(preference):
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


def test_a_stop_loses_no_answer_on_connections_that_are_reused():
    sent = HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY.encode())

    def ask_until_the_connection_ends(port):
        with socket.create_connection(("127.0.0.1", port), 60) as client:
            answered = 0
            while True:
                client.sendall(sent)
                received = b""
                while not received.endswith(b"}}"):
                    data = client.recv(65536)
                    assert data, f"no answer after {answered}"
                    received += data
                answered += 1
                if b"connection: close" in received.lower():
                    return answered

    for _ in range(3):
        with running("-q") as mock, concurrent.futures.ThreadPoolExecutor(16) as pool:
            clients = [pool.submit(ask_until_the_connection_ends, mock.port) for _ in range(16)]
            time.sleep(0.3)
            assert mock.stop(signal.SIGTERM, 60) == 0
            assert all(client.result(60) > 1 for client in clients)


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


def test_retry_after_of_a_rate_limit_is_correct():
    with running("-q", "--rate-limit", "3/2 seconds") as mock:
        client = Client(mock)
        statuses = [client.ask()[0] for _ in range(4)]
        time.sleep(int(client.ask()[2]["Retry-After"]))

        assert statuses == [200, 200, 200, 429]
        assert client.ask()[0] == 200


def test_calls_above_max_in_flight_get_503():
    with running("-q", "--max-in-flight", 5, "--latency", 2000) as mock:
        with concurrent.futures.ThreadPoolExecutor(20) as clients:
            statuses = list(clients.map(lambda _: Client(mock).ask()[0], range(20)))
        assert (statuses.count(200), statuses.count(503)) == (5, 15)
        assert Client(mock).ask()[0] == 200


def test_above_the_capacity_answers_slow_down_as_in_a_queue():
    with running("-q", "--capacity", 2, "--latency", 300) as mock:
        Client(mock).ask(None, "GET", "/health")
        began = time.monotonic()

        def timed(_):
            status = Client(mock).ask()[0]
            return status, time.monotonic() - began

        with concurrent.futures.ThreadPoolExecutor(6) as clients:
            statuses, times = zip(*sorted(clients.map(timed, range(6)), key=lambda each: each[1]), strict=True)

        assert statuses == (200,) * 6
        # Two at a time: after 0.3, 0.6 and 0.9 s, and not much later.
        assert all(round(took, 2) >= turn * 0.3 for turn, took in zip((1, 1, 2, 2, 3, 3), times, strict=True))
        assert times[5] < 5


def test_a_long_list_takes_longer_and_a_fault_by_chance_does_not():
    long = json.dumps({"model": "m", "query": "q", "documents": ["a"] * 100})
    with running("-q", "--latency-per-document", 4, "--latency", 100, "--chaos", "429=0.5") as mock:
        client = Client(mock)
        took = {}
        for _ in range(8):
            began = time.monotonic()
            status, _, _ = client.ask(long)
            took.setdefault(status, []).append(time.monotonic() - began)

        assert took.keys() == {200, 429}
        assert min(took[200]) >= 0.5
        assert min(took[429]) < 0.25


@pytest.mark.parametrize("status", [301, 304, 307, 409, 418, 502, 522, 599])
def test_any_status_reaches_the_client_with_the_chosen_body_and_headers(status):
    with running("-q", "--fault", f"{status},retry_after=0.5") as mock:
        client = Client(mock)
        for _ in range(2):  # on one connection
            answered, content, headers = client.ask()
            assert (answered, headers["Retry-After"]) == (status, "0.5")
            assert bool(content) is (status >= 400)
        page = client.ask(Prefer="code=502, body=html")
        assert (page[0], page[2]["Content-Type"], b"<h1>502 Bad Gateway</h1>" in page[1]) == (
            502,
            "text/html; charset=utf-8",
            True,
        )
        moved = client.ask(Prefer='code=308, location="/v1/elsewhere?a=1,2"')
        assert (moved[0], moved[2]["Location"]) == (308, "/v1/elsewhere?a=1,2")


def test_the_control_plane_of_a_public_listener_needs_its_token():
    with running("-q", "--host", "0.0.0.0", "--admin-token", "sesame-token") as mock:
        client = Client(mock)
        assert client.ask(None, "GET", "/__admin/health")[0] == 401
        assert client.ask(None, "GET", "/__admin/health", Authorization="Bearer sesame-token")[0] == 200
        assert client.ask()[0] == 200
    with running("-q", "--host", "0.0.0.0") as mock:
        assert Client(mock).ask(None, "GET", "/__admin/health")[0] == 403
