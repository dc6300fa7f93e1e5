"""Faults, queues and namespaces as a client meets them: over sockets, on each server."""

import concurrent.futures
import contextlib
import http.client
import json
import signal
import socket
import time

import pytest

from mock_process import BODY, KEY, running, server  # noqa: F401  # a fixture
from together_rerank_mockserver.faults import Catalogue
from together_rerank_spec import load

pytestmark = pytest.mark.usefixtures("server")
FAULTS = [fault for fault in Catalogue(load()) if fault.name not in ("hang", "delay", "drip")]


class Client:
    """One connection to a mock, kept between requests until the test is over."""

    opened = []  # noqa: RUF012

    def __init__(self, mock, key="key", timeout=20):
        self.opened.append(self)
        self.connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=timeout)
        self.headers = {**KEY, "Authorization": f"Bearer {key}"}

    def ask(self, body=BODY, method="POST", path="/v1/rerank", **headers):
        self.connection.request(method, path, body, self.headers | headers)
        response = self.connection.getresponse()
        return response.status, response.read(), response.headers

    def admin(self, method, path, data=None):
        status, content, _ = self.ask(json.dumps(data) if data else None, method, f"/__admin/{path}")
        assert status == 200, content
        return json.loads(content)


@pytest.fixture(autouse=True)
def _connections_are_closed():
    yield
    while Client.opened:
        Client.opened.pop().connection.close()


@pytest.fixture(scope="module")
def mock(server):
    with running("-q") as mock:
        yield mock


BROKEN = {
    "reset": ConnectionResetError,
    "empty": http.client.RemoteDisconnected,
    "truncate": http.client.IncompleteRead,
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_fault_is_met_and_the_next_request_is_well(mock, server, fault):
    client = Client(mock, key=f"test-{fault.name}")
    body = json.dumps({**json.loads(BODY), "model": f"mock/{fault.name}"})

    if fault.server not in (None, server):
        status, content, _ = client.ask(body)
        assert status == 501
        assert b"--server threaded" in content
    elif fault.name in BROKEN:
        with pytest.raises(BROKEN[fault.name]):
            client.ask(body)
        client.connection.close()
    else:
        status, _, headers = client.ask(body)
        assert status == (int(fault.name) if fault.family == "status" else 200)
        assert f"fault={fault.name}; by=model" in headers["x-mock-reply"]

    status, content, headers = client.ask()
    assert (status, headers["x-mock-reply"]) == (200, "scored")
    assert [result["index"] for result in json.loads(content)["results"]] == [1, 0]
    told = client.admin("GET", f"requests?namespace=test-{fault.name}")
    assert [each["reply"] for each in told["requests"]][1:] == ["scored"]
    assert told["requests"][0]["status"] == (
        None if fault.name in ("reset", "empty") and server == "threaded" else status_of(fault, server)
    )


def status_of(fault, server):
    if fault.server not in (None, server):
        return 501
    return int(fault.name) if fault.family == "status" else 200


def test_a_hang_outlasts_the_client(mock, server):
    client = Client(mock, timeout=0.5)

    if server == "granian":
        assert client.ask(Prefer="fault=hang")[0] == 501
    else:
        with pytest.raises(TimeoutError):
            client.ask(Prefer="fault=hang")


def test_a_delay_and_a_drip_take_their_time(mock):
    client = Client(mock)
    took = []
    for preference in ("delay=300", "fault=drip, pause=30", "code=503, delay=300"):
        began = time.monotonic()
        status, content, headers = client.ask(Prefer=preference)
        took.append(time.monotonic() - began)
        assert headers["Preference-Applied"] == preference
        assert status == (503 if "503" in preference else 200)
        assert json.loads(content)

    assert min(took) >= 0.3


def test_ten_times_are_ten_times_for_fifty_clients_at_once(mock):
    admin = Client(mock)
    admin.admin("POST", "faults?namespace=test-fifty", {"fault": "429", "times": 10, "retry_after": 1})

    def statuses(_):
        client = Client(mock, key="test-fifty")
        return [client.ask()[0] for _ in range(4)]

    with concurrent.futures.ThreadPoolExecutor(50) as clients:
        met = [status for each in clients.map(statuses, range(50)) for status in each]

    assert (met.count(429), met.count(200)) == (10, 190)
    assert admin.admin("GET", "faults?namespace=test-fifty")["queue"] == []
    told = admin.admin("GET", "requests?namespace=test-fifty&status=429")
    assert told["total"] == 10


def test_tests_that_run_at_once_share_nothing(mock):
    def scenario(number):
        key = f"test-parallel-{number}"
        client = Client(mock, key=key)
        client.admin("POST", f"faults?namespace={key}", {"fault": "503", "times": 2, "then": {"fault": "429"}})
        statuses = [client.ask()[0] for _ in range(5)]
        told = client.admin("GET", f"requests?namespace={key}")
        return statuses, told["total"], json.loads(client.ask()[1])["id"]

    with concurrent.futures.ThreadPoolExecutor(20) as tests:
        seen = list(tests.map(scenario, range(40)))

    assert {json.dumps(each) for each in seen} == {json.dumps(seen[0])}
    assert seen[0][:2] == ([503, 503, 429, 200, 200], 5)


def test_a_key_is_nowhere_to_be_found():
    key = "sesame-open-0123456789"
    with running() as mock:
        ask_with_a_key_everywhere(mock, key)
        mock.stop(signal.SIGTERM)

    assert "POST /v1/[key] 404" in "".join(mock.lines)
    assert key not in "".join(mock.lines)


def ask_with_a_key_everywhere(mock, key):
    client = Client(mock, key=key)
    client.ask(json.dumps({**json.loads(BODY), "api_key": key}), path=f"/v1/rerank?key={key}", **{"X-Api-Key": key})
    client.ask(path=f"/v1/{key}", Cookie=key, **{"X-Other": f"my {key}"})
    client.ask(json.dumps({**json.loads(BODY), "model": f"mock/{key}"}))
    client.ask(BODY.replace("llama", "\\u0073" + key[1:]), Prefer=f"code={key}")

    assert client.admin("GET", "requests")["total"] >= 4
    for path in ("requests", "settings", "faults", "spec", "version"):
        assert key not in json.dumps(client.admin("GET", path))


def test_two_hundred_clients_are_served_within_four_seconds_though_each_waits_for_half_a_second():
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
    assert 0.5 <= took < 4


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
        assert time.monotonic() - began < 10


def test_more_calls_than_can_wait_are_told_so_and_leave_room_for_others(server):
    with running("-q") as mock, contextlib.ExitStack() as stack:
        head = "POST /rerank HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nPrefer: delay=600000\r\n"
        request = f"{head}Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}".encode()
        for _ in range(600):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", mock.port), 20))
            client.sendall(request)

        assert Client(mock).ask()[0] == 200
        refused = 120 if server == "granian" else 0
        deadline = time.monotonic() + 10
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

        assert mock.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < 2
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
