"""What a mock shows to monitoring, on each server: health checks, metrics and JSON log lines."""

import json
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import Client as AppClient

from mock_process import running, server, start  # noqa: F401  # a fixture
from served_client import Client, connections_are_closed  # noqa: F401  # a fixture
from together_rerank_mockserver.http.flask_app import build_app
from together_rerank_mockserver.http.wsgi import Mock
from together_rerank_mockserver.http.wsgi_app import WsgiApp
from together_rerank_mockserver.server.threaded_server import MockServer
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state.delay_limiter import DelayLimiter
from together_rerank_mockserver.state.totals import Outcome

KEY = {"Authorization": "Bearer key"}
BODY = {"model": "m", "query": "llama", "documents": ["panda", "llama"]}


def samples(exposition):
    """Return the values by name and labels, the status first: `("rerank_mock_requests_total", "200", "")`."""
    return {
        (each.name, *(value for _, value in sorted(each.labels.items(), reverse=True))): each.value
        for family in text_string_to_metric_families(exposition.decode())
        for each in family.samples
    }


def metrics(mock):
    status, content, headers = Client(mock).ask(None, "GET", "/metrics")
    assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return samples(content)


def requests(values):
    """Return how many requests were counted, by status and fault."""
    return {tuple(labels): value for (name, *labels), value in values.items() if name == "rerank_mock_requests_total"}


def until(condition, mock):
    deadline = time.monotonic() + 20
    while not condition(values := metrics(mock)):
        assert time.monotonic() < deadline, values
        time.sleep(0.01)


@pytest.mark.served
@pytest.mark.usefixtures("server", "connections_are_closed")
@pytest.mark.parametrize("journal_max", [0, 2])
def test_requests_are_counted_by_status_and_fault_whatever_the_journal_keeps(journal_max):
    with running("-q", "--journal-max", journal_max, "--admin-token", "sesame") as mock:
        client = Client(mock, key="test-a")
        client.ask()
        client.ask()
        client.ask(Prefer="code=429")
        client.ask(Prefer="fault=unsorted")
        client.ask("{}", Prefer="fault=unsorted")  # is not applied
        client.ask(Prefer="fault=ok")
        client.ask(Authorization="")
        client.ask(None, "GET", "/nowhere")
        client.ask(None, "GET", "/health")
        client.ask(None, "POST", "/metrics")
        before = metrics(mock)
        assert client.ask(None, "POST", "/__admin/reset?namespace=test-a", Authorization="Bearer sesame")[0] == 200
        after = metrics(mock)

    assert requests(before) == {
        ("200", ""): 3,
        ("429", "429"): 1,
        ("200", "unsorted"): 1,
        ("400", ""): 1,
        ("401", ""): 1,
        ("404", ""): 1,
    }
    assert before["rerank_mock_request_duration_seconds_count",] == 8
    assert before["rerank_mock_request_duration_seconds_bucket", "+Inf"] == 8
    assert 0 < before["rerank_mock_request_duration_seconds_sum",] < 60
    # Seven requests have the key of the namespace, whose journal keeps two.
    assert before["rerank_mock_journal_dropped_total",] == (journal_max and 5)
    assert after == before


@pytest.mark.served
@pytest.mark.usefixtures("server", "connections_are_closed")
def test_a_delayed_call_is_in_flight_and_waits():
    in_flight, waiting = ("rerank_mock_requests_in_flight",), ("rerank_mock_requests_waiting",)
    with running("-q") as mock, ThreadPoolExecutor(1) as calls:
        call = calls.submit(Client(mock).ask, Prefer="delay=1000")
        until(lambda values: (values[in_flight], values[waiting]) == (1, 1), mock)
        assert call.result(20)[0] == 200
        values = metrics(mock)

    assert (values[in_flight], values[waiting]) == (0, 0)
    assert requests(values) == {("200", "delay"): 1}
    assert values["rerank_mock_request_duration_seconds_bucket", "0.5"] == 0


