"""What GranianFront adds to the application, tested without granian."""

import threading
from concurrent.futures import Future

import pytest

from together_rerank_mockserver.http.wsgi import Mock
from together_rerank_mockserver.http.wsgi_app import WsgiApp
from together_rerank_mockserver.server.granian_front import GranianFront
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state.delay_limiter import DelayLimiter

BODY = b'{"model": "m", "query": "llama", "documents": ["panda", "llama"]}'


class Body:
    """A body that granian reads; it has arrived, or arrives when the test sets it."""

    def __init__(self, content=None):
        self.content = Future()
        if content is not None:
            self.content.set_result(content)

    def begin(self, _):
        return self.content


def front(*, limit=400, timeout_s=30.0):
    limiter = DelayLimiter(threading.Event(), limit)
    return GranianFront(WsgiApp(Mock(Settings(), limiter)), limiter, timeout_s), limiter


def call(app, body=None, **changes):
    """Return the status line, the headers and the body of the answer."""
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/v1/rerank",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "x",
        "HTTP_AUTHORIZATION": "Bearer key",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(BODY)),
        "wsgi.input": body or Body(BODY),
        "wsgi.input_terminated": True,
        **changes,
    }
    head = []
    pieces = app(environ, lambda status, headers, *_: head.extend((status, dict(headers))))
    return *head, b"".join(pieces)


def test_a_normal_call_keeps_the_connection():
    status, headers, body = call(front()[0])

    assert status == "200 OK"
    assert "Connection" not in headers
    assert int(headers["Content-Length"]) == len(body)


def test_a_chunked_call_closes_the_connection():
    status, headers, _ = call(front()[0], HTTP_TRANSFER_ENCODING="chunked")

    assert (status, headers["Connection"]) == ("200 OK", "close")


def test_a_call_during_shutdown_closes_the_connection():
    app, limiter = front()
    limiter._stopping.set()

    assert call(app)[1]["Connection"] == "close"
    assert call(app, REQUEST_METHOD="GET", PATH_INFO="/health", CONTENT_LENGTH="0")[1]["Connection"] == "close"


@pytest.mark.parametrize(
    ("host", "protocol", "status"), [("", "HTTP/1.1", 400), ("x,y", "HTTP/1", 400), ("", "HTTP/1", 200)]
)
def test_a_request_must_have_exactly_one_host(host, protocol, status):
    line, headers, _ = call(front()[0], HTTP_HOST=host, SERVER_PROTOCOL=protocol)

    assert int(line[:3]) == status
    assert headers.get("Connection") == ("close" if status == 400 else None)


def test_a_body_that_does_not_arrive_gets_a_408_that_is_one_byte_short():
    app, limiter = front(timeout_s=0.3)

    status, headers, body = call(app, Body())

    assert status == "408 REQUEST TIMEOUT"
    assert headers["Connection"] == "close"
    assert int(headers["Content-Length"]) == len(body) + 1
    assert limiter.waiting == 0


def test_too_many_bodies_that_do_not_arrive_get_503():
    late = [Body() for _ in range(4)]
    app, limiter = front(limit=3)
    answers = []
    threads = [threading.Thread(target=lambda each=each: answers.append(call(app, each))) for each in late]
    for thread in threads:
        thread.start()
    while not answers:
        threads[0].join(0.01)
    assert answers[0][0] == "503 SERVICE UNAVAILABLE"
    assert b"3 calls already wait" in answers[0][2]
    assert call(app)[0] == "200 OK"

    for each in late:
        each.content.set_result(b"")
    for thread in threads:
        thread.join()
    assert [int(status[:3]) for status, _, _ in answers] == [503, 400, 400, 400]
    assert limiter.waiting == 0
