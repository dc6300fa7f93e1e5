"""The state of the namespaces is bounded, and every change of it is atomic."""

import re
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from together_rerank_mockserver.api.json_text import to_json
from together_rerank_mockserver.faults.catalogue import OK, Catalogue
from together_rerank_mockserver.faults.grammar import FaultSpec
from together_rerank_mockserver.ranking.override import from_json
from together_rerank_mockserver.state import namespace as namespace_module
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
def registry(quota):
    return Registry(1000, quota)


@pytest.fixture
def namespace(registry):
    return registry.open("default")


def entry(number=0, size=0):
    return Entry(0.0, "POST", f"/{number}", 200, {}, b"x" * size, size, "scored", "id", 1.0)


def record(registry, name, number=0, size=0):
    registry.finish(registry.open(name), entry(number, size), OUTCOME)


def paths(registry, name="default"):
    return [each.path for each in registry.look(name).journal()[0]]


def test_a_fault_is_used_by_as_many_calls_as_its_times(namespace):
    namespace.enqueue([FaultSpec(OK, times=2).queued, FaultSpec(OK).queued])

    first, second, third = (namespace.take_fault() for _ in range(3))

    assert first is second
    assert third is not first
    assert namespace.take_fault() is None


def test_a_body_fault_stays_queued_until_it_is_applied(namespace):
    namespace.enqueue([FaultSpec(UNSORTED, times=2).queued, FaultSpec(OK).queued])

    first = namespace.take_fault()
    assert first is namespace.take_fault() is namespace.first()
    assert [namespace.take(first) for _ in range(3)] == [True, True, False]
    assert namespace.take_fault().spec.fault is OK


@pytest.mark.parametrize("fault", [OK, UNSORTED])
def test_concurrent_calls_use_a_fault_exactly_as_often_as_its_times(namespace, fault, monkeypatch):
    times = 3_200
    namespace.enqueue([FaultSpec(fault, times=times).queued])
    take = namespace_module.Namespace._take

    def interrupted(self, first):
        time.sleep(0)  # lets another thread run in between
        take(self, first)

    monkeypatch.setattr(namespace_module.Namespace, "_take", interrupted)

    def take_one(_):
        first = namespace.take_fault()
        return first is not None and (fault is OK or namespace.take(first))

    with ThreadPoolExecutor(16) as clients:
        assert sum(clients.map(take_one, range(times + 100))) == times
    assert namespace.queued() == []


def test_a_queue_accepts_all_faults_of_a_chain_or_none(namespace):
    namespace.enqueue([FaultSpec(OK).queued for _ in range(MAX_QUEUE - 1)])

    with pytest.raises(QueueClosed, match="it has 999"):
        namespace.enqueue([FaultSpec(OK).queued] * 2)
    assert len(namespace.queued()) == MAX_QUEUE - 1


def test_the_journal_keeps_the_latest_entries_and_counts_dropped_ones():
    registry = Registry(3)
    for number in range(5):
        record(registry, "default", number)

    assert paths(registry) == ["/2", "/3", "/4"]
    assert registry.look("default").journal()[1] == 2


def test_a_journal_of_size_zero_keeps_nothing():
    registry = Registry(0)
    record(registry, "default")

    assert registry.look("default").journal() == ([], 0)


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


def test_a_call_that_ends_after_its_namespace_was_reset_and_forgotten_leaves_no_entry(registry):
    late = registry.open("test-late")
    registry.reset("test-late")
    for number in range(namespace_module.MAX_NAMESPACES):
        registry.open(f"test-{number}")
    registry.finish(late, entry(1), OUTCOME)

    assert paths(registry, "test-late") == []


def test_the_oldest_idle_namespace_is_forgotten_when_there_are_too_many(registry, quota):
    registry.open("test-busy").admit(None)
    for name in ("test-idle", "default", *(f"test-{number}" for number in range(namespace_module.MAX_NAMESPACES - 2))):
        record(registry, name)

    assert quota.forgotten == ["test-idle"]
    assert paths(registry, "test-idle") == []
    assert len(paths(registry)) == 1
    assert registry.open("test-busy").admit(1) == (False, None)


def test_a_namespace_with_a_queue_is_forgotten_only_when_all_have_one(registry, quota):
    registry.open("test-queued").enqueue([FaultSpec(OK).queued])
    for number in range(namespace_module.MAX_NAMESPACES):
        registry.open(f"test-{number}")
    assert quota.forgotten == ["test-0"]

    for number in range(namespace_module.MAX_NAMESPACES):
        registry.open(f"test-more-{number}").enqueue([FaultSpec(OK).queued])
    assert "test-queued" in quota.forgotten
    assert len(quota.forgotten) == namespace_module.MAX_NAMESPACES + 1


