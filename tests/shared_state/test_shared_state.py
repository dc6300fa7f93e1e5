"""Workers and replicas that share a Redis are one mock, and a Redis that fails is reported and survived."""

import io
import json
import os
import signal
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mock_process import KEY, post, running
from served_client import Client, connections_are_closed  # noqa: F401  # a fixture
from slow_proxy import SlowProxy
from together_rerank_mockserver.api.messages import Call
from together_rerank_mockserver.faults.fault import StoredRanking
from together_rerank_mockserver.faults.grammar import from_json
from together_rerank_mockserver.http.wsgi import Mock
from together_rerank_mockserver.ranking import override
from together_rerank_mockserver.server.threaded_server import MockServer
from together_rerank_mockserver.settings import Settings, SettingsError
from together_rerank_mockserver.state.namespace import MAX_JOURNAL_BYTES, MAX_NAMESPACES, MAX_WORDS

CLIENTS = 64
pytestmark = pytest.mark.usefixtures("connections_are_closed")


@contextmanager
def replicas(url, *arguments, count=2):
    with ExitStack() as stack:
        yield [stack.enter_context(running("-q", "--state", url, *arguments)) for _ in range(count)]


def journal(mock):
    return Client(mock).admin("GET", "requests")


def load(mocks, calls, key="key"):
    """Send *calls* from 64 clients to *mocks* in turn; return the statuses and the ids."""

    def client(number):
        connection = Client(mocks[number % len(mocks)], key)
        return [connection.ask()[::2] for _ in range(calls // CLIENTS)]

    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = [answer for found in clients.map(client, range(CLIENTS)) for answer in found]
    return Counter(status for status, _ in answers), [headers["x-request-id"] for _, headers in answers]


@pytest.fixture
def proxy(redis):
    proxy = SlowProxy(redis.port)
    yield proxy
    proxy.stop()


@pytest.mark.parametrize("fault", ["429", "score-null"])
def test_of_many_clients_of_two_replicas_exactly_as_many_meet_a_fault_as_were_queued(redis, fault):
    with replicas(redis.url) as (one, other):
        Client(one).admin("POST", "faults", {"fault": fault, "times": 100, "then": {"fault": "503", "times": 28}})
        statuses, ids = load((one, other), 640)
        entries = journal(other)["requests"]

        assert sum(f"fault={fault};" in entry["reply"] for entry in entries) == 100
        assert statuses[503] == 28
        assert len(set(ids)) == len(entries) == sum(statuses.values()) == 640
        assert Client(other).admin("GET", "faults")["queue"] == []


def test_replicas_are_one_mock(redis):
    with replicas(redis.url, "--chaos", "500=0.5") as (one, other):
        a, b = Client(one), Client(other)
        a.admin("PUT", "ranking", {"rank": [1, 0]})
        a.admin("POST", "ranking", {"rank_first": "panda", "times": 1})
        origins = [each.ask(Prefer="fault=ok")[2]["x-mock-reply"] for each in (b, a, b)]
        statuses = [each.ask()[0] for each in (a, b) * 8]
        ids = [each.ask(Prefer="code=429")[2]["x-request-id"] for each in (a, b)]

        assert {origin.split(";")[0] for origin in origins} == {"designed"}
        assert b.admin("GET", "ranking")["answers"] == 3 + statuses.count(200)
        assert b.admin("GET", "ranking")["queue"] == []
        assert journal(one)["total"] == journal(other)["total"] == 21
        assert ids[0] != ids[1]
        b.admin("POST", "reset")
        assert [journal(one)["total"], a.admin("GET", "ranking")["ranking"]] == [0, None]
        # The random numbers begin again, as in one process.
        assert [each.ask()[0] for each in (b, a) * 8] == statuses


@contextmanager
def in_flight(mock, *calls):
    """Send *calls*, each a body and headers, that need a second, and wait for their answers at the end."""
    with ThreadPoolExecutor(len(calls)) as waiting:
        futures = [waiting.submit(Client(mock).ask, body, **headers) for body, headers in calls]
        time.sleep(0.3)
        yield
        assert not any(each.done() for each in futures)


WITHOUT_TOP_N = '{"model": "m", "query": "q", "documents": ["a", "b"]}'
WITH_TOP_N = '{"model": "m", "query": "q", "documents": ["a", "b"], "top_n": 1}'
INVALID_AFTER_A_SECOND = "{}", {"Prefer": "delay=1000"}


def test_a_call_leaves_to_others_what_it_does_not_use(redis):
    with replicas(redis.url, "--latency", "1s") as (one, other):
        client = Client(other)
        client.admin("POST", "faults", {"fault": "top-n-ignored"})
        client.admin("POST", "ranking", {"rank": [1, 0]})
        with in_flight(one, INVALID_AFTER_A_SECOND):
            client.ask(Prefer="fault=extra-field")
            assert client.admin("GET", "ranking")["answers"] == 1
        with in_flight(one, (WITHOUT_TOP_N, {})):
            assert client.ask(WITH_TOP_N)[2]["x-mock-reply"] == "forced; fault=top-n-ignored; by=queue"
        assert client.admin("GET", "faults")["queue"] == client.admin("GET", "ranking")["queue"] == []


@pytest.mark.parametrize("times", [1, "always"])
def test_what_is_removed_during_a_call_stays_removed(redis, times):
    with replicas(redis.url, "--latency", "1s") as (one, other):
        client = Client(other)
        client.admin("POST", "faults", {"fault": "top-n-ignored", "times": times})
        client.admin("POST", "ranking", {"rank": [1, 0]})
        with in_flight(one, INVALID_AFTER_A_SECOND, (WITHOUT_TOP_N, {})):
            client.admin("DELETE", "faults")
            client.admin("DELETE", "ranking")
        assert client.admin("GET", "faults")["queue"] == client.admin("GET", "ranking")["queue"] == []


def test_a_call_that_began_before_a_reset_leaves_nothing(redis):
    with replicas(redis.url, "--latency", "1s") as (one, other):
        with in_flight(one, (WITH_TOP_N, {}), (WITH_TOP_N, {"Prefer": "code=503, delay=1000"})):
            Client(other).admin("POST", "reset")
        assert journal(one)["total"] == 0


def test_a_call_that_began_before_a_reset_takes_nothing(redis):
    state = Mock(Settings(state=redis.url)).operations.state
    queued = from_json({"fault": "score-null"}, state.catalogue)[0].queued
    state.registry.open("default").enqueue([queued])
    call = state.registry.open("default")
    fault = call.take_fault()
    state.registry.reset("default")
    state.registry.open("default").enqueue([queued])
    state.registry.queue_override("default", override.from_json({"rank": [0]}), 1)

    assert not call.take(fault)
    assert call.take_override() is None
    assert [each.left for each in state.registry.open("default").queued()] == [1]


def test_a_call_whose_key_a_fault_accepts_is_in_the_namespace_of_its_word(redis):
    with MockServer(Settings(state=redis.url, api_keys=("key",), chaos=("any-key-accepted=1",))) as mock:
        client = Client(mock)
        client.admin("PUT", "ranking?word=llama", {"rank": [0]})

        assert Client(mock, "wrong").ask()[0] == 200
        assert client.admin("GET", "ranking?word=llama")["answers"] == 1
        assert client.admin("GET", "requests?word=llama")["total"] == 1


def test_a_key_with_colons_has_a_namespace_of_its_own(redis):
    keys = ["test-a", *(f"test-a:{part}" for part in ("faults", "journal", "ids", "quota", "flight"))]
    with replicas(redis.url, "--rate-limit", "9/hour", "--max-in-flight", "9") as (one, other):
        Client(one).admin("POST", "faults?namespace=test-a", {"fault": "429", "times": 2})

        assert [Client(one, key).ask()[0] for key in keys] == [429, 200, 200, 200, 200, 200]
        assert [Client(other, key).ask()[0] for key in reversed(keys)] == [200, 200, 200, 200, 200, 429]
        assert {Client(one).admin("GET", f"requests?namespace={key}")["total"] for key in keys} == {2}


def test_a_quota_holds_for_all_replicas(redis):
    with replicas(redis.url, "--rate-limit", "200/hour") as mocks:
        statuses, _ = load(mocks, 640)

    assert statuses == {200: 200, 429: 440}


def test_the_limit_in_flight_holds_for_all_replicas(redis):
    with replicas(redis.url, "--max-in-flight", "5") as mocks, ThreadPoolExecutor(12) as clients:
        headers = {**KEY, "Prefer": "delay=1000"}
        calls = [clients.submit(post, mocks[number % 2], headers=headers) for number in range(12)]
        statuses = Counter(call.result()[0] for call in calls)

    assert statuses == {200: 5, 503: 7}


def test_the_workers_of_one_mock_share_their_state(redis):
    with running("-q", "--workers", "3", "--state", redis.url) as mock:
        client = Client(mock)
        client.admin("POST", "faults", {"fault": "503", "times": 64})
        statuses, _ = load([mock], 640)

        assert statuses == {200: 576, 503: 64}
        assert journal(mock)["total"] == 640
        assert len(workers(mock)) == 3
        with urlopen(f"{mock.url}/metrics") as answer:
            samples = [
                each for family in text_string_to_metric_families(answer.read().decode()) for each in family.samples
            ]
        counted = {each.labels["status"]: each.value for each in samples if each.name == "rerank_mock_requests_total"}
        assert counted == {"200": 576, "503": 64}
        assert mock.stop(signal.SIGTERM) == 0


def workers(mock):
    """Return the process ids of the workers of *mock*."""
    pid = mock.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_workers_without_a_shared_state_answer_but_have_no_control_plane():
    with running("-q", "--workers", "2") as mock:
        assert {post(mock)[0] for _ in range(20)} == {200}
        assert post(mock, headers={**KEY, "Prefer": "code=429"})[0] == 429
        for path in ("/__admin/requests", "/__admin/faults", "/__admin/ranking", "/metrics"):
            status, content, _ = Client(mock).ask(None, "GET", path)
            assert status == 501
            assert f"{path} needs a state that all workers share: start the mock with --state" in content.decode()
        assert Client(mock).admin("GET", "settings")["workers"] == 2
        assert mock.stop(signal.SIGTERM) == 0


def test_a_call_makes_one_round_trip_before_its_answer_and_one_after(proxy):
    limits = ("--rate-limit", "1000/minute", "--max-in-flight", "9", "--chaos", "500=0.1")
    with replicas(proxy.url, *limits, count=1) as (mock,):
        client = Client(mock)
        client.admin("PUT", "ranking", {"rank": [1, 0]})
        client.admin("POST", "faults", {"fault": "429", "times": 10})
        client.ask()
        before = proxy.requests
        for _ in range(50):
            client.ask()
        client.ask(Prefer="code=503")
        client.ask(b"{}")
        client.ask(path="/v1/nothing")
        assert proxy.requests - before == 53 * 2
        client.admin("POST", "faults", {"fault": "score-null", "times": 2})
        client.admin("POST", "ranking", {"rank": [1, 0], "times": 2})
        client.ask()
        before = proxy.requests
        client.ask()
        assert proxy.requests - before == 2 + 2  # one more for the fault, and one for the ranking


def test_every_key_expires_and_the_journal_is_bounded(redis):
    with replicas(redis.url, "--journal-max", "10", "--rate-limit", "5/second") as (mock, _):
        client = Client(mock, key="test-a")
        client.admin("PUT", "ranking?namespace=test-a", {"rank": [1, 0]})
        client.admin("POST", "ranking?namespace=test-a", {"rank": [1, 0], "times": 2})
        client.admin("POST", "faults?namespace=test-a&word=llama", {"fault": "429", "times": 50})
        for number in range(40):
            client.ask(json.dumps({"model": "m", "query": f"q{number}", "documents": ["a", "b"]}))
        client.ask()
        entries = client.admin("GET", "requests?namespace=test-a")
        keys = redis.client.keys()

        assert len(keys) > 5
        assert [key for key in keys if redis.client.ttl(key) < 0 and not key.endswith(b":totals")] == []
        assert (entries["total"], entries["dropped"]) == (10, 30)
        assert client.admin("GET", "requests?namespace=test-a&word=llama")["total"] == 1


@pytest.mark.parametrize(
    ("method", "path", "data"),
    [
        ("POST", "faults", {"fault": "429"}),
        ("POST", "ranking", {"rank": [0]}),
        ("PUT", "ranking", {"rank": [0]}),
        ("DELETE", "faults?word=llama", None),
        ("POST", "reset", None),
    ],
)
def test_the_control_plane_cannot_open_more_namespaces_than_calls(redis, method, path, data):
    with MockServer(Settings(state=redis.url)) as mock:
        client = Client(mock)
        for number in range(MAX_NAMESPACES + 20):
            client.admin(method, f"{path}{'&' if '?' in path else '?'}namespace=test-{number}", data)

    keys = redis.client.keys("*:namespace:*")
    assert len(keys) == MAX_NAMESPACES
    assert [key for key in keys if redis.client.ttl(key) < 0] == []


def test_the_oldest_words_make_room_for_other_namespaces(redis):
    with MockServer(Settings(state=redis.url)) as mock:
        client = Client(mock)
        for number in range(MAX_WORDS + 20):
            client.admin("POST", f"faults?word=w{number}", {"fault": "429"})
        assert (
            redis.client.zcard("together-rerank-mock:names") == len(redis.client.keys("*:namespace:*")) == MAX_WORDS + 1
        )
        client.admin("POST", "reset")
        assert redis.client.zcard("together-rerank-mock:names") == 1


def test_many_namespaces_do_not_remove_what_is_queued_or_in_flight_or_the_default(redis):
    with MockServer(Settings(state=redis.url, max_in_flight=9)) as mock, ThreadPoolExecutor(1) as waiting:
        client = Client(mock)
        client.ask()
        redis.client.zadd("together-rerank-mock:namespace:default:flight", {"a call of a killed process": 1})
        client.admin("POST", "faults?namespace=test-queued", {"fault": "429"})
        slow = waiting.submit(Client(mock, "test-slow").ask, Prefer="delay=3000")
        _until(lambda: b"in_flight 1" in client.ask(None, "GET", "/metrics")[1])
        for number in range(MAX_NAMESPACES + 20):
            Client(mock, f"test-{number}").ask()

        assert not slow.done()
        assert journal(mock)["total"] == 1
        assert Client(mock, "test-queued").ask()[0] == 429
        assert slow.result()[0] == 200
        assert client.admin("GET", "requests?namespace=test-slow")["total"] == 1


def test_what_a_call_before_a_reset_leaves_expires_and_changes_nothing(redis):
    registry = Mock(Settings(state=redis.url)).operations.state.registry
    call = registry.open("default")
    call.first()
    slot, _ = call.reserve_slot(5, 1)
    registry.reset("default")
    call.release_slot(slot, 5)
    assert registry.open("default").reserve_slot(1, 1) == (0, 1)
    redis.client.delete("together-rerank-mock:namespace:default")
    call.draw(0, ":latency")
    call.swap_ranking(StoredRanking("a hash", []))

    assert [key for key in redis.client.keys("*") if redis.client.ttl(key) < 0] == []


@pytest.mark.parametrize("journal_max", [0, 9])
def test_a_call_whose_end_fails_is_logged_once(redis, monkeypatch, journal_max):
    mock = Mock(Settings(state=redis.url, log_format="json", journal_max=journal_max))
    state, lines = mock.operations.state, []
    monkeypatch.setattr(state.recorder._log, "record", lines.append)
    run = state.store.run

    def run_unless_it_ends(script_call):
        if script_call.script == "finish":
            raise state.store.unavailable(TimeoutError())
        return run(script_call)

    monkeypatch.setattr(state.store, "run", run_unless_it_ends)
    body = b'{"model": "m", "query": "q", "documents": ["a"]}'
    headers = {"Authorization": "Bearer key", "Content-Type": "application/json", "Content-Length": str(len(body))}

    assert mock.endpoint.answer(Call(headers, io.BytesIO(body).read, path="/v1/rerank")).status == 503
    assert [line["status"] for line in lines] == [503]


def test_a_journal_that_has_expired_does_not_count(redis):
    with MockServer(Settings(state=redis.url)) as mock:
        Client(mock).ask()
        redis.client.delete("together-rerank-mock:namespace:default:journal")
        redis.client.hset("together-rerank-mock:namespace:default", "bytes", MAX_JOURNAL_BYTES)
        assert [Client(mock).ask()[0] for _ in range(3)] == [200, 200, 200]
        assert journal(mock)["total"] == 3


def test_unread_bodies_of_many_keys_take_little_memory(redis):
    registry = Mock(Settings(state=redis.url)).operations.state.registry
    names = [f"test-{number}" for number in range(MAX_NAMESPACES + 20)]
    for name in names:
        registry.open(name).has_unread_body = True
        assert registry.open(name).has_unread_body
    assert sum(registry.open(name).has_unread_body for name in names) == MAX_NAMESPACES


def test_a_call_of_a_killed_process_is_in_flight_for_seconds_only(redis):
    with replicas(redis.url, "--max-in-flight", "1") as (one, other), ThreadPoolExecutor(1) as waiting:
        slow = waiting.submit(post, one, headers={**KEY, "Prefer": "delay=60000"})
        _until(lambda: redis.client.zcard("together-rerank-mock:namespace:default:flight") == 1)
        assert post(other)[0] == 503
        for pid in workers(one):
            os.kill(pid, signal.SIGKILL)
        one.process.kill()
        assert isinstance(slow.exception(20), ConnectionError)
        began = time.monotonic()
        _until(lambda: post(other)[0] == 200, seconds=25)

    assert time.monotonic() - began > 5


def test_a_call_that_waits_for_long_stays_in_flight(redis):
    with replicas(redis.url, "--max-in-flight", "1") as (one, other), ThreadPoolExecutor(1) as waiting:
        slow = waiting.submit(post, one, headers={**KEY, "Prefer": "delay=18000"})
        time.sleep(17)
        assert post(other)[0] == 503
        assert slow.result()[0] == 200
        assert post(other)[0] == 200


def _until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_restarted_redis_begins_empty_and_calls_go_on(redis):
    with replicas(redis.url) as mocks, ThreadPoolExecutor(1) as other:
        Client(mocks[0]).admin("POST", "faults", {"fault": "429", "times": 100_000})
        loaded = other.submit(load, mocks, 64 * 80)
        time.sleep(0.3)
        redis.kill()
        time.sleep(0.3)
        redis.start()
        statuses, _ = loaded.result()

        assert statuses[429] > 0
        assert statuses[503] > 0
        assert statuses[200] > 0
        assert sum(statuses.values()) == 64 * 80
        assert post(mocks[0])[0] == post(mocks[1])[0] == 200
        assert Client(mocks[0]).admin("GET", "faults")["queue"] == []


def test_without_its_redis_the_mock_says_so_at_once_and_comes_back(redis):
    with replicas(redis.url, count=1) as (mock,):
        assert post(mock)[0] == 200
        redis.kill()
        try:
            began = time.monotonic()
            status, content = post(mock)
            assert (status, json.loads(content)["error"]["type"]) == (503, "overloaded_error")
            assert "state unavailable: the Redis at 127.0.0.1 failed" in content.decode()
            for path, expected in (
                ("/__admin/requests", 503),
                ("/metrics", 503),
                ("/health/ready", 503),
                ("/health", 200),
            ):
                assert (path, Client(mock).ask(None, "GET", path)[0]) == (path, expected)
            assert post(mock, b"{}")[0] == 503
            assert time.monotonic() - began < 2
        finally:
            redis.start()
        assert post(mock)[0] == 200
        assert Client(mock).ask(None, "GET", "/health/ready")[0] == 200
        assert journal(mock)["total"] == 1


@pytest.mark.parametrize(
    ("unusable", "usable", "problem"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0"), "OutOfMemoryError"),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"), "ReadOnlyError"),
    ],
)
def test_a_redis_that_cannot_write_is_reported_and_loses_nothing(unusable, usable, problem, redis):
    with replicas(redis.url, count=1) as (mock,):
        client = Client(mock)
        client.admin("POST", "faults", {"fault": "429"})
        redis.client.execute_command(*unusable)
        try:
            answers = [
                client.ask(),
                client.ask('{"fault": "503"}', path="/__admin/faults"),
                client.ask(None, "GET", "/health/ready"),
            ]
        finally:
            redis.client.execute_command(*usable)

        assert [status for status, _, _ in answers] == [503, 503, 503]
        assert all(f"the Redis at 127.0.0.1 failed: {problem}" in content.decode() for _, content, _ in answers)
        assert [client.ask()[0] for _ in range(2)] == [429, 200]


