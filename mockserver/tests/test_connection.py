"""HTTP on the threaded server: connections that stay open, chunked bodies, and rejected requests."""

import contextlib
import json
import socket
import time

import pytest

from bare_http import BODY, HEAD, Answer, ask, connect, request, until
from together_rerank_mockserver.server.threaded_server import MockServer
from together_rerank_mockserver.settings import Settings
from together_rerank_spec import Validator, load

ERROR = Validator(load().response_schema(400))


@pytest.fixture(scope="module")
def mock():
    with MockServer(Settings(max_body=100_000)) as server:
        yield server


def test_a_connection_is_kept_between_requests(mock):
    with connect(mock) as client:
        answers = []
        for _ in range(3):
            client.sendall(request())
            answers.append(Answer(client))

    assert [(answer.status, answer.closes) for answer in answers] == [(200, False)] * 3
    assert len({json.loads(answer.body)["id"] for answer in answers}) == 3


def test_pipelined_requests_are_answered_in_sequence(mock):
    other = BODY.replace(b"panda", b"sun")
    with connect(mock) as client:
        client.sendall(request() + request(other) + request())
        received = until(client, lambda received: received.count(b'"usage"') == 3)
        texts = [received.find(b"panda"), received.find(b"sun"), received.rfind(b"panda")]

    assert texts == sorted(texts)
    assert received.count(b"HTTP/1.1 200") == 3


def test_an_http_1_0_connection_is_closed_after_the_response(mock):
    answer = ask(mock, request(head=HEAD.replace(b"HTTP/1.1", b"HTTP/1.0")))

    assert (answer.status, answer.closes) == (200, True)


@pytest.mark.parametrize("connection", ["close", "Close"])
def test_connection_close_closes_the_connection(mock, connection):
    assert ask(mock, request(Connection=connection)).closes


def chunks(*pieces):
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def test_a_chunked_body_is_read(mock):
    answer = ask(mock, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(BODY[:10], BODY[10:]))

    assert answer.status == 200
    assert len(json.loads(answer.body)["results"]) == 2


def test_chunk_extensions_and_trailers_are_ignored_and_the_connection_is_kept(mock):
    body = b"%x;name=value\r\n%s\r\n0;last\r\nTrailer: x\r\n\r\n" % (len(BODY), BODY)
    with connect(mock) as client:
        client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body + request())
        received = until(client, lambda received: received.count(b'"usage"') == 2)

    assert received.count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize("length", [b"", b"Content-Length: 0\r\n"])
def test_a_request_without_a_body_is_answered_at_once(mock, length):
    answer = ask(mock, HEAD + length + b"\r\n")

    assert answer.status == 400
    assert b"has no body" in answer.body
    assert not answer.closes


def test_too_many_small_chunks_are_rejected(mock):
    def status(*sizes):
        head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
        return ask(mock, head + chunks(BODY[:-1], *(b" " * size for size in sizes), b"}")).status

    assert status(*[1] * 9_000) == 200
    assert status(*[9] * 10_010) == 400
    assert status(*[64] * 1_000, *[1] * 9_500) == 400


def test_an_invalid_chunk_size_is_not_quoted_in_the_error(mock):
    answer = ask(mock, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"zz secret" + b"\x01" * 60_000 + b"\r\n")

    assert answer.status == 400
    assert len(answer.body) < 200
    assert b"secret" not in answer.body


def test_the_read_timeout_applies_to_the_entire_body():
    piece = b"2;" + b"e" * 30_000 + b"\r\n  \r\n"
    with MockServer(Settings(read_timeout_s=1)) as mock, connect(mock) as client:
        client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        began = time.monotonic()
        with contextlib.suppress(OSError):  # until the server closes the connection
            while time.monotonic() - began < 20:
                client.sendall(piece)

        assert time.monotonic() - began < 10


def test_chunks_over_the_limit_are_rejected_without_reading_further(mock):
    with connect(mock) as client:
        client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"186A1\r\n" + b"x" * 100_001)
        answer = Answer(client)

    assert (answer.status, answer.closes) == (413, True)


@pytest.mark.parametrize(
    "broken",
    [
        b"0x2\r\n{}\r\n0\r\n\r\n",
        b"1_0\r\n",
        b"3\r\nabc\r\n",
        b"3;" + b"x" * 70_000,
        b"%x\r\n%sXX\r\n0\r\n\r\n" % (len(BODY), BODY),
        b"zz\r\nabc\r\n0\r\n\r\n",
        b"-5\r\nabc\r\n",
        b"3\r\nabcXX0\r\n\r\n",
        b"",
    ],
)
def test_broken_chunks_are_rejected(mock, broken):
    with connect(mock) as client:
        client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + broken)
        client.shutdown(socket.SHUT_WR)
        answer = Answer(client)

    assert answer.status == 400
    assert ERROR.violations(json.loads(answer.body)) == []


@pytest.mark.parametrize("length", ["abc", "-1", "1_0", "+5", "\u00b2", "9" * 5000, "5\r\nContent-Length: 6"])
def test_an_invalid_content_length_is_rejected(mock, length):
    answer = ask(mock, HEAD + f"Content-Length: {length}\r\n\r\n".encode("latin-1") + BODY)

    assert (answer.status, answer.closes) == (400, True)
    assert ERROR.violations(json.loads(answer.body)) == []


@pytest.mark.parametrize("coding", ["gzip", "xchunked", "gzip, chunked"])
def test_an_unsupported_transfer_coding_is_rejected(mock, coding):
    answer = ask(mock, HEAD + f"Transfer-Encoding: {coding}\r\n\r\n".encode())

    assert (answer.status, answer.closes) == (400, True)


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_invalid_http_is_answered_with_error_data(mock, sent):
    answer = ask(mock, sent)

    assert 400 <= answer.status < 600
    assert ERROR.violations(json.loads(answer.body)) == []


def test_a_body_over_the_limit_is_rejected_and_the_response_arrives(mock):
    for _ in range(5):
        with connect(mock) as client:
            client.sendall(request(b"x" * 20_000_000))  # exceeds the buffers, so it is read, or reset
            answer = Answer(client)
            assert (answer.status, answer.closes) == (413, True)


def test_an_unread_body_is_not_parsed_as_the_next_request(mock):
    hidden = request()
    with connect(mock) as client:
        client.sendall(request(hidden, head=b"POST /v2/other HTTP/1.1\r\nHost: x\r\n"))
        assert Answer(client).status == 404
        assert client.recv(1) == b""


def test_a_client_that_waits_for_100_continue_gets_it(mock):
    with connect(mock) as client:
        client.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY))
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(BODY)
        assert Answer(client).status == 200


def test_head_has_no_body_and_keeps_the_connection(mock):
    with connect(mock) as client:
        client.sendall(b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        received = until(client, lambda received: b'"ok"' in received)

    assert received.count(b"HTTP/1.1 200") == 2
    assert received.count(b'"ok"') == 1
