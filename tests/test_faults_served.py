"""Faults, queues and namespaces over sockets, on each server."""

import concurrent.futures
import http.client
import json
import signal
import time

import pytest

from fault_requests import CHANGES, INVALID
from mock_process import BODY, running, server  # noqa: F401  # a fixture
from served_client import Client, connections_are_closed  # noqa: F401  # a fixture
from together_rerank_mockserver.faults.catalogue import Catalogue
from together_rerank_spec import load

pytestmark = [pytest.mark.served, pytest.mark.usefixtures("server", "connections_are_closed")]
FAULTS = [fault for fault in Catalogue(load()) if fault.name not in ("hang", "delay", "drip")]


@pytest.fixture(scope="module")
def mock(server):
    with running("-q") as mock:
        yield mock


BROKEN = {
    "reset": ConnectionResetError,
    "empty": http.client.RemoteDisconnected,
    "truncate": http.client.IncompleteRead,
    "empty-query-dropped": http.client.RemoteDisconnected,
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_fault_applies_once_and_the_next_request_succeeds(mock, server, fault):
    client = Client(mock, key=f"test-{fault.name}")
    body = json.dumps({**json.loads(BODY), "model": f"mock/{fault.name}", **CHANGES.get(fault.name, {})})

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
        assert status == status_of(fault, server)
        assert f"fault={fault.name}; by=model" in headers["x-mock-reply"]
        assert fault.name not in CHANGES or headers["x-mock-reply"].startswith("forced")

    status, content, headers = client.ask()
    assert (status, headers["x-mock-reply"]) == (200, "scored")
    assert [result["index"] for result in json.loads(content)["results"]] == [1, 0]
    journal = client.admin("GET", f"requests?namespace=test-{fault.name}")
    assert [each["reply"] for each in journal["requests"]][1:] == ["scored"]
    assert journal["requests"][0]["status"] == (
        None if fault.name in NO_ANSWER and server == "threaded" else status_of(fault, server)
    )


NO_ANSWER = ("reset", "empty", "empty-query-dropped")


def status_of(fault, server):
    if fault.server not in (None, server):
        return 501
    if fault.name == "error-undocumented-status":
        return 422
    is_refused = CHANGES.get(fault.name) is INVALID or fault.name.endswith("-refused")
    return int(fault.name) if fault.family == "status" else 400 if is_refused and fault.name in CHANGES else 200


def test_a_body_after_another_method_is_read_as_part_of_the_next_call(mock):
    client = Client(mock, key="test-unread")
    client.admin("POST", "faults?namespace=test-unread", {"fault": "unread-body-left"})
    origins = []
    for method in ("POST", "PUT", "POST", "POST"):
        origins.append(client.ask(method=method)[2]["x-mock-reply"])
        client.connection.close()  # a server may close it after a body that it did not read

    forced = "forced; fault=unread-body-left; by=queue"
    assert origins == ["scored; fault=unread-body-left; by=queue; not-applied", "refused", forced, "scored"]


@pytest.mark.parametrize(("name", "statuses"), [("no-key-accepted", [200, 401]), ("any-key-accepted", [401, 200])])
def test_a_fault_accepts_a_missing_or_a_wrong_key(server, name, statuses):
    with running("-q", "--api-key", "right", "--fault", name) as mock:
        missing, wrong = Client(mock), Client(mock, key="wrong")
        del missing.headers["Authorization"]
        assert [client.ask()[0] for client in (missing, wrong)] == statuses
        assert Client(mock, key="right").ask()[0] == 200


def test_concurrent_calls_are_mixed_up(mock):
    def ask(number):
        client = Client(mock, key="test-mixed-up")
        documents = ["panda"] * number + ["llama"] + ["panda"] * (9 - number)
        body = json.dumps({"model": "mock/calls-mixed-up", "query": "llama", "documents": documents})
        return [json.loads(client.ask(body)[1])["results"][0]["index"] == number for _ in range(5)]

    with concurrent.futures.ThreadPoolExecutor(4) as clients:
        own = [each for each_client in clients.map(ask, range(4)) for each in each_client]

    assert False in own
    assert all(ask(5))


@pytest.mark.parametrize("fault", ["hang", "reset", "empty"])
def test_the_queue_accepts_only_faults_that_the_server_can_produce(mock, server, fault):
    client = Client(mock, key=f"test-queued-{fault}", timeout=1)
    status = client.ask(json.dumps({"fault": fault}), path=f"/__admin/faults?namespace=test-queued-{fault}")[0]

    if server == "granian":
        assert status == 501
        assert client.ask()[0] == 200
    else:
        assert status == 200
        with pytest.raises((OSError, http.client.HTTPException)):
            client.ask()


def test_a_hang_lasts_until_the_client_times_out(mock, server):
    client = Client(mock, timeout=0.5)

    if server == "granian":
        assert client.ask(Prefer="fault=hang")[0] == 501
    else:
        with pytest.raises(TimeoutError):
            client.ask(Prefer="fault=hang")


def test_a_delay_and_a_drip_take_the_requested_time(mock):
    client = Client(mock)
    times = []
    for preference in ("delay=300", "fault=drip, pause=30", "code=503, delay=300"):
        began = time.monotonic()
        status, content, headers = client.ask(Prefer=preference)
        times.append(time.monotonic() - began)
        assert headers["Preference-Applied"] == preference
        assert status == (503 if "503" in preference else 200)
        assert json.loads(content)

    assert min(times) >= 0.3


def test_a_fault_applies_exactly_ten_times_to_fifty_concurrent_clients(mock):
    admin = Client(mock)
    admin.admin("POST", "faults?namespace=test-fifty", {"fault": "429", "times": 10, "retry_after": 1})

    def statuses(_):
        client = Client(mock, key="test-fifty")
        return [client.ask()[0] for _ in range(4)]

    with concurrent.futures.ThreadPoolExecutor(50) as clients:
        received = [status for each in clients.map(statuses, range(50)) for status in each]

    assert (received.count(429), received.count(200)) == (10, 190)
    assert admin.admin("GET", "faults?namespace=test-fifty")["queue"] == []
    journal = admin.admin("GET", "requests?namespace=test-fifty&status=429")
    assert journal["total"] == 10


def test_concurrent_tests_share_nothing(mock):
    def scenario(number):
        key = f"test-parallel-{number}"
        client = Client(mock, key=key)
        client.admin("POST", f"faults?namespace={key}", {"fault": "503", "times": 2, "then": {"fault": "429"}})
        statuses = [client.ask()[0] for _ in range(5)]
        journal = client.admin("GET", f"requests?namespace={key}")
        return statuses, journal["total"], json.loads(client.ask()[1])["id"]

    with concurrent.futures.ThreadPoolExecutor(20) as tests:
        results = list(tests.map(scenario, range(40)))

    assert {json.dumps(each) for each in results} == {json.dumps(results[0])}
    assert results[0][:2] == ([503, 503, 429, 200, 200], 5)


def test_a_key_is_neither_logged_nor_returned():
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
