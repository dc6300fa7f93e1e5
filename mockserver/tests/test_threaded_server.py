"""The server that tests embed: faults that need its socket, start and stop."""

import http.client
import json
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from bare_http import HEAD, Answer, ask, connect, request, until
from together_rerank_mockserver.server.threaded_server import MockServer
from together_rerank_mockserver.settings import Settings


@pytest.fixture(scope="module")
def mock():
    with MockServer() as server:
        yield server


def test_reset_resets_the_connection_and_empty_closes_it(mock):
    for _ in range(20):
        with connect(mock) as client:
            client.sendall(request(Prefer="fault=reset"))
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        with connect(mock) as client:
            client.sendall(request(Prefer="fault=empty"))
            assert client.recv(1) == b""


def test_a_hang_sends_nothing_and_ends_when_its_client_disconnects():
    with MockServer() as mock:
        with connect(mock) as client:
            client.sendall(request(Prefer="fault=hang") + b"\r\nand more")
            client.settimeout(0.3)
            with pytest.raises(TimeoutError):
                client.recv(1)
            assert len(mock._connections._open) == 1
        deadline = time.monotonic() + 60
        while mock._connections._open:
            assert time.monotonic() < deadline, "the connection of a disconnected client is still open"
            time.sleep(0.01)


@pytest.mark.parametrize("head", [HEAD + b"Connection: close\r\n", HEAD.replace(b"HTTP/1.1", b"HTTP/1.0")])
def test_a_hang_does_not_depend_on_connection_close(mock, head):
    with connect(mock) as client:
        client.sendall(request(head=head, Prefer="fault=hang"))
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_a_truncated_body_is_shorter_than_its_content_length(mock):
    with connect(mock) as client:
        client.sendall(request(Prefer="fault=truncate"))
        with pytest.raises(http.client.IncompleteRead) as cut:
            Answer(client)

    assert cut.value.expected - 1 <= len(cut.value.partial) <= cut.value.expected


@pytest.mark.slow
def test_a_drip_is_sent_in_ten_pieces():
    with MockServer() as mock, connect(mock) as client:
        client.sendall(request(Prefer="fault=drip, pause=200"))
        began, times = time.monotonic(), []
        while sum(1 for _ in times) < 10 and client.recv(4096):
            times.append(time.monotonic() - began)

    assert len(times) == 10
    assert times[-1] > 1.75


STATES = {
    "nothing sent": b"",
    "a head half sent": HEAD[:30],
    "a body half sent": request()[:-5],
    "kept after an answer": request(),
    "a hang": request(Prefer="fault=hang"),
    "a delay": request(Prefer="delay=60000"),
    "a drip": request(Prefer="fault=drip, pause=60000"),
}


@pytest.mark.parametrize("state", STATES)
def test_a_stop_is_immediate_in_every_state_of_a_connection(state):
    took = []
    for _ in range(2):
        server = MockServer()
        server.start()
        with connect(server) as client:
            client.sendall(STATES[state])
            time.sleep(0.05)
            began = time.monotonic()
            server.stop()
            took.append(time.monotonic() - began)

    assert min(took) < 0.5


def test_a_server_that_was_never_started_can_be_stopped():
    server = MockServer()
    server.stop()

    with pytest.raises(ConnectionRefusedError):
        connect(server)


def test_a_port_in_use_raises_an_os_error():
    with MockServer() as mock, pytest.raises(OSError, match="in use"):
        MockServer(port=mock.port)


def test_a_port_is_free_again_at_once():
    with MockServer() as mock:
        assert ask(mock, request()).status == 200
    with MockServer(port=mock.port) as again:
        assert ask(again, request()).status == 200


def test_a_connection_reset_by_the_client_prints_nothing(capfd):
    with MockServer() as mock:
        for _ in range(20):
            client = connect(mock)
            client.sendall(request())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        for _ in range(20):
            client = connect(mock)
            client.sendall(request()[:-5])
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        assert ask(mock, request()).status == 200

    assert capfd.readouterr() == ("", "")


def test_ipv6_is_served():
    with MockServer(Settings(host="::1")) as mock, socket.create_connection(("::1", mock.port), 10) as client:
        client.sendall(request())

        assert mock.url == f"http://[::1]:{mock.port}"
        assert Answer(client).status == 200


LATE = request(Prefer="delay=60000")


def journal(mock):
    return mock.mock.endpoint.registry.look("default").journal()[0]


@pytest.mark.parametrize("settings", [Settings(), Settings(latency_ms=60_000)])
@pytest.mark.parametrize("disconnect", [lambda client: client.close(), lambda client: client.shutdown(socket.SHUT_WR)])
def test_a_wait_ends_when_its_client_disconnects_and_is_recorded_at_once(settings, disconnect):
    with MockServer(settings) as mock:
        for _ in range(5):
            client = connect(mock)
            client.sendall(LATE if not settings.latency_ms else request())
            while not journal(mock) and not in_flight(mock):
                time.sleep(0.001)
            disconnect(client)
            mock.settle()
            (entry,) = journal(mock)
            client.close()
            assert entry.status is None
            assert entry.reply == ("client-gone" if settings.latency_ms else "forced; fault=delay; by=header")
            assert entry.ms < 50_000
            mock.mock.endpoint.registry.reset("default")


