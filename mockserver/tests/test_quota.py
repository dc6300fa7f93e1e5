"""The quota grants the configured rate, and its Retry-After is correct."""

import json

import pytest

from endpoint_calls import KEY, Pauses, body, endpoint_of, send
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state.quota import Quota, parse_rate
from together_rerank_spec import Validator, load


class Clock:
    """A clock for the quota that stands still until `shift`."""

    seconds = 1000.0

    def monotonic(self):
        return self.seconds

    def shift(self, seconds):
        self.seconds += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("together_rerank_mockserver.state.quota.clock", clock)
    return clock


def endpoint(**settings):
    return endpoint_of(load(), Settings(**settings), Pauses(lambda _: None))


def ask(mock, sent=None, **headers):
    return send(sent or body(), mock, KEY | headers, parse=False)


def test_calls_above_the_rate_get_429_and_the_remaining_quota():
    mock = endpoint(rate_limit="3/minute")

    replies = [ask(mock) for _ in range(4)]

    assert [reply.status for reply in replies] == [200, 200, 200, 429]
    assert [reply.headers["x-ratelimit-remaining"] for reply in replies] == ["2", "1", "0", "0"]
    assert {reply.headers["x-ratelimit-limit"] for reply in replies} == {"3"}
    assert replies[3].headers["x-mock-reply"] == "quota"
    assert replies[0].headers["x-mock-reply"] == "scored"
    assert [name for name in replies[3].headers if "dynamic" in name or "token" in name] == []
    assert 58 <= int(replies[3].headers["Retry-After"]) <= 60
    assert replies[3].headers["Retry-After"] == replies[3].headers["x-ratelimit-reset"]
    assert Validator(load().response_schema(429)).violations(json.loads(replies[3].body)) == []
    assert "Retry-After" not in replies[0].headers


@pytest.mark.in_memory
def test_a_call_after_the_reset_time_is_granted(clock):
    mock = endpoint(rate_limit="2/second")
    for _ in range(3):
        for _ in range(2):
            assert ask(mock).status == 200
        refused = ask(mock)
        assert refused.status == 429
        clock.shift(int(refused.headers["Retry-After"]))


@pytest.mark.in_memory
def test_the_window_moves(clock):
    mock = endpoint(rate_limit="2/10 seconds")
    seen = []
    for pause in (0, 6, 3, 1.5, 1, 4):
        clock.shift(pause)
        reply = ask(mock)
        seen.append((reply.status, reply.headers["x-ratelimit-remaining"], reply.headers["x-ratelimit-reset"]))

    assert seen == [
        (200, "1", "10"),
        (200, "0", "4"),
        (429, "0", "1"),
        (200, "0", "6"),
        (429, "0", "5"),
        (429, "0", "1"),
    ]


@pytest.mark.in_memory
def test_retry_after_counts_from_the_delayed_answer(clock):
    mock = endpoint_of(load(), Settings(rate_limit="1/10 seconds", latency_ms=3_000), Pauses(clock.shift))

    assert ask(mock).status == 200
    assert ask(mock).headers["Retry-After"] == "7"
    assert ask(mock, Prefer="delay=3000").headers["Retry-After"] == "4"


def test_a_rejected_call_counts_and_a_forced_one_does_not():
    mock = endpoint(rate_limit="2/minute")

    assert ask(mock, Prefer="code=503").status == 503
    assert ask(mock, body(documents=[])).headers["x-ratelimit-remaining"] == "1"
    assert ask(mock).headers["x-ratelimit-remaining"] == "0"
    assert ask(mock, body(documents=[])).status == 429


def test_each_namespace_has_its_own_quota_and_a_reset_restores_it():
    mock = endpoint(rate_limit="1/hour")
    a, b = ({"Authorization": f"Bearer test-{name}"} for name in "ab")

    assert [ask(mock, **key).status for key in (a, a, b, b, {}, {})] == [200, 429, 200, 429, 200, 429]
    mock.registry.reset("test-a")
    assert [ask(mock, **key).status for key in (a, b)] == [200, 429]


def test_a_queued_body_fault_is_not_used_by_a_call_above_the_rate():
    from together_rerank_mockserver.faults.grammar import from_json

    mock = endpoint(rate_limit="1/hour")
    ask(mock)
    mock.registry.open("default").enqueue([each.queued for each in from_json("unsorted", mock.catalogue)])

    assert ask(mock).status == 429
    assert len(mock.registry.look("default").queued()) == 1


@pytest.mark.parametrize("rate", ["60/minute", "60 per minute", "5/second", "10 per 30 seconds", "1000/hour"])
def test_valid_rates_are_parsed(rate):
    assert parse_rate(rate).amount == int(rate.split("/")[0].split(" ")[0])


@pytest.mark.parametrize(
    "rate", ["", "60", "minute", "60/fortnight", "-1/minute", "0/minute", "1/minute;2/hour", "x/s"]
)
def test_invalid_rates_are_rejected(rate):
    with pytest.raises(ValueError, match="rate"):
        parse_rate(rate)


def test_all_of_a_window_is_granted_at_once():
    quota = Quota("100/minute")

    assert [quota.hit("n").granted for _ in range(101)] == [True] * 100 + [False]


def test_calls_above_max_in_flight_get_503_and_do_not_count():
    events = []
    mock = endpoint_of(load(), Settings(max_in_flight=2, latency_ms=1), Pauses(lambda _: send_another()))

    def send_another():
        if len(events) < 9:
            events.append(None)
            reply = ask(mock)
            events.append((reply.status, reply.headers["x-mock-reply"]))

    assert ask(mock).status == 200
    # While the first call waits, a second is sent; while that one waits, a third is sent, which is rejected.
    assert [each for each in events if each] == [(503, "in-flight"), (200, "scored")]
    assert ask(mock).status == 200


def test_a_call_that_is_rejected_or_forced_does_not_stay_in_flight():
    mock = endpoint(max_in_flight=1)

    assert send(body(), mock, {}, parse=False).status == 401
    assert ask(mock, Prefer="code=429").status == 429
    assert ask(mock).status == 200


def test_other_namespaces_do_not_count_as_in_flight():
    mock = endpoint(max_in_flight=1)
    mock.registry.open("test-other").admit(None)

    assert ask(mock).status == 200