@pytest.mark.served
@pytest.mark.usefixtures("server", "connections_are_closed")
def test_a_json_log_line_names_the_request_the_namespace_and_the_fault():
    with start("--log-format", "json", "--api-key", "test-a", "--api-key", "sk-secret-key") as process:
        port = json.loads(process.stdout.readline())["port"]
        client = Client(SimpleNamespace(port=port), key="test-a")
        answers = [
            client.ask(),
            client.ask(Authorization="Bearer sk-secret-key", Prefer="code=429"),
            client.ask(Authorization="Bearer test-unknown"),
            client.ask("{}", Prefer="fault=unsorted"),
        ]
        journal = client.admin("GET", "requests?namespace=test-a")["requests"]
        client.ask(None, "GET", "/metrics")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)

    *lines, admin = map(json.loads, errors.splitlines())
    shown = [(each["status"], each["namespace"], each["fault"]) for each in lines]
    assert shown == [(200, "test-a", None), (429, "default", "429"), (401, "default", None), (400, "test-a", None)]
    assert [each["request_id"] for each in lines] == [headers["x-request-id"] for _, _, headers in answers]
    assert [lines[0]["time"], lines[3]["time"]] == [each["time"] for each in journal]
    assert (admin["path"], admin["request_id"], admin["namespace"]) == ("/__admin/requests", None, None)
    assert "secret" not in errors
    assert "test-unknown" not in errors


def test_the_drops_of_a_reset_namespace_still_count():
    mock = Mock(Settings(journal_max=1))
    client = AppClient(WsgiApp(mock))
    for _ in range(3):
        client.post("/v1/rerank", json=BODY, headers=KEY)
    mock.operations.state.registry.reset("default")

    assert samples(client.get("/metrics").data)["rerank_mock_journal_dropped_total",] == 2


@pytest.mark.usefixtures("connections_are_closed")
def test_a_request_without_an_answer_has_the_status_none():
    with MockServer() as mock:
        with pytest.raises(ConnectionError):
            Client(mock).ask(Prefer="fault=reset")
        values = metrics(mock)

    assert requests(values) == {("none", "reset"): 1}


@pytest.mark.in_memory
def test_a_bucket_contains_its_bound():
    mock = Mock()
    registry = mock.operations.state.registry
    for seconds in (0.0005, 0.001, 0.002, 60):
        registry.finish(registry.open("default"), None, Outcome(200, None, seconds))
    values = samples(mock.operations.state.metrics.exposition())

    bucket = "rerank_mock_request_duration_seconds_bucket"
    assert [values[bucket, bound] for bound in ("0.001", "0.0025", "30.0", "+Inf")] == [2, 3, 3, 4]


def test_each_mock_has_metrics_of_its_own():
    clients = [AppClient(WsgiApp(Mock())) for _ in range(2)]
    clients[0].post("/v1/rerank", json=BODY, headers=KEY)

    assert [len(requests(samples(each.get("/metrics").data))) for each in clients] == [1, 0]


def test_metrics_need_no_key_and_get_no_fault():
    mock = Mock(Settings(api_keys=("sk-secret",), admin_token="sesame", host="0.0.0.0", fault="500"))

    assert AppClient(WsgiApp(mock)).get("/metrics").status_code == 200


@pytest.mark.parametrize("application", [WsgiApp, build_app])
@pytest.mark.parametrize("base", ["", "/v1", "/cohere", "/tei", "/nim/v1"])
def test_readiness_ends_with_a_stop_and_liveness_does_not(application, base):
    stopping = threading.Event()
    client = AppClient(application(Mock(limiter=DelayLimiter(stopping))))
    paths = [base + path for path in ("/health", "/health/live", "/health/ready")]

    assert [client.get(path).status_code for path in paths] == [200, 200, 200]
    stopping.set()
    assert [client.get(path).status_code for path in paths] == [200, 200, 503]
    assert client.get(paths[2]).json["status"] == "stopping"
