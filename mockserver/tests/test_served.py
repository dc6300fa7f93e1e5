"""The mock as its own server runs it: Flask is there when it is needed, and nobody waits for it before."""

import subprocess
import sys
import time
from threading import Barrier, Event, Thread

import pytest
from werkzeug.test import Client

from mock_process import running
from served_client import Client as ServedClient
from served_client import connections_are_closed  # noqa: F401  # a fixture
from together_rerank_mockserver import app as flask_application
from together_rerank_mockserver.app import create_app
from together_rerank_mockserver.operation import Operation
from together_rerank_mockserver.served import Served
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.waiting import Waiting

BODY = {"model": "m", "query": "llama", "documents": ["panda", "llama"]}
KEY = {"Authorization": "Bearer key"}
CORS = Settings(cors=("http://localhost:3000",))
REQUESTS = [
    ("GET", "/health", {}),
    ("HEAD", "/health", {}),
    ("POST", "/health", {}),
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
# A server that has no more than it imports at its start, asked one thing after the other.
ASK = """
import io, sys
from wsgiref.util import setup_testing_defaults
from together_rerank_mockserver import cli, granian_server
from together_rerank_mockserver.settings import Settings

application, _ = granian_server._application(Settings())

def ask(method, path, body=b""):
    statuses = []
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_AUTHORIZATION": "Bearer key", "wsgi.input":
               io.BytesIO(body), "CONTENT_TYPE": "application/json", "wsgi.input_terminated": True}
    setup_testing_defaults(environ)
    application(environ, lambda status, *_: statuses.append(status))
    print(method, path, *statuses, *sorted({"flask", "werkzeug"} & sys.modules.keys()))

ask("GET", "/health")
ask("POST", "/v1/rerank", b'{"model": "m", "query": "llama", "documents": ["panda", "llama"]}')
ask("GET", "/nowhere")
"""


def served(settings=None):
    return Served(Operation(settings or Settings(), Waiting(Event())))


def ask(application, method, path, **request):
    local = {"REMOTE_ADDR": "127.0.0.1"}
    response = Client(application).open(path, method=method, environ_overrides=local, **request)
    return response.status, [*response.headers], response.data


def at_once(*doings):
    threads = [Thread(target=doing) for doing in doings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(("method", "path", "request_"), REQUESTS, ids=lambda each: str(each)[:60])
@pytest.mark.parametrize("settings", [Settings(), CORS], ids=["as usual", "cors"])
def test_the_answer_is_that_of_the_flask_application_byte_for_byte(method, path, request_, settings):
    assert ask(served(settings), method, path, **request_) == ask(create_app(settings), method, path, **request_)


def test_calls_and_the_health_are_answered_without_flask():
    ran = subprocess.run([sys.executable, "-c", ASK], check=True, capture_output=True, text=True, timeout=60)

    assert ran.stdout.splitlines() == [
        "GET /health 200 OK",
        "POST /v1/rerank 200 OK",
        "GET /nowhere 404 NOT FOUND flask werkzeug",
    ]


def test_pages_of_other_origins_may_read_the_health():
    _, headers, _ = ask(served(CORS), "GET", "/health", headers={"Origin": "http://localhost:3000"})

    assert ("Access-Control-Allow-Origin", "http://localhost:3000") in headers


def test_two_that_need_flask_first_at_the_same_moment_get_the_same_one(monkeypatch):
    built, around = [], flask_application.around

    def slowly(operation):
        time.sleep(0.1)
        built.append(around(operation))
        return built[-1]

    monkeypatch.setattr(flask_application, "around", slowly)
    application = served()
    statuses = []

    def queue():
        statuses.append(ask(application, "POST", "/__admin/faults", json={"fault": "429"})[0])

    at_once(queue, queue)

    assert statuses == ["200 OK"] * 2
    assert len(built) == 1
    assert [ask(application, "POST", "/v1/rerank", json=BODY, headers=KEY)[0][:3] for _ in "123"] == [
        "429",
        "429",
        "200",
    ]


@pytest.mark.usefixtures("connections_are_closed")
def test_all_that_is_asked_first_and_at_once_is_answered():
    with running("-q") as mock:
        paths = [("GET", "/__admin/faults"), ("POST", "/v1/rerank"), ("GET", "/__admin/faults"), ("GET", "/nowhere")]
        clients = [(ServedClient(mock), method, path) for method, path in paths]
        start, statuses = Barrier(len(paths)), {}

        def first(client, method, path, number):
            start.wait()
            statuses[number] = client.ask(method=method, path=path)[0]

        at_once(*(lambda each=each, n=n: first(*each, n) for n, each in enumerate(clients)))

    assert [statuses[number] for number in range(len(paths))] == [200, 200, 200, 404]
