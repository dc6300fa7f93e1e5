"""The state of a mock between calls, by namespace, in the memory of one process.

A call gets its `Namespace` from the registry and keeps it. A reset replaces it, so what a late call still writes
goes into one that nobody reads. A call uses its namespace before its answer (`take_fault`, `admit`) and
after it (`Registry.record`); a store that processes share can serve each of the two with one round trip.
"""

import hashlib
import math
import re
import string
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from sys import getsizeof
from threading import Lock
from typing import Any

from together_rerank_mockserver import body
from together_rerank_mockserver.design import Design
from together_rerank_mockserver.errors import InvalidRequest, RankingsTooLarge
from together_rerank_mockserver.orders import MAX_SEQUENCE, BadOrder, Order

DEFAULT = "default"
MAX_NAMESPACES = 256
MAX_JOURNAL_BYTES = 64 * 1024 * 1024
MAX_DESIGN_BYTES = 64 * 1024 * 1024
_ALPHABET = string.ascii_letters + string.digits
# The letter or digit in an id for each byte of a hash.
_LETTERS = bytes(ord(_ALPHABET[byte % len(_ALPHABET)]) for byte in range(256))
_MOST_BODIES = 2_000
_COUNT = re.compile("[0-9]{1,9}")
# Approximate bytes of a journal entry without its texts and headers.
_OVERHEAD = 400


