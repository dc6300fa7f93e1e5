"""Retries of requests to an endpoint that is busy, starts, or loses connections, and their limits."""

import itertools
import socket
import threading
import time

import pytest

from commanding import MODEL_AND_KEY, contract, verdict
from legitimate import BusyEveryTenthTime, Correct
from miniature import Refused
from raw_server import raw
from test_transport import GOOD, Script, transport
from together_rerank_contract_tests.client import transport as transport_module
from together_rerank_contract_tests.client.budget import BudgetSpent
from together_rerank_contract_tests.client.transport import Dropped, Inconclusive, Throttled

EMPTY_OBJECT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def short_waits(monkeypatch):
    monkeypatch.setattr(transport_module, "_FIRST_WAIT_S", 0.01)


def busy(status, **headers):
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, b"busy"


@pytest.mark.parametrize("status", [429, 503, 504])
def test_a_busy_endpoint_is_retried_and_every_answer_is_observed(short_waits, status):
    observed = []
    with Script(busy(status), busy(status), GOOD) as server, transport() as sender:
        sender.observe = observed.append
        exchange = sender.send("POST", f"{server.url}/v1/rerank")

    assert exchange.status == 200
    assert [each.status for each in observed] == [status, status, 200]
    assert sender.notes == [f"2 answers with {status}; the requests were sent again after a wait"]


def test_a_503_is_returned_after_all_retries(short_waits):
    with Script(busy(503)) as server, transport(retries=2) as sender:
        exchange = sender.send("POST", f"{server.url}/v1/rerank")

    assert exchange.status == 503
    assert sender.budget.requests == len(server.seen) == 3


def test_without_retries_each_request_is_sent_once():
    with Script(busy(503)) as server, transport(retries=0) as sender:
        sender.send("POST", f"{server.url}/v1/rerank")

    assert len(server.seen) == 1
    assert sender.notes == []


@pytest.mark.slow
def test_the_waits_grow_and_take_two_to_four_seconds_by_default():
    waits = []
    with Script(busy(503)) as server, transport() as sender:
        sender.waiting = lambda seconds, reason: waits.append((seconds, reason))
        began = time.monotonic()
        sender.send("POST", f"{server.url}/v1/rerank")
        seconds = time.monotonic() - began

    assert [reason for _, reason in waits] == ["503"] * 3
    assert all(later >= 2 * earlier for (earlier, _), (later, _) in itertools.pairwise(waits))
    assert 2 <= sum(wait for wait, _ in waits) <= seconds <= 4


def test_retry_after_replaces_the_growing_wait():
    waits = []
    with Script(busy(503, Retry_After="0.05"), GOOD) as server, transport() as sender:
        sender.waiting = lambda seconds, reason: waits.append((seconds, reason))
        sender.send("POST", f"{server.url}/v1/rerank")

    assert waits == [(0.05, "503")]


@pytest.mark.parametrize("retry_after", ["121", "1e9", "inf"])
def test_a_503_with_a_long_retry_after_is_not_retried(retry_after):
    with Script(busy(503, Retry_After=retry_after)) as server, transport() as sender:
        exchange = sender.send("POST", f"{server.url}/v1/rerank")

    assert exchange.status == 503
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("headers", "retries", "message"),
    [
        ({}, 0, "the endpoint returns 429; try --rate"),
        ({}, 1, "the endpoint returns 429, also after 1 retry; try --rate"),
        (
            {"Retry-After": "Mon, 01 Jan 2020 00:00:00 +99999999999999"},
            1,
            "the endpoint returns 429, also after 1 retry; try --rate",
        ),
        ({"Retry-After": "soon"}, 2, "the endpoint returns 429, also after 2 retries; try --rate"),
        ({"Retry-After": "0"}, 2, "the endpoint returns 429, also after 2 retries; try --rate"),
        ({"Retry-After": "300"}, 2, "the endpoint returns 429 and asks for a retry after 300 s; try --rate"),
    ],
)
def test_a_permanent_429_is_reported_with_what_the_endpoint_said(short_waits, headers, retries, message):
    with (
        Script((429, headers, b"")) as server,
        transport(retries=retries) as sender,
        pytest.raises(Throttled) as raised,
    ):
        sender.send("POST", f"{server.url}/v1/rerank")

    assert str(raised.value) == message


