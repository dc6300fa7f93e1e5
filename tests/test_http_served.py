"""HTTP as bytes on sockets, on each server: which requests are rejected, and that no hidden request is executed."""

import http.client
import json
import socket
import time

import pytest

from bare_http import BODY, HEAD, connect, request
from mock_process import running, server  # noqa: F401  # a fixture

pytestmark = [pytest.mark.served, pytest.mark.usefixtures("server")]

LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
NO_HOST = HEAD.replace(b"Host: x\r\n", b"")


@pytest.fixture(scope="module")
def mock(server):
    with running("-q") as mock:
        yield mock


def exchange(mock, sent, *, half_close=False):
    """Send bytes; return all bytes received until the server closes the connection or sends nothing for 0.3 s."""
    with connect(mock) as client:
        client.sendall(sent)
        if half_close:
            client.shutdown(socket.SHUT_WR)
        client.settimeout(0.3)
        received = b""
        try:
            while data := client.recv(65536):
                received += data
        except TimeoutError:
            return received, False
        return received, True


def executed(mock):
    """Return how many calls are in the journal."""
    connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=20)
    connection.request("GET", "/__admin/requests?limit=0")
    total = json.loads(connection.getresponse().read())["total"]
    connection.close()
    return total


REFUSED = {
    "a folded Transfer-Encoding": HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + CHUNKS,
    "a folded header": HEAD + b"X-A: b\r\n\tc\r\n" + LENGTH + b"\r\n" + BODY,
    "an unknown Transfer-Encoding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKS,
    "a Transfer-Encoding with a control character": HEAD + b"Transfer-Encoding:\x0bchunked\r\n\r\n" + CHUNKS,
    "a space before the colon": HEAD + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNKS,
    "Transfer-Encoding in HTTP/1.0": HEAD.replace(b"/1.1", b"/1.0") + CHUNKED + b"\r\n" + CHUNKS,
    "two lengths": HEAD + LENGTH + b"Content-Length: 3\r\n\r\n" + BODY,
    "two lengths in one header": HEAD + b"Content-Length: 3, 4\r\n\r\n" + BODY,
    "no Host": NO_HOST + LENGTH + b"\r\n" + BODY,
    "two Hosts": HEAD + b"Host: y\r\n" + LENGTH + b"\r\n" + BODY,
    "the same Host twice": HEAD + b"Host: x\r\n" + LENGTH + b"\r\n" + BODY,
}
# hyper reads these by their chunks; GranianFront closes the connection.
AMBIGUOUS = {
    "a length beside chunks": HEAD + LENGTH + CHUNKED + b"\r\n" + CHUNKS,
    "a short length beside chunks": HEAD + CHUNKED + b"Content-Length: 4\r\n\r\n" + CHUNKS,
    "chunked twice": HEAD + CHUNKED + CHUNKED + b"\r\n" + CHUNKS,
    "two codings": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS,
}


@pytest.mark.parametrize("case", [*REFUSED, *AMBIGUOUS])
def test_an_ambiguous_request_is_rejected_and_nothing_after_it_is_executed(mock, server, case):
    is_read_by_hyper = server == "granian" and case in AMBIGUOUS
    before = executed(mock)

    received, closed = exchange(mock, (REFUSED | AMBIGUOUS)[case] + request())

    assert received.startswith(b"HTTP/1.1 200" if is_read_by_hyper else b"HTTP/1.1 400")
    assert received.count(b"HTTP/1.1 ") == 1
    assert closed
    assert executed(mock) == before + is_read_by_hyper


def test_nothing_after_a_chunked_request_is_executed_on_granian(mock, server):
    received, closed = exchange(mock, HEAD + CHUNKED + b"\r\n" + CHUNKS + request())

    assert received.count(b"HTTP/1.1 200") == (1 if server == "granian" else 2)
    assert closed == (server == "granian")


@pytest.mark.parametrize("cut", [HEAD[:20], HEAD, HEAD + LENGTH, HEAD + LENGTH + b"\r"])
def test_a_head_that_is_cut_off_executes_nothing(mock, cut):
    before = executed(mock)

    received, closed = exchange(mock, cut, half_close=True)

    assert b" 200 " not in received
    assert closed
    assert executed(mock) == before