def in_flight(mock):
    return mock.mock.endpoint.registry.look("default").in_flight.count


def test_the_control_plane_lists_requests_of_disconnected_clients():
    with MockServer() as mock:
        for number in range(5):
            with connect(mock) as client:
                client.sendall(LATE)
                while not in_flight(mock):
                    time.sleep(0.001)
            answer = ask(mock, b"GET /__admin/requests HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert json.loads(answer.body)["total"] == number + 1


@pytest.mark.parametrize("sent", [request(), request()[:-5], request(Prefer="delay=60000")])
def test_a_request_is_recorded_although_its_client_closed_at_once(sent):
    stop = threading.Event()
    others = [threading.Thread(target=lambda: [sum(range(1000)) for _ in iter(stop.is_set, True)]) for _ in range(2)]
    with MockServer() as mock:
        for thread in others:
            thread.start()
        for number in range(10):
            with connect(mock) as client:
                client.sendall(sent)
            mock.settle()
            total = len(journal(mock))
            if total != number + 1:
                break
        stop.set()
        for thread in others:
            thread.join()

    assert total == 10


def test_a_client_that_sends_more_while_it_waits_is_answered():
    with MockServer() as mock, connect(mock) as client:
        client.sendall(request(Prefer="delay=200") + request())

        assert b"x-mock-reply: forced; fault=delay" in until(client, lambda got: got.count(b"HTTP/1.1 200") == 2)


@pytest.mark.parametrize("prefer", ["delay=60000", "fault=drip, pause=60000"])
def test_a_wait_ends_when_its_client_disconnects_after_sending_more(prefer):
    with MockServer() as mock:
        with connect(mock) as client:
            client.sendall(request(Prefer=prefer))
            while not in_flight(mock) and not journal(mock):
                time.sleep(0.001)
            time.sleep(0.05)
            client.sendall(b"P")
            time.sleep(0.05)
        deadline = time.monotonic() + 30
        while mock._connections._open or mock.mock.limiter.waiting:
            assert time.monotonic() < deadline, "the call still waits"
            time.sleep(0.01)


def test_a_request_that_was_sent_during_a_drip_is_answered_after_it():
    with MockServer() as mock, connect(mock) as client:
        client.sendall(request(Prefer="fault=drip, pause=30"))
        time.sleep(0.1)
        client.sendall(request()[:50])
        time.sleep(0.1)
        client.sendall(request()[50:])

        assert until(client, lambda got: got.count(b'"usage"') == 2).count(b"HTTP/1.1 200") == 2


def test_the_journal_does_not_wait_for_a_rejected_connection():
    with MockServer() as mock, connect(mock) as client:
        client.sendall(b"nonsense\r\n\r\n")
        assert client.recv(10) == b"HTTP/1.1 4"
        began = time.monotonic()
        mock.settle()

        assert time.monotonic() - began < 0.5


def test_a_stop_with_grace_ends_waits_and_still_answers():
    mock = MockServer()
    mock.start()
    with connect(mock) as client:
        client.sendall(LATE)
        while not in_flight(mock):
            time.sleep(0.001)
        began = time.monotonic()
        mock.stop(grace_s=50)

        assert Answer(client).status == 200
        assert time.monotonic() - began < 40


def test_a_client_that_reuses_its_connection_during_a_stop_is_still_answered():
    mock = MockServer()
    mock.start()
    with connect(mock) as client, ThreadPoolExecutor(1) as pool:
        client.sendall(request())
        assert not Answer(client).closes
        stopping = pool.submit(mock.stop, 50)
        time.sleep(0.05)
        client.sendall(request())
        answer = Answer(client)

        assert (answer.status, answer.closes) == (200, True)
        stopping.result(40)


def test_settle_does_not_wait_while_all_clients_are_connected():
    with MockServer() as mock, connect(mock) as client:
        client.sendall(LATE)
        while not in_flight(mock):
            time.sleep(0.001)
        began = time.monotonic()
        mock.settle()

        assert time.monotonic() - began < 40


def test_settle_returns_on_a_busy_server():
    stop = threading.Event()

    def ask_without_end():
        while not stop.is_set():
            ask(mock, request())

    with MockServer() as mock:
        busy = [threading.Thread(target=ask_without_end) for _ in range(4)]
        for thread in busy:
            thread.start()
        began = time.monotonic()
        for _ in range(10):
            mock.settle()
        took = time.monotonic() - began
        stop.set()
        for thread in busy:
            thread.join()

    assert took < 50


def test_concurrent_requests_for_the_journal_do_not_wait_for_each_other():
    journal_request = b"GET /__admin/requests HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with MockServer() as mock:
        began = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: ask(mock, journal_request), range(200)))

    assert {answer.status for answer in answers} == {200}
    assert time.monotonic() - began < 50
