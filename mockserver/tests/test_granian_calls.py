"""How GranianCalls answers, without granian: in which thread, and with which environ."""

import asyncio
import json
import threading
from types import SimpleNamespace

import pytest

from together_rerank_mockserver.http import flask_app
from together_rerank_mockserver.http.wsgi import Mock, application
from together_rerank_mockserver.http.wsgi_app import WsgiApp
from together_rerank_mockserver.server import granian_calls
from together_rerank_mockserver.server.granian_calls import GranianCalls, environ_of
from together_rerank_mockserver.server.granian_front import GranianFront
from together_rerank_mockserver.server.thread_pool import ThreadPool
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state.delay_limiter import DelayLimiter

BODY = json.dumps({"model": "m", "query": "llama", "documents": ["panda", "llama"]}).encode()
LARGE = json.dumps({"model": "m", "query": "llama", "documents": ["x" * 300_000, "llama"]}).encode()


class Headers:
    def __init__(self, **headers):
        self._items = [(name.replace("_", "-"), value) for name, value in headers.items()]

    def items(self):
        return self._items


def request(body=BODY, headers=None, **changes):
    length = {"content_length": str(len(body))} if body else {}
    sent = {"host": "x", "authorization": "Bearer key", "content_type": "application/json", **length, **(headers or {})}
    return SimpleNamespace(
        **{
            "method": "POST",
            "path": "/v1/rerank",
            "query_string": "",
            "http_version": "1.1",
            "scheme": "http",
            "client": "127.0.0.1:5000",
            "server": "127.0.0.1:4010",
            "authority": None,
            "headers": Headers(**sent),
            **changes,
        }
    )


class Protocol:
    """What granian passes for one call; the body arrives after *delay_s*, in pieces if the call asks for pieces."""

    def __init__(self, body=BODY, delay_s=0.0, error=None):
        self._pieces = [body[start : start + 100_000] for start in range(0, len(body), 100_000)]
        self._delay_s = delay_s
        self._error = error
        self.sent = b""

    async def __call__(self):
        await asyncio.sleep(self._delay_s)
        if self._error:
            raise self._error
        return b"".join(self._pieces)

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self._pieces:
            raise StopAsyncIteration
        return self._pieces.pop(0)

    def response_bytes(self, status, headers, body):
        self.status, self.headers, self.sent = status, dict(headers), body
        self.thread = threading.current_thread()

    def response_stream(self, status, headers):
        self.response_bytes(status, headers, b"")
        return self

    def send_bytes(self, piece):
        self.sent += piece


def calls(**settings):
    limiter = DelayLimiter(threading.Event())
    app = WsgiApp(Mock(Settings(**settings), limiter))
    return GranianCalls(GranianFront(app, limiter, 30), ThreadPool(10))


def answer(scope=None, protocol=None, application=None):
    """Answer one call; return its protocol object, with what it has sent."""
    application, protocol = application or calls(), protocol or Protocol()

    async def run():
        application.__rsgi_init__(asyncio.get_running_loop())
        await application.__rsgi__(scope or request(), protocol)

    asyncio.run(run())
    return protocol


@pytest.fixture
def own():
    """The thread of the event loop in these tests."""
    return threading.current_thread()


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        (request(), 200),
        (request(headers={"authorization": ""}), 401),
        (request(headers={"host": "x,y"}), 400),
        (request(b"", method="GET", path="/health"), 200),
        (request(b"", method="GET", path="/metrics"), 200),
    ],
)
def test_a_call_that_does_not_wait_is_answered_in_the_thread_of_the_loop(own, scope, status):
    answered = answer(scope)

    assert (answered.status, answered.thread) == (status, own)


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        (request(headers={"prefer": "code=503, delay=1"}), 503),
        (request(headers={"prefer": "fault=drip, pause=1"}), 200),
        (request(headers={"prefer": "fault=no-key-accepted"}), 200),
        (request(headers={"transfer_encoding": "chunked"}), 200),
        (request(headers={"expect": "100-continue"}), 200),
        (request(b"", method="GET", path="/nowhere"), 404),
    ],
)
def test_a_call_that_can_wait_is_answered_in_another_thread(own, scope, status):
    answered = answer(scope)

    assert answered.status == status
    assert answered.thread is not own
    assert int(answered.headers["Content-Length"]) == len(answered.sent)


def test_flask_is_loaded_by_the_first_request_that_needs_it_in_another_thread(own, monkeypatch):
    threads = []

    def build_app(mock):
        threads.append(threading.current_thread())
        return application(mock.health)

    monkeypatch.setattr(flask_app, "build_app", build_app)
    served = calls()

    assert answer(request(b"", method="GET", path="/health"), application=served).status == 200
    assert threads == []
    assert answer(request(b"", method="GET", path="/nowhere"), application=served).status == 200
    assert len(threads) == 1
    assert own not in threads


def test_a_path_that_is_not_below_the_base_path_is_answered_in_another_thread(own):
    answered = answer(request(b"", path="/elsewhere"), application=calls(base_path="/mock"))

    assert answered.status == 404
    assert answered.thread is not own


@pytest.mark.parametrize("settings", [{"latency_ms": 1}, {"fault": "429"}, {"chaos": ("429=1",)}])
def test_latency_and_a_fault_of_the_settings_move_each_call(own, settings):
    answered = answer(application=calls(**settings))

    assert answered.thread is not own
    assert answered.status == (200 if "latency_ms" in settings else 429)


def test_a_large_body_is_read_in_pieces_and_ranked_in_another_thread(own):
    answered = answer(request(LARGE), Protocol(LARGE))

    assert answered.status == 200
    assert answered.thread is not own
    assert answer(request(LARGE), Protocol(LARGE), calls(max_body=200_000)).status == 413


def test_a_body_that_arrives_late_is_answered_in_another_thread(own, monkeypatch):
    monkeypatch.setattr(granian_calls, "SHORT_S", 0.02)

    answered = answer(protocol=Protocol(delay_s=0.2))

    assert answered.status == 200
    assert answered.thread is not own


def test_a_body_of_a_client_that_disconnects_is_cut_short():
    answered = answer(protocol=Protocol(error=RuntimeError("RSGI transport is closed")))

    assert answered.status == 400
    assert f"after 0 of {len(BODY)} bytes".encode() in answered.sent


def test_the_environ_is_that_of_a_wsgi_server():
    headers = {"x_a": "1", "content_type": "text/plain"}
    scope = request(headers=headers, path="/ünï", client="[::1]:9", server="[::1]:80", query_string="a=%20")
    scope.headers.items().append(("x-a", "2"))

    environ = environ_of(scope)

    assert environ["PATH_INFO"].encode("latin-1").decode() == "/ünï"
    assert (environ["REMOTE_ADDR"], environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("::1", "::1", "80")
    assert (environ["HTTP_X_A"], environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"]) == ("1,2", "text/plain", "65")
    assert (environ["QUERY_STRING"], environ["SERVER_PROTOCOL"]) == ("a=%20", "HTTP/1.1")


@pytest.mark.parametrize(("authority", "host"), [("example.org", "example.org"), (None, "")])
def test_without_a_host_header_the_url_names_the_host(authority, host):
    scope = request(authority=authority)
    scope.headers.items().pop(0)

    assert environ_of(scope)["HTTP_HOST"] == host


def test_a_header_with_underscores_is_no_content_length():
    scope = request(b"")
    scope.headers.items().append(("content_length", "5"))

    assert "CONTENT_LENGTH" not in environ_of(scope)