def test_empty_lines_before_a_request_are_ignored(mock):
    received, _ = exchange(mock, b"\r\n" + request() + b"\r\n" + request())

    assert received.count(b"HTTP/1.1 200") == 2


def test_a_head_beyond_64_kib_is_rejected(mock, server):
    fitting, closed = exchange(mock, request(X_Long="a" * 60_000))
    received, closed = exchange(mock, request(X_Long="a" * (66_000 if server == "threaded" else 132_000)))

    assert fitting.startswith(b"HTTP/1.1 200")
    assert received.startswith(b"HTTP/1.1 431")
    assert closed


@pytest.mark.parametrize("method", [b"post", b"Post"])
def test_a_method_in_lower_case_is_not_allowed(mock, method):
    received, _ = exchange(mock, request().replace(b"POST", method, 1))

    assert received.startswith(b"HTTP/1.1 405")
    assert method + b" is not allowed here; allowed: POST" in received


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip"])
def test_any_other_content_encoding_is_rejected(mock, coding):
    received, _ = exchange(mock, request(b"\x1f\x8b" + BODY, Content_Encoding=coding))

    assert received.startswith(b"HTTP/1.1 415")
    assert b"only identity" in received


def test_the_content_encoding_identity_is_accepted(mock):
    assert exchange(mock, request(Content_Encoding="Identity"))[0].startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("path", [b"//v1/rerank", b"//v1//rerank", b"///", b"/v1//rerank"])
def test_a_doubled_slash_is_logged_unchanged(mock, path):
    received, _ = exchange(mock, b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 404")
    assert b"There is no " + path + b" here" in received


@pytest.mark.parametrize("version", [b"HTTP/2.0", b"HTTP/9.9", b"HTTP/1.2"])
def test_an_unsupported_http_version_is_rejected(mock, version):
    received, closed = exchange(mock, b"GET /health " + version + b"\r\nHost: x\r\n\r\n")

    assert b" 200 " not in received
    assert closed


def test_http_2_is_not_supported(mock, server):
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"

    received, closed = exchange(mock, preface)

    assert not received.startswith(b"\x00")  # a frame of HTTP/2
    assert closed


def test_an_invalid_header_is_not_quoted_in_the_response(mock):
    received, _ = exchange(mock, HEAD.replace(b"Authorization:", b"Authorization :") + b"\r\n")

    assert received.startswith(b"HTTP/1.1 400")
    assert b"Bearer" not in received


def test_a_request_for_a_websocket_is_answered_as_any_other(mock):
    upgrade = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAA==\r\n"
    )

    received, _ = exchange(mock, b"GET /health HTTP/1.1\r\nHost: x\r\n" + upgrade.encode() + b"\r\n")

    assert received.startswith(b"HTTP/1.1 200")


def test_a_client_that_waits_for_100_continue_gets_it_before_it_sends_the_body(mock):
    with connect(mock) as client:
        client.sendall(HEAD + b"Expect: 100-continue\r\n" + LENGTH + b"\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(BODY)
        assert client.recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("size", [1_000, 300_000, 40_000_000])
def test_a_body_that_is_not_needed_does_not_stop_the_answer(mock, size):
    received, _ = exchange(mock, request(b"x" * size, head=b"POST /v2/other HTTP/1.1\r\nHost: x\r\n")[:1_000_000])

    assert received.startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize("rest", [b"", b"x" * 1_000_000])
def test_a_body_over_the_limit_is_rejected_before_it_has_arrived(mock, rest):
    received, _ = exchange(mock, HEAD + b"Content-Length: 40000000\r\n\r\n" + rest)

    assert received.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("length", [300, 300_000])
def test_a_body_of_any_length_may_arrive_in_pieces(mock, length):
    body = json.dumps({"model": "m", "query": "llama", "documents": ["llama", "x" * length]}).encode()
    sent = request(body)
    with connect(mock) as client:
        for start in range(0, len(sent), len(sent) // 4):
            client.sendall(sent[start : start + len(sent) // 4])
            time.sleep(0.2)
        assert client.recv(100).startswith(b"HTTP/1.1 200")