@pytest.mark.parametrize("resets", [False, True])
def test_a_connection_that_ends_without_a_response_is_retried(short_waits, resets):
    with raw(b"", b"HTTP/1.1 2", EMPTY_OBJECT, resets=resets) as url, transport() as sender:
        exchange = sender.send("POST", url)

    assert exchange.body == {}
    assert sender.budget.requests == 3
    assert sender.notes == ["2 connections ended before the answer was complete; the requests were sent again"]


class ClosesIdleConnections(Correct):
    """Closes a connection when a second request arrives on it, as a server does whose idle time-out is over."""

    def reply(self, *call):
        thread = threading.current_thread()
        if getattr(thread, "is_used", False):
            return None
        thread.is_used = True
        return GOOD


def test_a_silent_reconnection_is_counted(short_waits):
    with ClosesIdleConnections() as server, transport() as sender:
        for _ in range(2):
            assert sender.send("POST", f"{server.url}/v1/rerank").status == 200

    assert sender.notes == ["1 connection ended before the answer was complete; the request was sent again"]


@pytest.fixture
def unheard():
    """A socket that refuses connections until it listens, and keeps its port."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        yield server


def url_of(server):
    return f"http://127.0.0.1:{server.getsockname()[1]}/v1/rerank"


def test_an_endpoint_that_is_not_there_is_not_retried_and_no_request_is_counted(unheard):
    with transport() as sender, pytest.raises(Dropped, match="Connection refused"):
        sender.send("POST", url_of(unheard), content=b"12345678")

    assert (sender.budget.requests, sender.budget.tokens) == (0, 0)
    assert sender.notes == []


def test_an_endpoint_that_has_answered_and_is_gone_is_retried(short_waits):
    with transport() as sender:
        with raw(EMPTY_OBJECT) as url:
            sender.send("POST", url)
        with pytest.raises(Dropped, match="Connection refused"):
            sender.send("POST", url)

    assert sender.notes == ["3 connections could not be made; the requests were sent again"]
    assert sender.budget.requests == 1


def test_after_three_failed_requests_there_are_no_retries_and_after_six_nothing_is_sent(short_waits):
    with Script(busy(503)) as server, transport(retries=2) as sender:
        sent = []
        for _ in range(6):
            sender.send("POST", f"{server.url}/v1/rerank")
            sent.append(len(server.seen))
        with pytest.raises(Inconclusive, match="6 requests in a row failed, so no more are sent"):
            sender.send("POST", f"{server.url}/v1/rerank")

    assert sent == [3, 6, 9, 10, 11, 12]
    assert len(server.seen) == 12


def test_a_success_ends_the_count_of_failures(short_waits):
    with Script(*[busy(503)] * 5, GOOD, busy(503)) as server, transport(retries=0) as sender:
        for _ in range(6 + 6):
            sender.send("POST", f"{server.url}/v1/rerank")

    assert len(server.seen) == 12


def test_an_endpoint_that_is_often_busy_gets_a_verdict(short_waits):
    with BusyEveryTenthTime() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "--level", "should")

    assert ran.returncode == 0, ran.stdout
    assert verdict(ran).startswith("keeps the contract -- ")


class FailsAfterTheFirst(Correct):
    def answer(self, request):
        if next(self.calls) > 1:
            raise Refused(503, "overloaded")
        return super().answer(request)


@pytest.mark.slow
def test_an_endpoint_that_fails_everything_ends_within_a_minute():
    began = time.monotonic()
    with FailsAfterTheFirst() as server:
        ran = contract(server.url, *MODEL_AND_KEY)

    assert ran.returncode == 3
    assert "6 requests in a row failed, so no more are sent" in ran.stdout
    assert time.monotonic() - began < 60


@pytest.mark.slow
@pytest.mark.parametrize("status", [502, 503, 504])
def test_wait_repeats_the_first_request_until_the_endpoint_is_ready(status):
    waits = []
    with Script(*[busy(status, Retry_After="60")] * 3, GOOD) as server, transport(wait_s=20, retries=0) as sender:
        sender.waiting = lambda *wait: waits.append(wait)
        exchange = sender.send("POST", f"{server.url}/v1/rerank")

    assert exchange.status == 200
    assert waits == [(0.5, "not ready")] * 3
    assert sender.budget.requests == 4
    assert sender.notes == ["3 attempts while the endpoint was not ready (--wait)"]


def test_wait_ends_with_the_first_response(short_waits):
    with Script(GOOD, busy(502)) as server, transport(wait_s=20) as sender:
        exchanges = [sender.send("POST", f"{server.url}/v1/rerank") for _ in range(2)]

    assert [each.status for each in exchanges] == [200, 502]
    assert len(server.seen) == 2


@pytest.mark.slow
def test_wait_covers_refused_connections_and_does_not_count_them(unheard):
    def start():
        time.sleep(1.2)
        unheard.listen()
        client, _ = unheard.accept()
        with client:
            client.recv(65536)
            client.sendall(EMPTY_OBJECT)

    thread = threading.Thread(target=start)
    thread.start()
    with transport(wait_s=20) as sender:
        exchange = sender.send("POST", url_of(unheard))
    thread.join()

    assert exchange.status == 200
    assert sender.budget.requests == 1


@pytest.mark.slow
def test_wait_ends_after_its_time(unheard):
    began = time.monotonic()
    with transport(wait_s=1.2) as sender, pytest.raises(Dropped, match="Connection refused"):
        sender.send("POST", url_of(unheard))

    assert 0.5 <= time.monotonic() - began < 5


@pytest.mark.slow
@pytest.mark.parametrize("answer", [busy(503), GOOD])
def test_nothing_is_sent_after_max_time(answer):
    began = time.monotonic()
    with Script(answer) as server, transport(max_time_s=1, retries=9, seconds_between=0.3) as sender:
        with pytest.raises(BudgetSpent, match="the 1 second of --max-time"):  # noqa: PT012  # until it raises
            while True:
                sender.send("POST", f"{server.url}/v1/rerank")
        seconds = time.monotonic() - began
        sent = len(server.seen)
        time.sleep(1)
        with pytest.raises(BudgetSpent, match="the 1 second of --max-time is spent"):
            sender.send("POST", f"{server.url}/v1/rerank")

    assert seconds < 3
    assert 1 < sent == len(server.seen) == sender.budget.requests
    assert sender.budget.spent


def test_a_wait_that_would_end_after_max_time_is_not_begun():
    began = time.monotonic()
    reason = "the 50 seconds of --max-time leave no time for a wait of 60 s"
    server, sender = Script(busy(503, Retry_After="60")), transport(max_time_s=50)
    with server, sender as sending, pytest.raises(BudgetSpent, match=reason):
        sending.send("POST", f"{server.url}/v1/rerank")

    assert time.monotonic() - began < 5
    assert sending.budget.spent


@pytest.mark.slow
def test_a_response_that_is_not_complete_at_max_time_ends_the_run():
    with (
        raw([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", b"1"], pause=1.5) as url,
        transport(max_time_s=1) as sender,
    ):
        began = time.monotonic()
        with pytest.raises(BudgetSpent, match="the 1 second of --max-time is spent"):
            sender.send("POST", url)

        assert time.monotonic() - began < 3


class TakesATenthOfASecond(Correct):
    def answer(self, request):
        time.sleep(0.1)
        return super().answer(request)


@pytest.mark.slow
def test_max_time_ends_the_run_with_status_4():
    with TakesATenthOfASecond() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "--max-time", 2)

    assert ran.returncode == 4
    assert verdict(ran).startswith("budget spent before the end: the 2 seconds of --max-time are spent -- ")