def test_calls_go_on_without_the_scripts(redis):
    with replicas(redis.url, count=1) as (mock,):
        assert post(mock)[0] == 200
        redis.client.script_flush()
        assert post(mock)[0] == 200
        assert journal(mock)["total"] == 2


def test_a_slow_redis_makes_calls_slow_and_nothing_else(redis, proxy):
    with replicas(proxy.url) as mocks:
        Client(mocks[0]).admin("POST", "faults", {"fault": "429", "times": 32})
        proxy.delay_s = 0.2
        began = time.monotonic()
        statuses, _ = load(mocks, 128)
        seconds = time.monotonic() - began
        proxy.delay_s = 0

        assert statuses == {200: 96, 429: 32}
        assert 0.8 < seconds < 8
        assert journal(mocks[1])["total"] == 128


def test_a_redis_that_stalls_costs_seconds_and_no_call_hangs(redis, proxy):
    with replicas(proxy.url, count=1) as (mock,):
        assert post(mock)[0] == 200
        proxy.delay_s = None
        began = time.monotonic()
        statuses, _ = load([mock], 64)
        assert statuses == {503: 64}
        assert time.monotonic() - began < 6
        proxy.delay_s = 0
        _until(lambda: post(mock)[0] == 200)


def test_the_password_of_the_redis_is_shown_nowhere(redis):
    redis.client.config_set("requirepass", "sesame-7")
    try:
        with running("--state", redis.url.replace("//", "//:sesame-7@")) as mock:
            assert post(mock)[0] == 200
            assert Client(mock).admin("GET", "settings")["state"] is True
            redis.client.execute_command("AUTH", "sesame-7")
            redis.client.config_set("requirepass", "other")
            for connection in redis.client.client_list():
                if connection["id"] != redis.client.client_id():
                    redis.client.client_kill_filter(_id=connection["id"])
            shown = post(mock)[1].decode()
            assert "state unavailable" in shown
            assert mock.stop(signal.SIGTERM) == 0
            assert "sesame-7" not in shown + "".join(mock.lines)
    finally:
        redis.client.execute_command("AUTH", "other")
        redis.client.config_set("requirepass", "")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--state", "http://localhost/0"], "must be a URL such as redis://localhost/0"),
        (["--state", "redis://localhost/none"], "must be a URL such as redis://localhost/0"),
        (["--state", "redis://localhost:port/0"], "must be a URL such as redis://localhost/0"),
        (["--state", "redis:///0"], "must be a URL such as redis://localhost/0"),
        (["--state", "redis://two..dots/0"], "must be a URL such as redis://localhost/0"),
        (["--state", "redis://localhost/0?colour=red"], "whose only options are db and"),
        (["--state", "redis://localhost/0?decode_responses=1"], "whose only options are db and"),
        (["--workers", "0"], "must be an integer from 1 to 64, not 0"),
        (["--workers", "2", "--rate-limit", "5/minute"], "needs --state if there is more than one of --workers"),
    ],
)
def test_invalid_options_are_refused(arguments, problem):
    with pytest.raises(RuntimeError, match=problem), running(*arguments):
        pass