def test_namespaces_that_were_busy_together_are_forgotten_once_they_are_idle(registry, quota):
    busy = []
    for number in range(namespace_module.MAX_NAMESPACES * 2):
        busy.append(registry.open(f"test-{number}"))
        busy[-1].admit(None)
    assert quota.forgotten == []
    for each in busy:
        each.release()

    registry.open("test-next")

    assert len(quota.forgotten) == namespace_module.MAX_NAMESPACES + 1


def test_a_namespace_that_is_forgotten_during_a_call_is_restored(registry):
    early = registry.open("test-early")
    for number in range(namespace_module.MAX_NAMESPACES):
        registry.open(f"test-{number}")
    assert registry.look("test-early") is not early

    registry.finish(early, entry(), OUTCOME)

    assert paths(registry, "test-early") == ["/0"]


def test_look_does_not_create_a_namespace(registry, quota):
    for number in range(namespace_module.MAX_NAMESPACES * 2):
        namespace = registry.look(f"test-{number}")
        namespace.clear_queue()
        registry.forget_journal(namespace.name)
        assert (namespace.take_fault(), namespace.queued(), namespace.journal()) == (None, [], ([], 0))

    assert quota.forgotten == []


def test_a_reset_clears_one_namespace_except_its_calls_in_flight():
    registry = Registry(1000)
    names = ("test-a", "test-b")
    for namespace in map(registry.open, names):
        namespace.admit(None)
        namespace.enqueue([FaultSpec(OK).queued])
        registry.finish(namespace, entry(), OUTCOME)
        namespace.draw(0)
    ids = [registry.open(name).request_id(b"same") for name in names]

    registry.reset("test-a")

    a, b = map(registry.open, names)
    assert (a.queued(), a.journal(), a._draws[""]) == ([], ([], 0), 0)
    assert a.request_id(b"same") == ids[0] == ids[1]
    assert a.admit(1) == (False, None)
    assert (len(b.queued()), len(paths(registry, "test-b")), b._draws[""]) == (1, 1, 1)


def test_a_call_that_began_before_a_reset_is_not_recorded(registry):
    before = registry.open("default")
    before.enqueue([FaultSpec(UNSORTED).queued])
    seen = before.take_fault()
    registry.reset("default")
    after = registry.open("default")
    after.enqueue([FaultSpec(UNSORTED).queued])

    registry.finish(before, entry(), OUTCOME)
    before.count_override()

    assert not before.take(seen)
    assert before.take_fault() is None
    assert (len(after.queued()), after.journal(), after.overridden) == (1, ([], 0), 0)
    registry.finish(after, entry(7), OUTCOME)
    assert paths(registry) == ["/7"]


def test_a_call_that_ends_after_a_reset_is_no_longer_in_flight():
    registry = Registry(0)
    before = registry.open("default")
    before.admit(1)
    registry.reset("default")
    assert registry.open("default").admit(1) == (False, None)

    before.release()

    assert registry.open("default").admit(1) == (True, None)


def test_calls_in_flight_are_limited_and_a_rejected_call_does_not_count():
    namespace = Registry(0).open("default")

    assert [namespace.admit(2)[0] for _ in range(5)] == [True, True, False, False, False]
    namespace.release()
    assert [namespace.admit(2)[0] for _ in range(2)] == [True, False]
    assert namespace.admit(None)[0]


def test_an_override_counts_its_answers(registry, namespace):
    namespace.count_override()
    registry.set_override("default", OVERRIDE)
    assert namespace.overridden == 0
    namespace.count_override()

    assert (namespace.override, namespace.overridden) == (OVERRIDE, 1)
    assert registry.look("test-b").override is None
    registry.reset("default")
    assert (registry.look("default").override, registry.look("default").overridden) == (None, 0)


def test_an_id_has_the_observed_format(namespace):
    assert ID.fullmatch(OBSERVED_ID)
    assert ID.fullmatch(namespace.request_id(b"body"))


def test_the_same_requests_get_the_same_ids_however_they_interleave(registry):
    bodies = [b"a", b"b", b"a", b"c", b"a", b"b"]
    one, other = registry.open("test-1"), registry.open("test-2")

    assert sorted(map(one.request_id, bodies)) == sorted(map(other.request_id, reversed(bodies)))
    assert len({registry.look("test-3").request_id(body) for body in bodies}) == 3


def test_no_two_requests_share_an_id(namespace):
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda n: namespace.request_id(b"%d" % (n % 10)), range(2_000)))

    assert len(ids) == 2_000


def test_the_id_count_of_the_oldest_body_is_forgotten_first(namespace, monkeypatch):
    monkeypatch.setattr(namespace_module, "_MAX_BODIES", 2)
    first = [namespace.request_id(body) for body in (b"a", b"b", b"a", b"c")]

    assert namespace.request_id(b"b") == first[1]
    assert namespace.request_id(b"c") != first[3]


def test_the_entries_of_a_namespace_that_is_dropped_count_as_dropped():
    registry = Registry(10)
    for number in range(namespace_module.MAX_NAMESPACES + 5):
        registry.finish(registry.open(f"test-{number}"), entry(), OUTCOME)

    assert registry.totals().dropped == 5
