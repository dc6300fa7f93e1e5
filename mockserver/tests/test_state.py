"""What is remembered is bounded, by namespace, and every step is atomic."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from together_rerank_mockserver import state
from together_rerank_mockserver.design import InOrder
from together_rerank_mockserver.faults import OK
from together_rerank_mockserver.journal import Entry
from together_rerank_mockserver.orders import MAX_SEQUENCE, BadOrder, Order


class Forgetting:
    """A quota that notes whom it forgets."""

    def __init__(self, forgotten):
        self.forget = forgotten.append


def memory(journal_max=1000):
    forgotten = []
    return state.Memory(journal_max, Forgetting(forgotten)), forgotten


def entry(number=0, size=0):
    return Entry(0.0, "POST", f"/{number}", 200, {}, b"x" * size, size, "scored", "id", 1.0)


def paths(kept, namespace="default"):
    return [each.path for each in kept.journal(namespace)[0]]


def test_an_order_is_taken_as_often_as_it_says_and_only_while_it_is_the_next():
    kept, _ = memory()
    kept.enqueue("default", [Order(OK, times=2), Order(OK)])

    first, _ = kept.head("default")
    assert kept.take("default", first)
    assert kept.take("default", first)
    assert not kept.take("default", first)
    assert kept.head("default")[0] != first
    assert [order.times for order in kept.queue("default")] == [1]


def test_an_order_is_taken_exactly_as_often_as_it_says_by_however_many_at_once(monkeypatch):
    times = 3_200
    kept, _ = memory()
    kept.enqueue("default", [Order(OK, times=times)])
    slow = state.replace

    def interrupted(*arguments, **changes):
        time.sleep(0)  # has another thread go on, in the midst
        return slow(*arguments, **changes)

    monkeypatch.setattr(state, "replace", interrupted)

    def take_its_share(_):
        number, _ = kept.head("default")
        return sum(kept.take("default", number) for _ in range(times // 16))

    with ThreadPoolExecutor(16) as clients:
        assert sum(clients.map(take_its_share, range(16))) == times
    assert kept.head("default") is None


def test_a_queue_that_is_full_takes_all_or_nothing():
    kept, _ = memory()
    kept.enqueue("default", [Order(OK)] * (MAX_SEQUENCE - 1))

    with pytest.raises(BadOrder, match="999 are"):
        kept.enqueue("default", [Order(OK)] * 2)
    assert len(kept.queue("default")) == MAX_SEQUENCE - 1


def test_the_journal_keeps_the_last_and_counts_the_rest():
    kept, _ = memory(journal_max=3)
    for number in range(5):
        kept.record("default", entry(number), 0)

    assert paths(kept) == ["/2", "/3", "/4"]
    assert kept.journal("default")[1] == 2


def test_a_journal_of_none_keeps_none():
    kept, _ = memory(journal_max=0)
    kept.record("default", entry(), 0)

    assert kept.journal("default") == ([], 0)


def test_all_journals_together_are_bounded_and_the_largest_pays():
    kept, _ = memory(journal_max=10_000)
    size = 64 * 1024
    fitting = state.MAX_JOURNAL_BYTES // entry(0, size).size
    for number in range(10):
        kept.record("test-small", entry(number, size), 0)
    for number in range(fitting):
        kept.record("test-large", entry(number, size), 0)
    kept.record("test-small", entry(10, size), 0)

    assert len(paths(kept, "test-small")) == 11
    assert kept.journal("test-large")[1] == 11
    kept.forget("test-large")
    for number in range(fitting - 11):
        kept.record("test-other", entry(number, size), 0)
    assert kept.journal("test-other")[1] == 0


def test_of_too_many_namespaces_the_oldest_idle_one_is_forgotten():
    kept, forgotten = memory()
    kept.enter("test-busy", 0)
    kept.record("test-idle", entry(), 0)
    kept.record("default", entry(), 0)
    for number in range(state.MAX_NAMESPACES - 2):
        kept.record(f"test-{number}", entry(), 0)

    assert forgotten == ["test-idle"]
    assert paths(kept, "test-idle") == []
    assert len(paths(kept)) == 1
    assert not kept.enter("test-busy", 1)


def test_a_namespace_with_a_queue_is_forgotten_only_when_all_have_one():
    kept, forgotten = memory()
    kept.enqueue("test-queued", [Order(OK)])
    for number in range(state.MAX_NAMESPACES):
        kept.record(f"test-{number}", entry(), 0)
    assert forgotten == ["test-0"]

    for number in range(state.MAX_NAMESPACES):
        kept.enqueue(f"test-more-{number}", [Order(OK)])
    assert "test-queued" in forgotten
    assert len(forgotten) == state.MAX_NAMESPACES + 1


def test_namespaces_that_were_busy_together_are_forgotten_once_they_are_idle():
    kept, forgotten = memory()
    names = [f"test-{number}" for number in range(state.MAX_NAMESPACES * 2)]
    for name in names:
        kept.enter(name, 0)
    assert forgotten == []
    for name in names:
        kept.leave(name)

    kept.record("test-next", entry(), 0)

    assert len(forgotten) == state.MAX_NAMESPACES + 1


def test_looking_opens_no_namespace():
    kept, forgotten = memory()
    for number in range(state.MAX_NAMESPACES * 2):
        assert kept.head(f"test-{number}") is None
        assert kept.journal(f"test-{number}") == ([], 0)
        assert kept.queue(f"test-{number}") == []
        kept.clear_queue(f"test-{number}")
        kept.forget(f"test-{number}")

    assert forgotten == []


def test_a_reset_forgets_all_of_one_namespace_but_what_is_in_flight():
    kept, forgotten = memory()
    for namespace in ("test-a", "test-b"):
        kept.enter(namespace, 0)
        kept.enqueue(namespace, [Order(OK)])
        kept.record(namespace, entry(), 0)
        kept.next_draw(namespace)
    ids = [kept.request_id(namespace, b"same") for namespace in ("test-a", "test-b")]

    kept.reset("test-a")

    assert forgotten == ["test-a"]
    assert kept.queue("test-a") == []
    assert kept.journal("test-a") == ([], 0)
    assert kept.next_draw("test-a") == 0
    assert kept.request_id("test-a", b"same") == ids[0] == ids[1]
    assert not kept.enter("test-a", 1)
    assert (len(kept.queue("test-b")), len(paths(kept, "test-b")), kept.next_draw("test-b")) == (1, 1, 1)


def test_an_order_that_was_seen_before_a_reset_is_not_taken_after_it():
    kept, _ = memory()
    kept.enqueue("default", [Order(OK)])
    seen, _ = kept.head("default")
    kept.reset("default")
    kept.enqueue("default", [Order(OK)])

    assert not kept.take("default", seen)


def test_no_more_than_so_many_are_in_flight_and_who_is_refused_does_not_count():
    kept, _ = memory()

    assert [kept.enter("default", 2) for _ in range(5)] == [True, True, False, False, False]
    kept.leave("default")
    assert [kept.enter("default", 2) for _ in range(2)] == [True, False]
    assert kept.enter("default", 0)


def test_what_began_before_a_reset_leaves_no_entry():
    kept, _ = memory()
    before = kept.generation("test-a")
    other = kept.generation("test-b")

    kept.reset("test-a")
    kept.record("test-a", entry(), before)
    kept.record("test-b", entry(), other)
    after = kept.generation("test-a")
    kept.record("test-a", entry(7), after)

    assert before != after
    assert [each.path for each in kept.journal("test-a")[0]] == ["/7"]
    assert len(kept.journal("test-b")[0]) == 1


def test_every_reset_begins_another_generation():
    kept, _ = memory()
    seen = set()
    for name in ("test-a", "test-b") * 3:
        kept.reset(name)
        seen.add(kept.generation(name))

    assert len(seen) == 6


def test_a_design_counts_the_answers_that_followed_it():
    kept, _ = memory()
    kept.count_designed("test-a")
    kept.set_design("test-a", InOrder((1, 0)))
    assert kept.designed("test-a") == 0
    kept.count_designed("test-a")

    assert (kept.design("test-a"), kept.designed("test-a")) == (InOrder((1, 0)), 1)
    assert kept.design("test-b") is None
    kept.reset("test-a")
    assert (kept.design("test-a"), kept.designed("test-a")) == (None, 0)
