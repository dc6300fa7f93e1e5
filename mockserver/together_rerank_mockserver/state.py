"""What a mock remembers between calls, by namespace: the interface, and how it is kept in memory.

Everything goes through the few methods of State, and all that goes in and out are values, so that a shared store
can take the place of Memory.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Protocol

from together_rerank_mockserver.identifiers import Identifiers
from together_rerank_mockserver.journal import Entry
from together_rerank_mockserver.orders import MAX_SEQUENCE, BadOrder, Order

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

    def enter(self, namespace: str) -> int:
        """Count a request that begins; return how many are now in flight."""

    def leave(self, namespace: str) -> None:
        """Count a request that ended."""

    def record(self, namespace: str, entry: Entry) -> None:
        """Put *entry* into the journal."""

    def journal(self, namespace: str) -> tuple[list[Entry], int]:
        """Return the entries, oldest first, and how many were dropped to bound the memory."""

    def forget(self, namespace: str) -> None:
        """Empty the journal."""

    def reset(self, namespace: str) -> None:
        """Forget everything about *namespace*, save what is in flight."""


@dataclass(slots=True)
class _Namespace:
    queue: deque[tuple[int, Order]] = field(default_factory=deque)
    queued: int = 0
    entries: deque[Entry] = field(default_factory=deque)
    dropped: int = 0
    draws: int = 0
    in_flight: int = 0
    identifiers: Identifiers = field(default_factory=Identifiers)


class Memory:
    """State in the memory of one process, bounded: of too many namespaces the oldest idle one is forgotten.

    Args:
        journal_max: the most entries that each namespace keeps.
        forgotten: called with the name of each namespace that is reset or forgotten.
    """

    def __init__(self, journal_max: int, forgotten: Callable[[str], None]) -> None:
        self._journal_max = journal_max
        self._forgotten = forgotten
        self._namespaces: OrderedDict[str, _Namespace] = OrderedDict()
        self._journal_bytes = 0
        self._lock = Lock()

    def head(self, namespace: str) -> tuple[int, Order] | None:
        """Return the order that is next in the queue, with its number; None when nothing is queued."""
        with self._lock:
            queue = self._seen(namespace).queue
            return queue[0] if queue else None

    def take(self, namespace: str, number: int) -> bool:
        """Take once from the order with *number*; False when it is no longer the next."""
        with self._lock:
            queue = self._seen(namespace).queue
            if not queue or queue[0][0] != number:
                return False
            _, order = queue.popleft()
            if order.times > 1:
                queue.appendleft((number, replace(order, times=order.times - 1)))
            return True

    def enqueue(self, namespace: str, orders: Sequence[Order]) -> None:
        """Put *orders* at the end of the queue, or none of them.

        Raises:
            BadOrder: the queue would be longer than MAX_SEQUENCE.
        """
        with self._lock:
            here = self._used(namespace)
            if len(here.queue) + len(orders) > MAX_SEQUENCE:
                raise BadOrder(f"at most {MAX_SEQUENCE} faults can be queued, and {len(here.queue)} are")
            for order in orders:
                here.queued += 1
                here.queue.append((here.queued, order))

    def queue(self, namespace: str) -> list[Order]:
        """Return what is queued, each with the times that are left."""
        with self._lock:
            return [order for _, order in self._seen(namespace).queue]

    def clear_queue(self, namespace: str) -> None:
        """Empty the queue."""
        with self._lock:
            self._seen(namespace).queue.clear()

    def next_draw(self, namespace: str) -> int:
        """Return how many draws there were before this one."""
        with self._lock:
            here = self._used(namespace)
            here.draws += 1
            return here.draws - 1

    def request_id(self, namespace: str, content: bytes) -> str:
        """Return an id for a request with *content*."""
        with self._lock:
            identifiers = self._used(namespace).identifiers
        return identifiers.take(content)  # hashes without holding up others

    def enter(self, namespace: str) -> int:
        """Count a request that begins; return how many are now in flight."""
        with self._lock:
            here = self._used(namespace)
            here.in_flight += 1
            return here.in_flight

    def leave(self, namespace: str) -> None:
        """Count a request that ended."""
        with self._lock:
            self._seen(namespace).in_flight -= 1

    def record(self, namespace: str, entry: Entry) -> None:
        """Put *entry* into the journal."""
        if not self._journal_max:
            return
        with self._lock:
            here = self._used(namespace)
            here.entries.append(entry)
            self._journal_bytes += entry.size
            if len(here.entries) > self._journal_max:
                self._drop_oldest(here)
            while self._journal_bytes > MAX_JOURNAL_BYTES:
                self._drop_oldest(next(each for each in self._namespaces.values() if each.entries))

    def journal(self, namespace: str) -> tuple[list[Entry], int]:
        """Return the entries, oldest first, and how many were dropped to bound the memory."""
        with self._lock:
            here = self._seen(namespace)
            return list(here.entries), here.dropped

    def forget(self, namespace: str) -> None:
        """Empty the journal."""
        with self._lock:
            self._forget(self._seen(namespace))

    def reset(self, namespace: str) -> None:
        """Forget everything about *namespace*, save what is in flight."""
        with self._lock:
            if here := self._namespaces.get(namespace):
                self._forget(here)
                self._namespaces[namespace] = _Namespace(in_flight=here.in_flight, queued=here.queued)
        self._forgotten(namespace)

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
        if len(self._namespaces) <= MAX_NAMESPACES:
            return
        newest = next(reversed(self._namespaces))
        idle = (name for name, each in self._namespaces.items() if not each.in_flight and name not in (DEFAULT, newest))
        if (oldest := next(idle, None)) is not None:
            self._forget(self._namespaces.pop(oldest))
            self._forgotten(oldest)

    def _forget(self, here: _Namespace) -> None:
        self._journal_bytes -= sum(entry.size for entry in here.entries)
        here.entries.clear()
        here.dropped = 0

    def _drop_oldest(self, here: _Namespace) -> None:
        self._journal_bytes -= here.entries.popleft().size
        here.dropped += 1
