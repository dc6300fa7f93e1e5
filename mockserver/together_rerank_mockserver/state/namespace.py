"""The state that all calls with one key share."""

import hashlib
import string
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from together_rerank_mockserver import clock
from together_rerank_mockserver.ranking.override import RankingOverride
from together_rerank_mockserver.state.journal import Entry
from together_rerank_mockserver.state.quota import Allowance, Quota

DEFAULT = "default"
_ALPHABET = string.ascii_letters + string.digits
# The letter or digit in an id for each byte of a hash.
_LETTERS = bytes(ord(_ALPHABET[byte % len(_ALPHABET)]) for byte in range(256))
MAX_NAMESPACES = 256
MAX_WORDS = 200  # of one namespace
MAX_QUEUE = 1000
MAX_JOURNAL_BYTES = 64 * 1024 * 1024
MAX_OVERRIDE_BYTES = 64 * 1024 * 1024
_MAX_BODIES = 2_000


class QueueClosed(ValueError):
    """The queue of a namespace cannot hold these entries; the message says why."""


def closed_queue() -> QueueClosed:
    return QueueClosed("no fault can follow one whose `times` is `always`")


def full_queue(what: str, count: int) -> QueueClosed:
    return QueueClosed(f"a queue holds at most {MAX_QUEUE} {what}, and it has {count}")


