"""The command as a process, on each server: readiness, requests and shutdown."""

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from bare_http import connect, request, until
from mock_process import BODY, COMMAND, KEY, READY, environment, post, running, server, start  # noqa: F401  # a fixture

pytestmark = [pytest.mark.served, pytest.mark.usefixtures("server")]


@pytest.fixture(scope="module")
def mock(server):
    """A mock shared by the tests that do not change its state."""
    with running("-q", "--max-body", 1_000) as mock:
        yield mock


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_the_ready_line_names_the_port_and_is_printed_when_the_mock_is_ready(mock):
    assert mock.url == f"http://127.0.0.1:{mock.port}"
    assert mock.port != 0
    assert post(mock)[0] == 200


def test_stderr_has_client_hints_and_a_line_for_each_request():
    with running("--model", "m") as mock:
        post(mock)
        post(mock, BODY.replace('"m"', '"other"'))
        post(mock, headers={**KEY, "Authorization": "Bearer sk-secret"}, body="{")

        assert mock.stop(signal.SIGTERM) == 0

    log = "".join(mock.lines)
    assert f"TOGETHER_BASE_URL={mock.url}" in log
    assert f"  Other APIs       {mock.url}/cohere, /infinity, " in log
    assert "POST /v1/rerank 200 " in log
    assert "POST /v1/rerank 404 " in log
    assert "Unable to access model other" in log
    assert "not JSON" in log
    assert "sk-secret" not in log
    assert "Traceback" not in log


CLOSED = "  Control plane    closed, because other machines can reach the mock; --admin-token TOKEN opens it\n"


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--host", "0.0.0.0"], CLOSED),
        (["--no-admin"], "  Control plane    closed by --no-admin\n"),
        (["--host", "0.0.0.0", "--admin-token", "t"], None),
        (["--host", "localhost"], None),
        (["--host", "0.0.0.0", "-q"], None),
        (["--no-admin", "-q"], None),
    ],
)
def test_a_closed_control_plane_is_announced(flags, line):
    with running(*flags) as mock:
        mock.stop(signal.SIGTERM)

    assert [each for each in mock.lines if "Control plane" in each] == ([line] if line else [])


def test_a_closed_control_plane_is_not_announced_in_json():
    with start("--no-admin", "--log-format", "json") as process:
        assert json.loads(process.stdout.readline())["event"] == "ready"
        process.terminate()
        assert process.wait(20) == 0
        assert process.stderr.read() == ""


def test_a_key_is_never_shown():
    with running("--api-key", "sk-secret") as mock:
        mock.stop(signal.SIGTERM)

    assert "TOGETHER_API_KEY=YOUR_KEY" in "".join(mock.lines)
    assert "sk-secret" not in "".join(mock.lines)


def test_an_old_ready_file_is_replaced_and_one_of_another_mock_is_kept(tmp_path):
    ready_file = tmp_path / "ready"
    ready_file.write_text("http://127.0.0.1:1\n")
    with running("-q", "--ready-file", ready_file) as first:
        assert ready_file.read_text() == f"{first.url}\n"
        with running("-q", "--ready-file", ready_file) as second:
            first.stop(signal.SIGTERM)
            assert ready_file.read_text() == f"{second.url}\n"
            second.stop(signal.SIGTERM)

    assert not ready_file.exists()


def test_quiet_prints_nothing_to_stderr():
    with running("--quiet") as mock:
        post(mock)
        mock.stop(signal.SIGTERM)

    assert mock.lines == []


def test_ready_and_request_are_json_lines_and_the_ready_file_is_removed(tmp_path):
    ready_file = tmp_path / "ready"
    process = start("--log-format", "json", "--ready-file", ready_file)
    with process:
        ready = json.loads(process.stdout.readline())

        assert ready["event"] == "ready"
        assert ready["url"] == f"http://127.0.0.1:{ready['port']}"
        assert ready["pid"] == process.pid
        assert ready_file.read_text() == f"{ready['url']}\n"
        assert list(tmp_path.iterdir()) == [ready_file]

        connection = http.client.HTTPConnection("127.0.0.1", ready["port"], timeout=20)
        connection.request("GET", "/nowhere")
        connection.getresponse().read()
        connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert [json.loads(line)["status"] for line in process.stderr] == [404]
    assert list(tmp_path.iterdir()) == []


def begin(mock, length, sent=b"", path="/rerank", more=""):
    """Send the head of a request and some of its body; the application now waits for the rest."""
    client = socket.create_connection(("127.0.0.1", mock.port), timeout=60)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\n{more}"
    client.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode() + sent)
    return client


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_after_a_signal_calls_in_flight_are_answered_and_the_status_is_zero(stop):
    content = BODY.encode()
    with running() as mock, begin(mock, len(content), more="Expect: 100-continue\r\n") as client:
        # The application reads the body, so the call is in flight.
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        mock.process.send_signal(stop)
        time.sleep(0.1)
        client.sendall(content)

        assert client.recv(100).startswith(b"HTTP/1.1 200")
        assert mock.process.wait(60) == 0
        assert not listens(mock.port)


def test_a_call_that_never_ends_is_closed_after_five_seconds():
    with running() as mock, begin(mock, 9, more="Expect: 100-continue\r\n") as client:
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        began = time.monotonic()

        assert mock.stop(signal.SIGTERM, 60) == 0
        assert time.monotonic() - began > 4


PAIRS = [(signal.SIGINT, signal.SIGTERM), (signal.SIGTERM, signal.SIGHUP), (signal.SIGHUP, signal.SIGINT)]


