"""The application that `serve` runs: it imports Flask only for the requests that need it."""

import subprocess
import sys
import time
from functools import partial
from threading import Barrier, Thread

import pytest
from werkzeug.test import Client

from mock_process import running
from served_client import Client as ServedClient
from served_client import connections_are_closed  # noqa: F401  # a fixture
from together_rerank_mockserver.http import flask_app
from together_rerank_mockserver.http.flask_app import create_app
from together_rerank_mockserver.http.wsgi import Mock
from together_rerank_mockserver.http.wsgi_app import WsgiApp
from together_rerank_mockserver.settings import Settings

BODY = {"model": "m", "query": "llama", "documents": ["panda", "llama"]}
KEY = {"Authorization": "Bearer key"}
CORS = Settings(cors=("http://localhost:3000",))
REQUESTS = [
    ("GET", "/health", {}),
    ("HEAD", "/health", {}),
    ("POST", "/health", {}),
    ("GET", "/cohere/health", {}),
    ("GET", "/v1/health/live", {}),
    ("GET", "/nim/v1/health/ready", {}),
    ("POST", "/tei/health", {}),
    ("GET", "/metrics", {}),
    ("HEAD", "/metrics", {}),
    ("POST", "/metrics", {}),
    ("POST", "/v1/rerank", {"json": BODY, "headers": KEY}),
    ("POST", "/rerank?a=b", {"json": BODY, "headers": KEY}),
    ("POST", "/v1/rerank", {"json": BODY}),
    ("POST", "/v1/rerank", {"json": {}, "headers": KEY}),
    ("POST", "/v1/rerank", {"json": BODY, "headers": {**KEY, "Prefer": "code=429"}}),
    ("POST", "/v1/rerank", {"json": BODY, "headers": {**KEY, "Prefer": "fault=drip, pause=0"}}),
    ("GET", "/v1/rerank", {}),
    ("POST", "/v1/v1/rerank", {}),
    ("POST", "//v1/rerank", {"json": BODY, "headers": KEY}),
    ("GET", "/", {}),
    ("GET", "/__admin/health", {}),
    ("GET", "/__admin/version", {}),
    ("GET", "/__admin/settings", {}),
    ("GET", "/__admin/spec", {}),
    ("GET", "/__admin/nowhere", {}),
    ("POST", "/__admin/faults", {"json": {"fault": "429"}}),
    ("POST", "/__admin/faults", {"json": {"fault": "no-such"}}),
    ("DELETE", "/__admin/spec", {}),
    ("GET", "/__admin/health", {"headers": {"Origin": "http://elsewhere.example"}}),
]
# A server that has only the modules imported at its start, and gets one request after the other.
ASK = """
import io, sys
from wsgiref.util import setup_testing_defaults
from together_rerank_mockserver import cli
from together_rerank_mockserver.server import granian_server
from together_rerank_mockserver.settings import Settings

application, _ = granian_server._application(Settings())

def ask(method, path, body=b"", **headers):
    statuses = []
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_AUTHORIZATION": "Bearer key", "wsgi.input":
               io.BytesIO(body), "CONTENT_TYPE": "application/json", "wsgi.input_terminated": True}
    setup_testing_defaults(environ)
    b"".join(application(environ | headers, lambda status, *_: statuses.append(status[:3])))
    print(method, path, *statuses, *sorted({"flask", "prometheus_client", "werkzeug"} & sys.modules.keys()))

ask("GET", "/health")
call = "POST", "/v1/rerank", b'{"model": "m", "query": "llama", "documents": ["panda", "llama"]}'
ask(*call)
ask(*call, HTTP_AUTHORIZATION="")
ask("POST", "/v1/rerank", b"{}")
ask(*call, HTTP_PREFER="code=429, retry_after=2")
ask(*call, HTTP_PREFER="fault=drip, pause=0")
ask(*call, HTTP_PREFER="fault=unsorted")
ask("GET", "/metrics")
ask("GET", "/nowhere")
"""


def served(settings=None):
    return WsgiApp(Mock(settings))


def ask(application, method, path, **request):
    local = {"REMOTE_ADDR": "127.0.0.1"}
    response = Client(application).open(path, method=method, environ_overrides=local, **request)
    return response.status_code, [*response.headers], response.data


def run_concurrently(*functions):
    threads = [Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(("method", "path", "request_"), REQUESTS, ids=lambda each: str(each)[:60])
@pytest.mark.parametrize("settings", [Settings(), CORS], ids=["default", "cors"])
def test_the_response_equals_that_of_the_flask_application(method, path, request_, settings):
    assert ask(served(settings), method, path, **request_) == ask(create_app(settings), method, path, **request_)


@pytest.mark.slow
def test_calls_health_and_metrics_are_answered_without_flask():
    ran = subprocess.run([sys.executable, "-c", ASK], check=True, capture_output=True, text=True, timeout=60)

    assert ran.stdout.splitlines() == [
        "GET /health 200",
        "POST /v1/rerank 200",
        "POST /v1/rerank 401",
        "POST /v1/rerank 400",
        "POST /v1/rerank 429",
        "POST /v1/rerank 200",
        "POST /v1/rerank 200",
        "GET /metrics 200 prometheus_client",
        "GET /nowhere 404 flask prometheus_client werkzeug",
    ]


def test_pages_of_allowed_origins_can_read_health():
    _, headers, _ = ask(served(CORS), "GET", "/health", headers={"Origin": "http://localhost:3000"})

    assert ("Access-Control-Allow-Origin", "http://localhost:3000") in headers


def test_concurrent_first_requests_share_one_flask_application(monkeypatch):
    built, build_app = [], flask_app.build_app

    def slowly(mock):
        time.sleep(0.1)
        built.append(build_app(mock))
        return built[-1]

    monkeypatch.setattr(flask_app, "build_app", slowly)
    application = served()
    statuses = []

    def queue():
        statuses.append(ask(application, "POST", "/__admin/faults", json={"fault": "429"})[0])

    run_concurrently(queue, queue)

    assert statuses == [200, 200]
    assert len(built) == 1
    calls = [ask(application, "POST", "/v1/rerank", json=BODY, headers=KEY) for _ in range(3)]
    assert [status for status, _, _ in calls] == [429, 429, 200]


@pytest.mark.served
@pytest.mark.usefixtures("connections_are_closed")
@pytest.mark.parametrize("attempt", range(2))
def test_concurrent_first_requests_are_answered(attempt):
    requests = [
        ({"method": "GET", "path": "/__admin/faults"}, 200),
        ({"method": "GET", "path": "/__admin/faults"}, 200),
        ({"method": "GET", "path": "/nowhere"}, 404),
        ({}, 200),
        ({"Authorization": ""}, 401),
        ({"body": "{}"}, 400),
        ({"Prefer": "code=429"}, 429),
    ]
    statuses = {}
    with running("-q") as mock:
        start = Barrier(len(requests))

        def first(number, client, request):
            start.wait()
            statuses[number] = client.ask(**request)[0]

        clients = [(number, ServedClient(mock), request) for number, (request, _) in enumerate(requests)]
        run_concurrently(*(partial(first, *each) for each in clients))

    assert [statuses[number] for number in range(len(requests))] == [status for _, status in requests]