def random_number(seed: int, name: str, purpose: str, number: int) -> float:
    """Return a random number from 0 to below 1, always the same for the same arguments."""
    digest = hashlib.blake2b(f"{seed}:{name}{purpose}:{number}".encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48


def id_of(key: bytes, times: int) -> str:
    """Return the id of a request: *key* is a hash, and *times* is how many earlier requests had it."""
    digest = hashlib.sha256(key + times.to_bytes(8, "big")).digest()
    letters = digest[:13].translate(_LETTERS).decode()
    return f"{letters[:7]}-{letters[7:]}-{digest[13:21].hex()}"


def longest_word(words: Iterable[str], content: bytes) -> str | None:
    """Return the longest of *words*, in lower case, that *content* contains; None if it contains none."""
    text = content.lower()
    return max((each for each in words if each.encode() in text), key=len, default=None)


@dataclass(slots=True)
class QueuedFault:
    """A requested fault in a queue."""

    spec: Any  # a `faults.grammar.FaultSpec`, which this room does not know
    left: int | None  # how many calls still get it; None for all


@dataclass(slots=True)
class QueuedOverride:
    """A ranking override for the next calls."""

    override: RankingOverride
    left: int  # how many calls still get it


@dataclass(slots=True)
class InFlight:
    """The number of calls being answered; a reset keeps it."""

    count: int = 0


class Namespace:
    """The state that all calls with one key share. Every method is atomic."""

    def __init__(self, name: str, lock: Lock, quota: Quota | None = None, in_flight: InFlight | None = None) -> None:
        self.name = name
        self.in_flight = in_flight or InFlight()
        self.is_reset = False
        self.words: list[str] = []  # those with a namespace of their own
        self.entries: deque[Entry] = deque()
        self.journal_bytes = 0
        self.dropped = 0
        self.override: RankingOverride | None = None
        self.overridden = 0
        self.override_queue: deque[QueuedOverride] = deque()
        self.queue: deque[QueuedFault] = deque()
        self.stored_ranking: Any = None  # a `faults.fault.StoredRanking`, which this room does not know
        self.has_unread_body = False  # whether a request got 405 before its body was read, until the next call
        self._lock = lock
        self._quota = quota
        self._draws: Counter[str] = Counter()
        self._free_at: list[float] = []  # for each slot of the capacity, in seconds of the monotonic clock
        self._bodies: OrderedDict[bytes, int] = OrderedDict()

    def take_fault(self) -> QueuedFault | None:
        """Return the first fault of the queue and use it up once; a conditional one is used up by `take`."""
        if not self.queue:
            return None  # most calls end here, without taking the lock
        with self._lock:
            first = self.queue[0] if self.queue else None
            if first and not first.spec.is_conditional:
                self._take(first)
            return first

    def first(self) -> QueuedFault | None:
        with self._lock:
            return self.queue[0] if self.queue else None

    def take(self, queued: QueuedFault) -> bool:
        """Use up *queued* once; return False if it is no longer the first."""
        with self._lock:
            is_first = bool(self.queue) and self.queue[0] is queued
            if is_first:
                self._take(queued)
            return is_first

    def _take(self, first: QueuedFault) -> None:
        if first.left is not None:
            first.left -= 1
        if first.left == 0:
            self.queue.popleft()

    def enqueue(self, faults: Sequence[QueuedFault]) -> None:
        """Append *faults* to the queue; raise QueueClosed if it is too long, or if its last one is for all calls."""
        with self._lock:
            if self.queue and self.queue[-1].left is None:
                raise closed_queue()
            if len(self.queue) + len(faults) > MAX_QUEUE:
                raise full_queue("faults", len(self.queue))
            self.queue.extend(faults)

    def queued(self) -> list[QueuedFault]:
        """Return copies of the queued faults, first to last."""
        with self._lock:
            return [replace(each) for each in self.queue]

    def clear_queue(self) -> None:
        with self._lock:
            self.queue.clear()

    def swap_ranking(self, ranking: Any) -> Any:
        """Store *ranking* in place of that of the call before, and return that."""
        with self._lock:
            before, self.stored_ranking = self.stored_ranking, ranking
            return before

    def take_unread(self) -> bool:
        """Return `has_unread_body`, and set it to False."""
        with self._lock:
            unread, self.has_unread_body = self.has_unread_body, False
            return unread

    def draw(self, seed: int, purpose: str = "") -> float:
        """Return the next random number for *purpose*: from 0 to below 1, always the same for the same *seed*."""
        with self._lock:
            number = self._draws[purpose]
            self._draws[purpose] += 1
        return random_number(seed, self.name, purpose, number)

    def reserve_slot(self, seconds: float, capacity: int) -> tuple[int, float]:
        """Reserve *seconds* in the one of *capacity* slots that is free first.

        Return the slot, and the seconds until the reserved time ends.
        """
        now = clock.monotonic()
        with self._lock:
            self._free_at = self._free_at or [0.0] * capacity
            slot = min(range(capacity), key=self._free_at.__getitem__)
            self._free_at[slot] = max(now, self._free_at[slot]) + seconds
            return slot, self._free_at[slot] - now

    def release_slot(self, slot: int, seconds: float) -> None:
        with self._lock:
            self._free_at[slot] -= seconds

    def admit(self, max_in_flight: int | None) -> tuple[bool, Allowance | None]:
        """Count a call as in flight unless *max_in_flight* are; return whether it is counted, and its allowance."""
        with self._lock:
            if max_in_flight is not None and self.in_flight.count >= max_in_flight:
                return False, None
            self.in_flight.count += 1
            return True, self._quota.hit(self.name) if self._quota else None

    def release(self) -> None:
        with self._lock:
            self.in_flight.count -= 1

    def request_id(self, content: bytes) -> str:
        """Return an id for a request with *content*, such as `oFgh4Kd-2kFHot-9a0b1c2d3e4f5061`.

        The id depends on the content and on how many earlier requests had it, so it does not depend on how threads
        interleave. The last 2,000 contents are remembered, as hashes; the count of a forgotten one restarts.
        """
        key = hashlib.sha256(content).digest()
        with self._lock:
            times = self._bodies.pop(key, 0)
            self._bodies[key] = times + 1
            if len(self._bodies) > _MAX_BODIES:
                self._bodies.popitem(last=False)
        return id_of(key, times)

    @property
    def overrides(self) -> list[RankingOverride]:
        """The override for all calls, and those in the queue."""
        return [*([self.override] if self.override else []), *(each.override for each in self.override_queue)]

    @property
    def has_override(self) -> bool:
        return self.override is not None or bool(self.override_queue)

    def take_override(self) -> RankingOverride | None:
        """Return the override of this call: the first of the queue, which is used up once, or the one for all calls."""
        if not self.override_queue:
            return self.override
        with self._lock:
            if not self.override_queue:
                return self.override
            first = self.override_queue[0]
            first.left -= 1
            if not first.left:
                self.override_queue.popleft()
            return first.override

    def clear_overrides(self) -> None:
        with self._lock:
            self.override, self.overridden = None, 0
            self.override_queue.clear()

    def count_override(self) -> None:
        with self._lock:
            self.overridden += 1

    def counts(self) -> dict[str, int]:
        """Return how many requests, queued faults and rankings there are."""
        with self._lock:
            return {"requests": len(self.entries), "faults": len(self.queue), "rankings": len(self.overrides)}

    def journal(self) -> tuple[list[Entry], int]:
        """Return the entries, oldest first, and how many were dropped to bound the memory."""
        with self._lock:
            return list(self.entries), self.dropped