@pytest.mark.parametrize("pair", PAIRS)
def test_two_different_signals_within_a_millisecond_stop_the_server(pair):
    with contextlib.ExitStack() as stack:
        mocks = [stack.enter_context(running("-q")) for _ in range(4)]
        for number, mock in enumerate(mocks):
            mock.process.send_signal(pair[0])
            time.sleep(0.0003 * number)
            mock.process.send_signal(pair[1])
        for mock in mocks:
            assert mock.process.wait(60) == 0
            mock.read_to_the_end()
            assert mock.lines == []


@pytest.mark.parametrize("pair", PAIRS)
def test_signals_before_readiness_stop_the_server_with_status_zero(pair):
    processes = [start("-q") for _ in range(4)]
    for number, process in enumerate(processes):
        with process:
            caught = 0
            while not caught & 1 << signal.SIGHUP - 1:  # the last handler that it installs
                (caught,) = (
                    int(line.split()[1], 16)
                    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
                    if line.startswith("SigCgt:")
                )
            time.sleep(0.01 * number)
            process.send_signal(pair[0])
            process.send_signal(pair[1])

            assert process.wait(60) == 0
            assert process.stderr.read() == ""


def test_twenty_signals_in_a_row_stop_the_server():
    with running("-q") as mock:
        for _ in range(20):
            mock.process.send_signal(signal.SIGTERM)
            time.sleep(0.0005)

        assert mock.process.wait(60) == 0


# Redirections of the command; a closed pipe has no reader.
REDIRECTIONS = {
    "stderr closed": "2>&-",
    "all closed": "<&- >&- 2>&-",
    "both full": ">/dev/full 2>/dev/full",
    "a closed pipe": "",
}


@pytest.mark.parametrize("redirection", REDIRECTIONS)
def test_with_closed_or_full_streams_no_byte_of_the_log_reaches_a_client(redirection, server, tmp_path):
    ready_file = tmp_path / "ready"
    script = f'exec "$0" serve --port 0 --server {server} --ready-file "{ready_file}" {REDIRECTIONS[redirection]}'
    process = subprocess.Popen(
        ["bash", "-c", script, COMMAND], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    with process, contextlib.ExitStack() as stack:
        stack.callback(process.kill)
        process.stdout.close()
        process.stderr.close()
        deadline = time.monotonic() + 60
        while not (ready_file.exists() and ready_file.read_text()):
            assert time.monotonic() < deadline, "the mock did not start"
            time.sleep(0.01)
        port = int(ready_file.read_text().strip().rpartition(":")[2])
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 20)) for _ in range(8)]
        for client in clients:
            client.sendall(b"POST /v1/nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
            assert until(client, lambda got: got.endswith(b"}}")).startswith(b"HTTP/1.1 404")
        time.sleep(0.2)
        for client in clients:
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.recv(1)
        process.send_signal(signal.SIGTERM)

        assert process.wait(60) == 0


def test_a_body_over_the_limit_is_rejected_before_it_is_sent(mock):
    with begin(mock, 1_001, b"x") as client:
        assert client.recv(100).startswith(b"HTTP/1.1 413")

    chunked = iter([b"x" * 600, b"x" * 600])
    assert post(mock, chunked, {**KEY, "Transfer-Encoding": "chunked"})[0] == 413
    assert post(mock, iter([BODY.encode()]), {**KEY, "Transfer-Encoding": "chunked"})[0] == 200


def test_a_body_that_ends_early_is_rejected(mock):
    with begin(mock, len(BODY) + 1, BODY.encode()) as client:
        client.shutdown(socket.SHUT_WR)

        assert client.recv(100).startswith(b"HTTP/1.1 400")


def test_a_half_sent_request_does_not_delay_others(mock):
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(begin(mock, 9))

        assert post(mock)[0] == 200


@pytest.mark.parametrize("path", ["//v1/rerank", "/v1//rerank", "/v1/rerank/", "/v1/v1/rerank", "/%ff", "*"])
def test_a_path_is_not_normalized(mock, path):
    with begin(mock, 0, path=path) as client:
        assert client.recv(100).startswith(b"HTTP/1.1 404")


def test_a_blocked_stderr_does_not_delay_the_server():
    with start() as process, contextlib.ExitStack() as stack:
        stack.callback(process.kill)
        url = process.stdout.readline().removeprefix(READY).strip()
        # A pipe holds 64 KiB.
        for _ in range(300):
            # Each on its own connection: a server may close one whose body it did not read.
            connection = http.client.HTTPConnection("127.0.0.1", int(url.rpartition(":")[2]), timeout=20)
            connection.request("POST", "/" + "x" * 1_000, BODY, KEY)
            assert connection.getresponse().read()
            connection.close()
        process.terminate()
        assert process.wait(20) == 0


def test_the_same_requests_get_the_same_answers_however_they_interleave():
    bodies = [BODY.replace("panda", f"panda{n % 5}") for n in range(100)]
    answers = []
    for shuffled in (bodies, bodies[::-1]):
        with running("-q") as mock:
            got = []
            threads = [threading.Thread(target=lambda b=b, g=got, m=mock: g.append(post(m, b))) for b in shuffled]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            answers.append(sorted(got))

    assert answers[0] == answers[1]
    assert len(set(answers[0])) == 100


def test_a_hang_does_not_prevent_shutdown():
    with running("-q", "--server", "threaded") as mock, connect(mock) as client:
        client.sendall(request(Prefer="fault=hang"))
        time.sleep(0.2)

        assert mock.stop(signal.SIGTERM, 60) == 0
