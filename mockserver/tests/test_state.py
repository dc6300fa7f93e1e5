"""The state of the namespaces is bounded, and every change of it is atomic."""

import re
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from together_rerank_mockserver.api.json_text import to_json
from together_rerank_mockserver.faults.catalogue import OK, Catalogue
from together_rerank_mockserver.faults.grammar import FaultSpec
from together_rerank_mockserver.mock_state import MockState
from together_rerank_mockserver.ranking.override import from_json
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state import namespace as namespace_module
from together_rerank_mockserver.state.delay_limiter import DelayLimiter
from together_rerank_mockserver.state.journal import Entry
from together_rerank_mockserver.state.namespace import MAX_QUEUE, QueueClosed
from together_rerank_mockserver.state.registry import Registry
from together_rerank_mockserver.state.totals import Outcome
from together_rerank_spec import load

OBSERVED_ID = "oGs6Zt9-62bZhn-99529372487b1b0a"
ID = re.compile(r"[A-Za-z0-9]{7}-[A-Za-z0-9]{6}-[0-9a-f]{16}")
OUTCOME = Outcome(200, None, 0.001)
OVERRIDE = from_json({"rank": [1, 0]})
UNSORTED = Catalogue(load())["unsorted"]


class QuotaThatRecordsForgetting:
    """A quota that records the namespaces that it forgets."""

    def __init__(self):
        self.forgotten = []
        self.forget = self.forgotten.append

    def hit(self, _):
        return None


@pytest.fixture
def quota():
    return QuotaThatRecordsForgetting()


@pytest.fixture
def in_memory(quota):
    return Registry(1000, quota)


def registry_of(**settings):
    """Return the registry of a mock with *settings*: in memory, or in a Redis if the plugin `state_in_redis` runs."""
    return MockState(load(), Settings(**settings), DelayLimiter(Event())).registry


@pytest.fixture
def registry():
    return registry_of()


@pytest.fixture
def call(registry):
    """Return a function that returns the namespace `default`, as a new call sees it."""
    return lambda: registry.open("default")


def entry(number=0, size=0):
    return Entry(0.0, "POST", f"/{number}", 200, {}, b"x" * size, size, "scored", "id", 1.0)


def finish(registry, namespace, entry=None):
    """End a call as `Endpoint` does."""
    if script_call := registry.finish(namespace, entry, OUTCOME):
        namespace._shared.store.run(script_call)


def record(registry, name, number=0, size=0):
    finish(registry, registry.open(name), entry(number, size))


def paths(registry, name="default"):
    return [each.path for each in registry.look(name).journal()[0]]


def take_fault(registry):
    """Return the fault that the next call takes from the queue, whether or not it is conditional."""
    namespace = registry.open("default")
    fault = namespace.take_fault()
    if fault and fault.spec.is_conditional:
        assert namespace.take(fault)
    finish(registry, namespace)
    return fault and fault.spec.fault


def test_a_fault_is_used_by_as_many_calls_as_its_times(registry, call):
    call().enqueue([FaultSpec(OK, times=2).queued, FaultSpec(UNSORTED).queued])

    assert [take_fault(registry) for _ in range(4)] == [OK, OK, UNSORTED, None]


def test_a_body_fault_stays_queued_until_it_is_applied(registry, call):
    call().enqueue([FaultSpec(UNSORTED, times=2).queued, FaultSpec(OK).queued])

    for _ in range(3):
        unused = call()
        assert unused.take_fault().spec.fault is unused.first().spec.fault is UNSORTED
        finish(registry, unused)

    assert [each.left for each in call().queued()] == [2, 1]
    assert [take_fault(registry) for _ in range(4)] == [UNSORTED, UNSORTED, OK, None]


def test_a_fault_for_all_calls_stays_queued(registry, call):
    call().enqueue([FaultSpec(UNSORTED).queued, FaultSpec(OK, times=None).queued])

    assert [take_fault(registry) for _ in range(4)] == [UNSORTED, OK, OK, OK]
    with pytest.raises(QueueClosed, match="no fault can follow one whose `times` is `always`"):
        call().enqueue([FaultSpec(OK).queued])


@pytest.mark.parametrize("fault", [OK, UNSORTED])
def test_concurrent_calls_use_a_fault_exactly_as_often_as_its_times(registry, call, fault, monkeypatch):
    times = 3_200
    call().enqueue([FaultSpec(fault, times=times).queued])
    take = namespace_module.Namespace._take

    def interrupted(self, first):
        time.sleep(0)  # lets another thread run in between
        take(self, first)

    monkeypatch.setattr(namespace_module.Namespace, "_take", interrupted)

    def take_one(_):
        namespace = call()
        first = namespace.take_fault()
        taken = first is not None and (fault is OK or namespace.take(first))
        finish(registry, namespace)
        return taken

    with ThreadPoolExecutor(16) as clients:
        assert sum(clients.map(take_one, range(times + 100))) == times
    assert call().queued() == []


