"""The memory and the time that the command uses, whatever an endpoint sends."""

import gzip
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress

import pytest

from commanding import MODEL_AND_KEY, environment
from miniature import KEY
from test_transport import GOOD, Script, transport
from together_rerank_contract_tests.client import transport as transport_module
from together_rerank_contract_tests.client.transport import Inconclusive

MIB = 1 << 20
_MAX_RSS = 300 * MIB


def body(content, **headers):
    """Return a response with *content*, which is read until the connection ends."""
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
    return [f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{''.join(lines)}\r\n".encode(), content]


def filled(beginning, piece, end, size=8 * MIB):
    return beginning + piece * ((size - len(beginning) - len(end)) // len(piece)) + end


RESULTS = b'{"object": "rerank", "model": "m", "results": ['
# For each form: the pieces that the server sends, and whether it repeats the last one.
HOSTILE = {
    "many objects": (body(filled(b"[", b'{"":0},', b"0]")), False),
    "as many values as are parsed": (body(filled(RESULTS, b'{"":0},', b"{}]}", 7 * 9_990)), False),
    "a string of wide characters": (body(filled('{"results": ["\U0001f600'.encode(), b"x", b'"]}')), False),
    "a string of escapes": (body(filled(b'{"results": ["', b"\\u0041", b'"]}')), False),
    "deep nesting": (body(RESULTS + b"[" * 40_000 + b"]" * 40_000 + b"]}"), False),
    "an endless body": (body(b"x" * 65_536), True),
    "a compressed body": (body(gzip.compress(b" " * (256 * MIB), 9, mtime=0), Content_Encoding="gzip"), False),
    "1,000 long headers": ([b"HTTP/1.1 200 OK\r\n", *[b"X-Long: " + b"x" * 60_000 + b"\r\n"] * 1_000], False),
    "an endless chunk head": ([*body(b"", Transfer_Encoding="chunked"), b"1" * 1_000], True),
    "endless interim responses": ([b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000], True),
}


@contextmanager
def hostile(pieces, *, repeats):
    """Run a server that sends *pieces* over each connection; with *repeats*, the last one until the client is gone."""

    def answer(client):
        with client, suppress(OSError):
            client.settimeout(20)
            client.recv(65_536)
            for piece in pieces:
                client.sendall(piece)
            while repeats:
                client.sendall(pieces[-1])

    def serve():
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1/rerank"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


# The memory of a process's children is the maximum over all of them, so another process runs and measures the command.
_MEASURE = """
import resource, subprocess, sys
ran = subprocess.run(sys.argv[1:], stdout=sys.stderr)
print(ran.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def measured(*arguments):
    """Run the command; return its exit status, its output, and its memory in bytes."""
    main = "from together_rerank_contract_tests.cli import main; main()"
    command = [sys.executable, "-c", _MEASURE, sys.executable, "-c", main, *map(str, arguments)]
    ran = subprocess.run(command, env=environment(), check=True, capture_output=True, text=True, timeout=120)
    status, peak = map(int, ran.stdout.split())
    return status, ran.stderr, peak * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("form", HOSTILE)
def test_the_memory_is_limited(form):
    pieces, repeats = HOSTILE[form]
    with hostile(pieces, repeats=repeats) as url:
        status, output, peak = measured(url, *MODEL_AND_KEY, "--timeout", 5, "--max-time", 4)

    assert status in (1, 3, 4), output
    assert ", 0 requests, " not in output
    assert len(output) < 200_000
    assert peak < _MAX_RSS


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("form", ["many objects", "as many values as are parsed"])
def test_the_memory_of_drift_is_limited(form):
    pieces, repeats = HOSTILE[form]
    with hostile(pieces, repeats=repeats) as url:
        status, output, peak = measured("drift", url, *MODEL_AND_KEY, "--timeout", 5, "--max-time", 4)

    assert status in (1, 3, 4), output
    assert ", 0 requests, " not in output
    assert peak < _MAX_RSS


TOO_LARGE = {
    "a plain body": ({}, b"x" * 1_001),
    "a compressed body": ({"Content-Encoding": "gzip"}, gzip.compress(b"x" * 1_001, mtime=0)),
    "a compressed body that is larger than its content": (
        {"Content-Encoding": "gzip"},
        gzip.compress(b"", mtime=0) * 99,
    ),
}


@pytest.mark.parametrize("form", TOO_LARGE)
def test_a_response_is_read_up_to_its_limit(form):
    headers, content = TOO_LARGE[form]
    with Script((200, headers, content)) as server, transport(max_response_bytes=1_000) as sender:
        exchange = sender.send("POST", server.url)

    assert len(exchange.received) <= 1_000
    assert exchange.decode_error
    assert sender.notes == []


@pytest.mark.parametrize("size", [1_000, 1_001])
def test_the_limit_is_inclusive(size):
    with Script((200, {}, b"x" * size)) as server, transport(max_response_bytes=1_000) as sender:
        exchange = sender.send("POST", server.url)

    assert exchange.received == b"x" * 1_000
    assert exchange.decode_error == ("" if size == 1_000 else "the body has more than 1000 bytes")


@pytest.mark.parametrize("commas", [19_999, 20_000])
def test_a_body_with_too_many_values_is_not_parsed(commas):
    with Script((200, {}, b"[" + b"10," * commas + b"1]")) as server, transport() as sender:
        exchange = sender.send("POST", server.url)

    assert (exchange.body is None) is (commas == 20_000)
    assert exchange.decode_error == ("the body has more than 20000 values" if commas == 20_000 else "")


def test_a_lone_surrogate_is_not_text():
    with Script((200, {}, b'"\\uD800"'), (200, {}, b'"\\ud83d\\ude00"')) as server, transport() as sender:
        assert [sender.send("POST", server.url).body for _ in range(2)] == [None, "\U0001f600"]


def test_only_the_last_bodies_stay_parsed():
    with Script((200, {}, b'["a"]'), (200, {}, b'["b"]'), GOOD) as server, transport() as sender:
        exchanges = [sender.send("POST", server.url) for _ in range(3)]

    first = exchanges[0].body
    assert exchanges[0].body is first
    assert [each.body for each in exchanges] == [["a"], ["b"], {}]
    assert exchanges[0].body is not first


def test_nothing_is_kept_or_sent_after_the_limit(monkeypatch):
    monkeypatch.setattr(transport_module, "_MAX_KEPT", 5)
    with Script((200, {}, b"123")) as server, transport() as sender:
        assert sender.keep(sender.send("POST", server.url)).received == b"123"
        with pytest.raises(Inconclusive, match="so no more requests are sent"):
            sender.keep(sender.send("POST", server.url))
        with pytest.raises(Inconclusive, match="the responses to keep have more than"):
            sender.send("POST", server.url)

    assert len(server.seen) == 2


def test_an_excerpt_of_a_long_body_has_no_secret_and_the_whole_length():
    with Script((200, {}, f'"{KEY}{"x" * 100_000}"'.encode())) as server, transport(key=KEY, key_name="K") as sender:
        shown = sender.send("POST", server.url).response_excerpt

    assert shown.startswith('200 "$Kxxx')
    assert shown.endswith("(100004 in all)")
