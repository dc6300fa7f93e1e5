"""What a mock remembers between calls, by namespace: the interface, and how it is kept in memory.

Everything goes through the few methods of State, and all that goes in and out are values, so that a shared store
can take the place of Memory.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Protocol

from together_rerank_mockserver.design import Design
from together_rerank_mockserver.identifiers import Identifiers
from together_rerank_mockserver.journal import Entry
from together_rerank_mockserver.orders import MAX_SEQUENCE, BadOrder, Order
from together_rerank_mockserver.quota import Allowance, Quota

DEFAULT = "default"
MAX_NAMESPACES = 256
MAX_JOURNAL_BYTES = 64 * 1024 * 1024


class State(Protocol):
    """What is remembered; every method is atomic."""

    def head(self, namespace: str) -> tuple[int, Order] | None:
        """Return the order that is next in the queue, with its number; None when nothing is queued."""

    def take(self, namespace: str, number: int) -> bool:
        """Take once from the order with *number*; False when it is no longer the next."""

    def enqueue(self, namespace: str, orders: Sequence[Order]) -> None:
        """Put *orders* at the end of the queue, or none of them.

        Raises:
            BadOrder: the queue would be longer than MAX_SEQUENCE.
        """

    def queue(self, namespace: str) -> list[Order]:
        """Return what is queued, each with the times that are left."""

    def clear_queue(self, namespace: str) -> None:
        """Empty the queue."""

    def next_draw(self, namespace: str) -> int:
        """Return how many draws there were before this one."""

    def request_id(self, namespace: str, content: bytes) -> str:
        """Return an id for a request with *content*."""

    def spend(self, namespace: str) -> Allowance | None:
        """Count a call against the quota, if it is within it; None when there is no quota."""

    def enter(self, namespace: str, most: int) -> bool:
        """Count a call that begins, if fewer than *most* are in flight, 0 for any number; return whether it may."""

    def leave(self, namespace: str) -> None:
        """Count a call that ended."""

    def design(self, namespace: str) -> Design | None:
        """Return the ranking that is asked for, if one is."""

    def set_design(self, namespace: str, design: Design | None) -> None:
        """Rank as *design* says from now on; None for as usual."""

    def count_designed(self, namespace: str) -> None:
        """Count an answer that was ranked by the design."""

    def designed(self, namespace: str) -> int:
        """Return how many answers were ranked by the design that is set."""

    def generation(self, namespace: str) -> int:
        """Return a number that is another one after each reset."""

    def record(self, namespace: str, entry: Entry, generation: int) -> None:
        """Put *entry*, of a request that came in *generation*, into the journal, if there was no reset since."""

    def journal(self, namespace: str) -> tuple[list[Entry], int]:
        """Return the entries, oldest first, and how many were dropped to bound the memory."""

    def forget(self, namespace: str) -> None:
        """Empty the journal."""

    def reset(self, namespace: str) -> None:
        """Forget everything about *namespace*; calls in flight go on, and leave no entry in the journal."""


@dataclass(slots=True)
class _Queued:
    number: int
    order: Order
    left: int


@dataclass(slots=True)
class _Namespace:
    queue: deque[_Queued] = field(default_factory=deque)
    queued: int = 0
    entries: deque[Entry] = field(default_factory=deque)
    journal_bytes: int = 0
    dropped: int = 0
    draws: int = 0
    in_flight: int = 0
    identifiers: Identifiers = field(default_factory=Identifiers)
    design: Design | None = None
    designed: int = 0
    generation: int = 0


class Memory(State):
    """State in the memory of one process, bounded: of too many namespaces the oldest idle one is forgotten.

    Args:
        journal_max: the most entries that each namespace keeps.
        quota: what each namespace can spend; None for any number of calls.
    """

    def __init__(self, journal_max: int, quota: Quota | None) -> None:
        self._journal_max = journal_max
        self._quota = quota
        self._namespaces: OrderedDict[str, _Namespace] = OrderedDict()
        self._journal_bytes = 0
        self._resets = 0
        self._lock = Lock()

    def head(self, namespace: str) -> tuple[int, Order] | None:
        here = self._namespaces.get(namespace)
        if here is None or not here.queue:
            return None  # as for most calls, which need no lock to know it
        with self._lock:
            queue = self._seen(namespace).queue
            return (queue[0].number, queue[0].order) if queue else None

    def take(self, namespace: str, number: int) -> bool:
        with self._lock:
            queue = self._seen(namespace).queue
            if not queue or queue[0].number != number:
                return False
            queue[0].left -= 1
            if not queue[0].left:
                queue.popleft()
            return True

    def enqueue(self, namespace: str, orders: Sequence[Order]) -> None:
        with self._lock:
            here = self._used(namespace)
            if len(here.queue) + len(orders) > MAX_SEQUENCE:
                raise BadOrder(f"at most {MAX_SEQUENCE} faults can be queued, and {len(here.queue)} are")
            for order in orders:
                here.queued += 1
                here.queue.append(_Queued(here.queued, order, order.times))

    def queue(self, namespace: str) -> list[Order]:
        with self._lock:
            return [replace(each.order, times=each.left) for each in self._seen(namespace).queue]

    def clear_queue(self, namespace: str) -> None:
        with self._lock:
            self._seen(namespace).queue.clear()

    def next_draw(self, namespace: str) -> int:
        with self._lock:
            here = self._used(namespace)
            here.draws += 1
            return here.draws - 1

    def request_id(self, namespace: str, content: bytes) -> str:
        with self._lock:
            identifiers = self._used(namespace).identifiers
        return identifiers.take(content)  # hashes without holding up others

    def spend(self, namespace: str) -> Allowance | None:
        if not self._quota:
            return None
        with self._lock:
            self._used(namespace)
            return self._quota.ask(namespace)

    def enter(self, namespace: str, most: int) -> bool:
        with self._lock:
            here = self._used(namespace)
            may = not 0 < most <= here.in_flight
            here.in_flight += may
            return may

    def leave(self, namespace: str) -> None:
        with self._lock:
            self._seen(namespace).in_flight -= 1

    def design(self, namespace: str) -> Design | None:
        here = self._namespaces.get(namespace)
        return here.design if here else None

    def set_design(self, namespace: str, design: Design | None) -> None:
        with self._lock:
            here = self._used(namespace)
            here.design, here.designed = design, 0

    def count_designed(self, namespace: str) -> None:
        with self._lock:
            self._used(namespace).designed += 1

    def designed(self, namespace: str) -> int:
        with self._lock:
            return self._seen(namespace).designed

    def generation(self, namespace: str) -> int:
        here = self._namespaces.get(namespace)
        return here.generation if here else 0

    def record(self, namespace: str, entry: Entry, generation: int) -> None:
        if not self._journal_max:
            return
        with self._lock:
            here = self._used(namespace)
            if generation != here.generation:
                return
            here.entries.append(entry)
            here.journal_bytes += entry.size
            self._journal_bytes += entry.size
            if len(here.entries) > self._journal_max:
                self._drop_oldest(here)
            while self._journal_bytes > MAX_JOURNAL_BYTES:
                self._drop_oldest(max(self._namespaces.values(), key=lambda each: each.journal_bytes))

    def journal(self, namespace: str) -> tuple[list[Entry], int]:
        with self._lock:
            here = self._seen(namespace)
            return list(here.entries), here.dropped

    def forget(self, namespace: str) -> None:
        with self._lock:
            self._forget(self._seen(namespace))

    def reset(self, namespace: str) -> None:
        with self._lock:
            here = self._used(namespace)
            self._forget(here)
            self._resets += 1
            self._namespaces[namespace] = _Namespace(
                in_flight=here.in_flight, queued=here.queued, generation=self._resets
            )
            if self._quota:
                self._quota.forget(namespace)

    def _seen(self, namespace: str) -> _Namespace:
        """Return what is known of *namespace*; looking does not open it."""
        return self._namespaces.get(namespace) or _Namespace()

    def _used(self, namespace: str) -> _Namespace:
        here = self._namespaces.get(namespace)
        if here is None:
            here = self._namespaces[namespace] = _Namespace()
            self._bound()
        self._namespaces.move_to_end(namespace)
        return here

    def _bound(self) -> None:
        newest = next(reversed(self._namespaces))
        while len(self._namespaces) > MAX_NAMESPACES:
            idle = [
                name for name, each in self._namespaces.items() if not each.in_flight and name not in (DEFAULT, newest)
            ]
            # A queue is still to be met; only when all have one does the oldest go.
            chosen = next((name for name in idle if not self._namespaces[name].queue), next(iter(idle), None))
            if chosen is None:
                return
            self._forget(self._namespaces.pop(chosen))
            if self._quota:
                self._quota.forget(chosen)

    def _forget(self, here: _Namespace) -> None:
        self._journal_bytes -= here.journal_bytes
        here.journal_bytes = 0
        here.entries.clear()
        here.dropped = 0

    def _drop_oldest(self, here: _Namespace) -> None:
        size = here.entries.popleft().size
        here.journal_bytes -= size
        self._journal_bytes -= size
        here.dropped += 1