def test_a_queue_accepts_all_faults_of_a_chain_or_none(call):
    call().enqueue([FaultSpec(OK).queued for _ in range(MAX_QUEUE - 1)])

    with pytest.raises(QueueClosed, match="it has 999"):
        call().enqueue([FaultSpec(OK).queued] * 2)
    assert len(call().queued()) == MAX_QUEUE - 1


def test_the_journal_keeps_the_latest_entries_and_counts_dropped_ones():
    registry = registry_of(journal_max=3)
    for number in range(5):
        record(registry, "default", number)

    assert paths(registry) == ["/2", "/3", "/4"]
    assert registry.look("default").journal()[1] == 2


def test_a_journal_of_size_zero_keeps_nothing():
    registry = registry_of(journal_max=0)
    record(registry, "default")

    assert registry.look("default").journal() == ([], 0)


@pytest.mark.in_memory
def test_all_journals_share_a_limit_and_the_largest_loses_entries():
    registry, size = Registry(10_000), 64 * 1024
    fitting = namespace_module.MAX_JOURNAL_BYTES // entry(0, size).size
    for number in range(10):
        record(registry, "test-small", number, size)
    for number in range(fitting):
        record(registry, "test-large", number, size)
    record(registry, "test-small", 10, size)

    assert len(paths(registry, "test-small")) == 11
    assert registry.look("test-large").journal()[1] == 11
    registry.forget_journal("test-large")
    for number in range(fitting - 11):
        record(registry, "test-other", number, size)
    assert registry.look("test-other").journal()[1] == 0


@pytest.mark.parametrize(
    "texts",
    [{"path": "/\u65e5" * 1000}, {"method": "X" * 2000}, {"reason": "\U0001f600" * 500}, {"reply": "r" * 2000}, {}],
)
def test_the_size_of_an_entry_is_at_least_what_it_takes_in_memory(texts):
    headers = {f"x-{number}": f"{number}" + "\u00e9" * 100 for number in range(50)}

    tracemalloc.start()
    recorded = [
        Entry(
            **{"time": time.time(), "method": "POST", "path": "/", "status": 200, "reply": "scored", "request_id": "i"}
            | {name: text[:-1] + text[-1] for name, text in texts.items()},  # a copy
            headers={name + "x": value + "y" for name, value in headers.items()},
            body=bytes(1000 + number),
            body_bytes=1000,
            ms=1.5 + number,
        )
        for number in range(100)
    ]
    for each in recorded:
        to_json(each.shown(None))  # afterwards Python caches the UTF-8 of the texts
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert 0.8 * taken < sum(each.size for each in recorded) < 1.5 * taken


@pytest.mark.in_memory
def test_a_call_that_ends_after_its_namespace_was_reset_and_forgotten_leaves_no_entry(in_memory):
    late = in_memory.open("test-late")
    in_memory.reset("test-late")
    for number in range(namespace_module.MAX_NAMESPACES):
        in_memory.open(f"test-{number}")
    in_memory.finish(late, entry(1), OUTCOME)

    assert paths(in_memory, "test-late") == []


@pytest.mark.in_memory
def test_the_oldest_idle_namespace_is_forgotten_when_there_are_too_many(in_memory, quota):
    in_memory.open("test-busy").admit(None)
    for name in ("test-idle", "default", *(f"test-{number}" for number in range(namespace_module.MAX_NAMESPACES - 2))):
        record(in_memory, name)

    assert quota.forgotten == ["test-idle"]
    assert paths(in_memory, "test-idle") == []
    assert len(paths(in_memory)) == 1
    assert in_memory.open("test-busy").admit(1) == (False, None)


@pytest.mark.in_memory
def test_a_namespace_with_a_queue_is_forgotten_only_when_all_have_one(in_memory, quota):
    in_memory.open("test-queued").enqueue([FaultSpec(OK).queued])
    for number in range(namespace_module.MAX_NAMESPACES):
        in_memory.open(f"test-{number}")
    assert quota.forgotten == ["test-0"]

    for number in range(namespace_module.MAX_NAMESPACES):
        in_memory.open(f"test-more-{number}").enqueue([FaultSpec(OK).queued])
    assert "test-queued" in quota.forgotten
    assert len(quota.forgotten) == namespace_module.MAX_NAMESPACES + 1


@pytest.mark.in_memory
def test_namespaces_that_were_busy_together_are_forgotten_once_they_are_idle(in_memory, quota):
    busy = []
    for number in range(namespace_module.MAX_NAMESPACES * 2):
        busy.append(in_memory.open(f"test-{number}"))
        busy[-1].admit(None)
    assert quota.forgotten == []
    for each in busy:
        each.release()

    in_memory.open("test-next")

    assert len(quota.forgotten) == namespace_module.MAX_NAMESPACES + 1


@pytest.mark.in_memory
def test_a_namespace_that_is_forgotten_during_a_call_is_restored(in_memory):
    early = in_memory.open("test-early")
    for number in range(namespace_module.MAX_NAMESPACES):
        in_memory.open(f"test-{number}")
    assert in_memory.look("test-early") is not early

    in_memory.finish(early, entry(), OUTCOME)

    assert paths(in_memory, "test-early") == ["/0"]


