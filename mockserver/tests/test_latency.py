"""How long usual answers take: base, documents, distribution and capacity; answers with a fault are quick."""

import itertools
import statistics

import pytest

import together_rerank_fixtures as fixtures
from endpoint_calls import KEY, Pauses, body, endpoint_of, send
from together_rerank_mockserver.api.errors import ClientDisconnected, TooManyWaiting
from together_rerank_mockserver.settings import Settings, SettingsError
from together_rerank_spec import load


def waits(*calls, **settings):
    """Return the waits of a new mock for *calls*, pairs of a body and headers, in seconds."""
    waited = []
    mock = endpoint_of(load(), Settings(**settings), Pauses(waited.append))
    for sent, headers in calls:
        send(sent, mock, KEY | headers, parse=False)
    return waited


def test_a_usual_answer_takes_the_base_and_a_part_for_each_document():
    sent = [(body(documents=["a"] * number), {}) for number in (1, 2, 100)]

    assert waits(*sent, latency_ms=500, latency_per_document_ms=2.5) == [0.5025, 0.505, 0.75]
    assert waits(*sent, latency_per_document_ms=1) == [0.001, 0.002, 0.1]


@pytest.mark.parametrize("preference", ["code=429", "fault=unsorted", "fault=bom", "fault=drip"])
def test_an_answer_with_a_fault_is_quick_unless_the_fault_has_a_delay(preference):
    calls = [(body(documents=["llama", "a"]), {"Prefer": prefer}) for prefer in (preference, f"{preference}, delay=30")]

    assert waits(*calls, latency_ms=500) == [0.03]


def test_errors_are_quick():
    calls = [(body(documents=[]), {}), (b"{", {}), (body(model=""), {}), (body(), {"Authorization": ""})]

    assert waits(*calls, latency_ms=500) == []
    assert waits((body(), {}), (body(), {}), latency_ms=500, rate_limit="1/hour") == [0.5]
    assert waits((body(), {}), latency_ms=500, chaos=["429=1"]) == []


@pytest.mark.parametrize(
    ("sent", "headers", "expected"),
    [
        (body(), {"Prefer": "code=200"}, [0.5]),
        (body(), {"Prefer": "delay=30"}, [0.03, 0.5]),
        (body(documents=["a"]), {"Prefer": "fault=unsorted"}, [0.5]),  # it changes nothing
    ],
)
def test_an_answer_that_is_as_usual_takes_its_time_although_something_was_requested(sent, headers, expected):
    assert waits((sent, headers), latency_ms=500) == expected


def test_a_replayed_answer_takes_its_time_too():
    waited = []
    mock = endpoint_of(load(), Settings(replay="library", latency_per_document_ms=100), Pauses(waited.append))

    for exchange in fixtures.all():
        reply = send(exchange.request.content, mock, exchange.request.headers, parse=False)
        if reply.headers["x-mock-reply"].startswith("replayed") and reply.status == 200:
            assert waited.pop() == pytest.approx(len(exchange.request.body["documents"]) / 10)
        if reply.status >= 400:
            assert waited == []
        waited.clear()


@pytest.mark.parametrize(
    ("distribution", "least", "median", "most"),
    [("uniform=0.5", 0.5, 1.0, 1.5), ("uniform=1", 0.0, 1.0, 2.0), ("lognormal=0.4", 0.2, 1.0, 6.0)],
)
def test_a_distribution_varies_the_time(distribution, least, median, most):
    found = waits(*[(body(), {})] * 400, latency_ms=1000, latency_distribution=distribution)

    assert least <= min(found) < 0.75 * median
    assert 1.25 * median < max(found) <= most
    assert statistics.median(found) == pytest.approx(median, abs=0.1)


def test_a_distribution_depends_on_the_seed_only():
    varied = {"latency_ms": 1000, "latency_distribution": "lognormal=0.4"}
    calls = [(body(), {})] * 5

    first = waits(*calls, **varied)
    assert len(set(first)) == 5
    assert first == waits(*calls, **varied)
    assert first != waits(*calls, **varied, seed=1)


def test_a_distribution_does_not_change_which_calls_get_a_fault_by_chance():
    def replies(**settings):
        mock = endpoint_of(load(), Settings(chaos=["429=0.5"], latency_ms=1, **settings), Pauses(lambda _: None))
        return [send(body(), mock, parse=False).headers["x-mock-reply"] for _ in range(20)]

    assert replies() == replies(latency_distribution="uniform=0.5")


class Clock:
    now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("together_rerank_mockserver.state.namespace.clock", clock)
    return clock


@pytest.mark.in_memory
def test_above_the_capacity_calls_wait_for_their_turn(clock):
    waited = waits(*[(body(), {})] * 7, latency_ms=100, capacity=2)

    assert waited == pytest.approx([0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4])


@pytest.mark.in_memory
def test_a_queue_drains_with_time_and_a_reset_empties_it(clock):
    waited = []
    mock = endpoint_of(load(), Settings(latency_ms=1000, capacity=1), Pauses(waited.append))
    for pause in (0, 0, 1.5, 10, 0):
        clock.now += pause
        send(body(), mock)
    mock.registry.reset("default")
    send(body(), mock)

    assert waited == pytest.approx([1, 2, 1.5, 1, 2, 1])


@pytest.mark.in_memory
def test_a_call_that_cannot_wait_does_not_take_a_turn(clock):
    waited, is_full = [], itertools.cycle([False, True, True, True])

    def wait(seconds):
        if next(is_full):
            raise TooManyWaiting(1)
        waited.append(seconds)

    mock = endpoint_of(load(), Settings(latency_ms=1000, capacity=1), Pauses(wait))

    assert [send(body(), mock)[0].status for _ in range(5)] == [200, 503, 503, 503, 200]
    assert waited == pytest.approx([1, 2])


@pytest.mark.in_memory
def test_a_call_whose_client_leaves_does_not_keep_its_turn(clock):
    waited, leaves = [], itertools.cycle([False, True, True, False])

    def wait(seconds):
        if next(leaves):
            raise ClientDisconnected
        waited.append(seconds)

    mock = endpoint_of(load(), Settings(latency_ms=1000, capacity=1), Pauses(wait))
    for _ in range(4):
        send(body(), mock, parse=False)

    assert waited == pytest.approx([1, 2])


def test_no_answer_takes_more_than_an_hour():
    long = {"latency_ms": 3_600_000, "latency_distribution": "lognormal=3", "capacity": 1}

    assert max(waits(*[(body(), {})] * 20, **long)) == 3600


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"capacity": 2}, "`capacity` needs `latency_ms` or `latency_per_document_ms`"),
        ({"latency_distribution": "uniform=0.5"}, "`latency_distribution` needs `latency_ms` or"),
        (
            {"latency_ms": 1, "latency_distribution": "uniform=1.5"},
            "`latency_distribution` must be uniform=N with N from",
        ),
        ({"latency_ms": 1, "latency_distribution": "lognormal=-1"}, "or lognormal=SIGMA with SIGMA from 0 to 3, not"),
        (
            {"latency_per_document_ms": float("nan")},
            "`latency_per_document_ms` must be a number from 0 to 3600000, not nan",
        ),
    ],
)
def test_settings_that_mean_nothing_are_errors(settings, message):
    with pytest.raises(SettingsError) as refused:
        Settings(**settings)

    assert message in str(refused.value)
