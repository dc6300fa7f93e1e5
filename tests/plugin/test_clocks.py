"""The mock has real clocks, whatever a test does to the clocks of its process."""

import contextlib
import functools
import http.client
import threading
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from plugin_client import order, post

freezegun = pytest.importorskip("freezegun")
time_machine = pytest.importorskip("time_machine")

_clock = functools.partial(time.clock_gettime, time.CLOCK_MONOTONIC)  # which no tool replaces
_now = functools.partial(time.time)
_started = _now()


def connect(mock):
    return http.client.HTTPConnection(mock.base_url.removeprefix("http://"), timeout=20)


def wait(seconds):
    threading.Event().wait(seconds)


def patched(monkeypatch):
    for name in ("time", "monotonic", "perf_counter"):
        monkeypatch.setattr(f"time.{name}", lambda: 1000.0)
    monkeypatch.setattr(time, "sleep", lambda _: None)


CLOCKS = {
    "freezegun": lambda: freezegun.freeze_time("2001-02-03"),
    "freezegun with tick": lambda: freezegun.freeze_time("2001-02-03", tick=True),
    "time-machine": lambda: time_machine.travel("2001-02-03", tick=False),
    "monkeypatch": None,
}


@pytest.fixture(params=CLOCKS, autouse=True)
def replaced(request, monkeypatch):
    if CLOCKS[request.param] is None:
        patched(monkeypatch)
        yield
        return
    with CLOCKS[request.param]():
        assert datetime.now(UTC).year == 2001
        yield


class Timer:
    def __enter__(self):
        self._began = _clock()
        return self

    def __exit__(self, *_):
        self.seconds = _clock() - self._began


def test_delays_are_real(rerank_mock):
    rerank_mock.delay(0.2).then.fault("drip", pause=0.02).then.fault("unsorted", delay=0.2)

    for _ in range(3):
        with Timer() as timer:
            post()
        assert 0.2 <= timer.seconds < 10
    waits = [request.ended - request.began for request in rerank_mock.requests]
    assert [0.2 <= wait < 10 for wait in waits] == [True, False, True]  # a drip begins when the answer is ready


def test_a_hang_lasts_until_the_client_leaves(rerank_mock):
    rerank_mock.fault("hang")

    with Timer() as timer, pytest.raises(OSError, match="timed out"):
        post(timeout=0.2)
    assert 0.2 <= timer.seconds < 10
    assert rerank_mock.last_request.status is None
    assert order() == [1, 0]


def test_the_verdict_about_waits_is_true(rerank_mock):
    rerank_mock.fail(503, retry_after=0.2).then.fail(429, retry_after=0.2)
    post()
    wait(0.25)
    post()
    post()

    (finding,) = rerank_mock.resilience()
    assert (finding.rule, [request.number for request in finding.requests]) == ("ignored-retry-after", [2, 3])


def test_a_client_that_waits_is_resilient(rerank_mock):
    rerank_mock.fail(503, times=2).then.ok()
    for pause in (0.05, 0.3, 0):
        assert post()[0] in (200, 503)
        wait(pause)

    rerank_mock.assert_resilient()


def test_the_times_of_the_journal_and_of_headers_are_real(rerank_mock):
    rerank_mock.fail(503, retry_after="date:30")
    with contextlib.closing(connect(rerank_mock)) as connection:
        connection.request("POST", "/v1/rerank", "{}", {"Authorization": "Bearer x"})
        headers = connection.getresponse().headers

    assert rerank_mock.last_request.retry_after == pytest.approx(30, abs=2)
    assert _started <= rerank_mock.last_request.began <= rerank_mock.last_request.ended < _started + 3600
    for name, ahead in (("Date", 0), ("Retry-After", 30)):
        assert parsedate_to_datetime(headers[name]).timestamp() == pytest.approx(_started + ahead, abs=3600)


class TestWithAQuotaAndLatency:
    @pytest.fixture
    def rerank_mock_settings(self):
        return {"rate_limit": "1/second", "latency_ms": 100, "capacity": 1}

    @pytest.mark.usefixtures("rerank_mock")
    @pytest.mark.parametrize("replaced", ["freezegun", "time-machine"], indirect=True)
    def test_quota_and_latency_are_real(self):
        with Timer() as timer:
            assert [post()[0] for _ in range(2)] == [200, 429]
            wait(1)
            assert post()[0] == 200
        assert 1.2 <= timer.seconds < 10


@pytest.mark.slow
class TestWithATimeLimit:
    @pytest.fixture
    def rerank_mock_settings(self):
        return {"read_timeout_s": 1}

    @pytest.mark.parametrize("replaced", ["freezegun"], indirect=True)
    def test_a_slow_body_is_rejected_in_time(self, rerank_mock):
        with contextlib.closing(connect(rerank_mock)) as connection, Timer() as timer:
            connection.putrequest("POST", "/v1/rerank")
            connection.putheader("Content-Length", "1000")
            connection.putheader("Authorization", "Bearer x")
            connection.endheaders()
            for _ in range(5):
                connection.send(b" ")
                wait(0.3)
            assert connection.getresponse().status == 408
        assert 1 <= timer.seconds < 10


PASSAGES = ["a panda", "a llama", "a bear"]


@pytest.mark.slow
def test_an_audit_is_true(rerank_audit):
    def search(query, passages):
        status, answer = post({"model": "m", "query": query, "documents": passages})
        if status != 200:
            raise RuntimeError(answer)
        return [each["index"] for each in answer["results"]]

    with Timer() as timer:
        report = rerank_audit(
            search, query="llamas", passages=PASSAGES, only=["ranking", "503", "drip", "slow"], patience=1
        )

    assert [row.outcome.value for row in report.rows] == ["right", "loud error", "right", "hang"]
    assert [row.seconds >= 0.2 for row in report.rows] == [False, False, True, True]
    assert 1 <= timer.seconds < 10