def test_a_start_without_the_redis_prints_a_warning():
    with running("--state", "redis://127.0.0.1:1/0") as mock:
        assert post(mock)[0] == 503
        assert mock.stop(signal.SIGTERM) == 0

    assert (
        "state unavailable: the Redis at 127.0.0.1 failed: ConnectionError; calls get 503 until it answers"
        in mock.lines[0]
    )


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)

    with pytest.raises(SettingsError, match=r"needs the package redis: pip install 'together-rerank-kit\[redis\]'"):
        Mock(Settings(state="redis://localhost/0"))


def test_the_threaded_server_has_a_shared_state_and_one_worker(redis):
    with MockServer(Settings(state=redis.url)) as one, running("-q", "--state", redis.url) as other:
        Client(one).admin("POST", "faults", {"fault": "429"})
        assert [post(other)[0], post(one)[0]] == [429, 200]
        assert journal(one)["total"] == 2
    with pytest.raises(SettingsError, match="`workers` must be 1 with the threaded server"):
        MockServer(Settings(state=redis.url, workers=2))


def test_a_call_takes_nothing_from_the_state_that_its_own_fault_leaves(redis):
    limits = ("--api-key", "key", "--max-in-flight", "1", "--rate-limit", "2/hour")
    with replicas(redis.url, *limits) as (one, other), ThreadPoolExecutor(1) as waiting:
        Client(one).admin("POST", "faults", {"fault": "any-key-accepted", "then": "429"})
        assert post(one, headers={**KEY, "Authorization": "Bearer wrong"})[0] == 200
        assert post(other)[0] == 429
        late = waiting.submit(post, one, headers={**KEY, "Prefer": "code=503, delay=500"})
        time.sleep(0.2)
        assert post(other)[0] == 200
        assert late.result()[0] == 503
        assert post(other)[0] == 429