@pytest.mark.in_memory
def test_look_does_not_create_a_namespace(in_memory, quota):
    for number in range(namespace_module.MAX_NAMESPACES * 2):
        namespace = in_memory.look(f"test-{number}")
        namespace.clear_queue()
        in_memory.forget_journal(namespace.name)
        assert (namespace.take_fault(), namespace.queued(), namespace.journal()) == (None, [], ([], 0))

    assert quota.forgotten == []


def test_a_reset_clears_one_namespace_except_its_calls_in_flight():
    registry = registry_of(max_in_flight=1)
    names = ("test-a", "test-b")
    for name in names:
        record(registry, name)
        registry.open(name).enqueue([FaultSpec(OK).queued])
        registry.open(name).admit(1)
    drawn = [registry.open(name).draw(0) for name in names]
    ids = [registry.open(name).request_id(b"same") for name in names]

    registry.reset("test-a")

    a, b = ([registry.open(name) for _ in range(3)] for name in names)
    assert (a[0].queued(), a[0].journal(), a[0].draw(0)) == ([], ([], 0), drawn[0])
    assert a[1].request_id(b"same") == ids[0] == ids[1]
    assert a[2].admit(1) == (False, None)
    assert (len(b[0].queued()), len(paths(registry, "test-b"))) == (1, 1)
    assert b[0].draw(0) != drawn[1]


def test_a_call_that_began_before_a_reset_is_not_recorded(registry):
    before = registry.open("default")
    before.enqueue([FaultSpec(UNSORTED).queued])
    seen = before.take_fault()
    registry.reset("default")
    after = registry.open("default")
    after.enqueue([FaultSpec(UNSORTED).queued])

    before.count_override()
    finish(registry, before, entry())

    assert seen.spec.fault is UNSORTED
    assert (len(after.queued()), after.journal(), after.overridden) == (1, ([], 0), 0)
    after.admit(None)
    finish(registry, after, entry(7))
    assert paths(registry) == ["/7"]


def test_a_call_that_ends_after_a_reset_is_no_longer_in_flight():
    registry = registry_of(max_in_flight=1)
    before = registry.open("default")
    before.admit(1)
    registry.reset("default")
    assert registry.open("default").admit(1) == (False, None)

    before.release()
    finish(registry, before)

    assert registry.open("default").admit(1) == (True, None)


def test_calls_in_flight_are_limited_and_a_rejected_call_does_not_count():
    registry = registry_of(max_in_flight=2)
    calls = [registry.open("default") for _ in range(5)]

    assert [each.admit(2)[0] for each in calls] == [True, True, False, False, False]
    calls[0].release()
    for each in calls[:1] + calls[2:]:
        finish(registry, each)
    assert [registry.open("default").admit(2)[0] for _ in range(2)] == [True, False]


def count_override(registry):
    namespace = registry.open("default")
    namespace.take_override()
    namespace.count_override()
    finish(registry, namespace)


def test_an_override_counts_its_answers(registry, call):
    count_override(registry)
    registry.set_override("default", OVERRIDE)
    assert call().overridden == 0
    count_override(registry)

    assert (call().override.as_dict, call().overridden) == (OVERRIDE.as_dict, 1)
    assert registry.look("test-b").override is None
    registry.reset("default")
    assert (registry.look("default").override, registry.look("default").overridden) == (None, 0)


def request_id(registry, body, name="default"):
    namespace = registry.by_word(registry.open(name), body)
    namespace.admit(None)
    return namespace.request_id(body)


def test_an_id_has_the_observed_format(registry):
    assert ID.fullmatch(OBSERVED_ID)
    assert ID.fullmatch(request_id(registry, b"body"))


def test_the_same_requests_get_the_same_ids_however_they_interleave(registry):
    bodies = [b"a", b"b", b"a", b"c", b"a", b"b"]

    one = [request_id(registry, body, "test-1") for body in bodies]
    other = [request_id(registry, body, "test-2") for body in reversed(bodies)]

    assert sorted(one) == sorted(other)
    assert len(set(one)) == 6


def test_no_two_requests_share_an_id(registry):
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda n: request_id(registry, b"%d" % (n % 10)), range(2_000)))

    assert len(ids) == 2_000


@pytest.mark.in_memory
def test_the_id_count_of_the_oldest_body_is_forgotten_first(in_memory, monkeypatch):
    namespace = in_memory.open("default")
    monkeypatch.setattr(namespace_module, "_MAX_BODIES", 2)
    first = [namespace.request_id(body) for body in (b"a", b"b", b"a", b"c")]

    assert namespace.request_id(b"b") == first[1]
    assert namespace.request_id(b"c") != first[3]


def test_the_entries_of_a_namespace_that_is_dropped_count_as_dropped():
    registry = registry_of(journal_max=10)
    for number in range(namespace_module.MAX_NAMESPACES + 5):
        finish(registry, registry.open(f"test-{number}"), entry())

    assert registry.totals().dropped == 5