@dataclass(slots=True)
class Entry:
    """One request in a journal. Treat as immutable; not frozen, for speed."""

    time: float  # when the request arrived, in seconds since 1970
    method: str
    path: str
    status: int | None  # None if the client got no answer
    headers: dict[str, str]
    body: bytes  # the first bytes, up to the journal's limit
    body_bytes: int  # how many bytes were read
    reply: str  # the value of `x-mock-reply`: where the answer comes from
    request_id: str
    ms: float  # until the answer was ready
    reason: str | None = None
    retry_after: float | None = None  # the seconds in the answer's Retry-After or retry-after-ms
    size: int = field(init=False)  # about how many bytes the entry takes

    def __post_init__(self) -> None:
        texts = [self.method, self.path, self.reply, self.request_id, self.reason or ""]
        texts += [*self.headers, *self.headers.values()]
        self.size = _OVERHEAD + getsizeof(self.body) + getsizeof(self.headers) + sum(map(_size, texts))

    @property
    def described(self) -> dict[str, Any]:
        """The entry as JSON; `body` is the value if it is complete JSON, else `text` has the text."""
        retry_count = self.headers.get("x-stainless-retry-count", "")
        shown: dict[str, Any] = {
            "time": datetime.fromtimestamp(self.time, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "reply": self.reply,
            "request_id": self.request_id,
            "ms": round(self.ms, 1),
            "reason": self.reason,
            "retry_after": self.retry_after,
            "retry_count": int(retry_count) if _COUNT.fullmatch(retry_count) else None,
            "headers": self.headers,
            "body_bytes": self.body_bytes,
            "body": None,
        }
        try:
            shown["body"] = body.exact(self.body, body.parse(self.body))
        except InvalidRequest:
            shown["text"] = self.body.decode(errors="replace")
        return shown


def _size(text: str) -> int:
    """Return how many bytes *text* takes, with the UTF-8 that Python keeps after it was written as JSON."""
    return getsizeof(text) + (0 if text.isascii() else len(text.encode(errors="replace")))


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a quota after a call. At *resets_at* a call is granted again, or the window ends."""

    granted: bool
    limit: int
    remaining: int
    resets_at: float  # seconds since 1970

    @property
    def headers(self) -> dict[str, str]:
        """Headers for an answer that is sent now: the wait counts from now, not from the check of the quota."""
        wait_s = max(1, math.ceil(self.resets_at - time.time()))
        left = {"limit": self.limit, "remaining": self.remaining, "reset": wait_s}
        return {f"x-ratelimit-{name}": str(value) for name, value in left.items()}


class Quota:
    """A moving window: `60/minute` grants a call when fewer than 60 were granted in the last minute.

    Raises ValueError if *rate* cannot be read.
    """

    def __init__(self, rate: str) -> None:
        from limits.storage import MemoryStorage
        from limits.strategies import MovingWindowRateLimiter

        self._rate = parse_rate(rate)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def ask(self, namespace: str) -> Allowance:
        granted = self._limiter.hit(self._rate, namespace)
        reset, remaining = self._limiter.get_window_stats(self._rate, namespace)
        return Allowance(granted, self._rate.amount, max(0, remaining), reset)

    def forget(self, namespace: str) -> None:
        self._limiter.clear(self._rate, namespace)


@lru_cache(maxsize=8)
def parse_rate(rate: str) -> Any:
    """Return *rate*, such as `60/minute` or `5 per 10 seconds`, as the library has it; raise ValueError otherwise."""
    import limits

    try:
        (item,) = limits.parse_many(rate)
    except ValueError as fault:
        raise ValueError(f"'{rate}' is not a rate such as 60/minute, 5/second or 1000/hour") from fault
    if item.amount < 1 or item.get_expiry() < 1:
        raise ValueError(f"'{rate}' grants nothing; a rate is at least 1, as in 1/minute")
    return item


@dataclass(slots=True)
class Queued:
    """An order in a queue; *left* is how many calls can still get it."""

    order: Order
    left: int


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
        self.entries: deque[Entry] = deque()
        self.journal_bytes = 0
        self.dropped = 0
        self.design: Design | None = None
        self.designed = 0
        self.queue: deque[Queued] = deque()
        self._lock = lock
        self._quota = quota
        self._draws = 0
        self._bodies: OrderedDict[bytes, int] = OrderedDict()

    def take_fault(self) -> Queued | None:
        """Return the next order of the queue and use it up once; a body fault is used up only by `take`."""
        if not self.queue:
            return None  # most calls end here, without taking the lock
        with self._lock:
            first = self.queue[0] if self.queue else None
            if first and not first.order.waits_for_a_200:
                self._take(first)
            return first

    def first(self) -> Queued | None:
        with self._lock:
            return self.queue[0] if self.queue else None

    def take(self, queued: Queued) -> bool:
        """Use up *queued* once; return False if it is no longer the next."""
        with self._lock:
            is_next = bool(self.queue) and self.queue[0] is queued
            if is_next:
                self._take(queued)
            return is_next

    def _take(self, first: Queued) -> None:
        first.left -= 1
        if not first.left:
            self.queue.popleft()

    def enqueue(self, orders: Sequence[Order]) -> None:
        """Append *orders* to the queue; raise BadOrder if it would be longer than MAX_SEQUENCE."""
        with self._lock:
            if len(self.queue) + len(orders) > MAX_SEQUENCE:
                raise BadOrder(f"at most {MAX_SEQUENCE} faults can be queued, and {len(self.queue)} are")
            self.queue.extend(Queued(order, order.times) for order in orders)

    def queued(self) -> list[Order]:
        """Return the queued orders, each with the times that are left."""
        with self._lock:
            return [replace(each.order, times=each.left) for each in self.queue]

    def clear_queue(self) -> None:
        with self._lock:
            self.queue.clear()

    def next_draw(self) -> int:
        """Return the number of earlier draws, and count this one."""
        with self._lock:
            self._draws += 1
            return self._draws - 1

    def admit(self, max_in_flight: int | None) -> tuple[bool, Allowance | None]:
        """Count a call unless *max_in_flight* others are under way; return whether it goes on, and its allowance."""
        with self._lock:
            if max_in_flight is not None and self.in_flight.count >= max_in_flight:
                return False, None
            self.in_flight.count += 1
            return True, self._quota.ask(self.name) if self._quota else None

    def leave(self) -> None:
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
            if len(self._bodies) > _MOST_BODIES:
                self._bodies.popitem(last=False)
        digest = hashlib.sha256(key + times.to_bytes(8, "big")).digest()
        letters = digest[:13].translate(_LETTERS).decode()
        return f"{letters[:7]}-{letters[7:]}-{digest[13:21].hex()}"

    def clear_design(self) -> None:
        with self._lock:
            self.design, self.designed = None, 0

    def count_designed(self) -> None:
        with self._lock:
            self.designed += 1

    def journal(self) -> tuple[list[Entry], int]:
        """Return the entries, oldest first, and how many were dropped to bound the memory."""
        with self._lock:
            return list(self.entries), self.dropped


class Registry:
    """The namespaces of one process; if there are too many, the oldest idle one is dropped.

    Each keeps at most *journal_max* entries. *quota* limits its calls; None sets no limit.
    """

    def __init__(self, journal_max: int, quota: Quota | None = None) -> None:
        self._journal_max = journal_max
        self._quota = quota
        self._namespaces: OrderedDict[str, Namespace] = OrderedDict()
        self._journal_bytes = 0
        self._lock = Lock()

    def open(self, name: str) -> Namespace:
        with self._lock:
            namespace = self._namespaces.get(name)
            if namespace is None:
                namespace = self._namespaces[name] = Namespace(name, self._lock, self._quota)
                self._bound(namespace)
            self._namespaces.move_to_end(name)
            return namespace

    def look(self, name: str) -> Namespace:
        """Return the namespace called *name*, or a new empty one that is not stored."""
        return self._namespaces.get(name) or Namespace(name, self._lock)

    def reset(self, name: str) -> None:
        """Replace the namespace called *name* with a new one; calls in flight finish, but are not recorded."""
        with self._lock:
            old = self.look(name)
            self._forget(old)
            old.is_reset = True
            old.queue.clear()
            old.design = None
            self._namespaces[name] = new = Namespace(name, self._lock, self._quota, old.in_flight)
            self._bound(new)

    def record(self, namespace: Namespace, entry: Entry) -> None:
        """Add *entry* to the journal of *namespace*, unless that was reset in the meantime."""
        if not self._journal_max:
            return
        with self._lock:
            # A namespace dropped during a call is restored here; one that was reset is not.
            if namespace.is_reset or self._namespaces.setdefault(namespace.name, namespace) is not namespace:
                return
            namespace.entries.append(entry)
            namespace.journal_bytes += entry.size
            self._journal_bytes += entry.size
            if len(namespace.entries) > self._journal_max:
                self._drop_oldest(namespace)
            while self._journal_bytes > MAX_JOURNAL_BYTES:
                self._drop_oldest(max(self._namespaces.values(), key=lambda each: each.journal_bytes))

    def set_design(self, name: str, design: Design) -> None:
        """Set the ranking of the namespace called *name*; raise RankingsTooLarge if all would take too much memory."""
        namespace = self.open(name)
        with self._lock:
            others = [each.design.size for each in self._namespaces.values() if each.design and each is not namespace]
            if sum(others) + design.size > MAX_DESIGN_BYTES:
                raise RankingsTooLarge(MAX_DESIGN_BYTES)
            namespace.design, namespace.designed = design, 0

    def forget_journal(self, name: str) -> None:
        with self._lock:
            self._empty_journal(self.look(name))

    def _bound(self, newest: Namespace) -> None:
        while len(self._namespaces) > MAX_NAMESPACES:
            others = (each for each in self._namespaces.values() if each.name != DEFAULT and each is not newest)
            idle = [each for each in others if not each.in_flight.count]
            # Prefer a namespace without queued faults; if all have some, drop the oldest.
            chosen = next((each for each in idle if not each.queue), next(iter(idle), None))
            if chosen is None:
                return
            self._forget(self._namespaces.pop(chosen.name))

    def _forget(self, namespace: Namespace) -> None:
        self._empty_journal(namespace)
        if self._quota:
            self._quota.forget(namespace.name)

    def _empty_journal(self, namespace: Namespace) -> None:
        self._journal_bytes -= namespace.journal_bytes
        namespace.journal_bytes = namespace.dropped = 0
        namespace.entries.clear()

    def _drop_oldest(self, namespace: Namespace) -> None:
        size = namespace.entries.popleft().size
        namespace.journal_bytes -= size
        self._journal_bytes -= size
        namespace.dropped += 1
