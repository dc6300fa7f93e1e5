"""A namespace whose state is in a Redis, as one call sees it."""

import hashlib
import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from together_rerank_mockserver import clock
from together_rerank_mockserver.api.errors import RankingsTooLarge, StateUnavailable
from together_rerank_mockserver.api.json_text import to_json
from together_rerank_mockserver.ranking import override
from together_rerank_mockserver.ranking.override import RankingOverride
from together_rerank_mockserver.state.journal import Entry
from together_rerank_mockserver.state.namespace import (
    MAX_NAMESPACES,
    MAX_OVERRIDE_BYTES,
    MAX_QUEUE,
    Namespace,
    QueuedFault,
    QueuedOverride,
    closed_queue,
    full_queue,
    id_of,
    longest_word,
    random_number,
)
from together_rerank_mockserver.state.quota import Allowance
from together_rerank_mockserver.state.store import ScriptCall, Store, run_steps

PREFIX = "together-rerank-mock"  # of all keys
NAMES = f"{PREFIX}:names"
TOTALS = f"{PREFIX}:totals"
# Unused keys expire after an hour.
TTL_S = 3600
# A call without a sign of life for this long is no longer in flight: its process has ended.
FLIGHT_MS = 15_000
# How many bodies are remembered, once or twice, for the ids of later calls with the same one.
_MAX_BODIES = 1_000
_ALWAYS = "always"  # in a queue, for all calls


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Shared:
    """What all namespaces of one process share."""

    store: Store
    dump_fault: Callable[[Any], str]  # its first character is `s` for a status fault, `c` for a conditional one
    load_fault: Callable[[str], Any]
    draws: bool  # whether a call without a fault of its own draws a random number
    max_in_flight: int | None
    quota: int | None  # how many calls of a namespace are granted in a window; None for no quota
    window_s: float
    dump_ranking: Callable[[Any], bytes]
    load_ranking: Callable[[bytes], Any]
    in_flight: dict[str, str] = field(default_factory=dict)  # the key of the calls in flight, by the name of a call
    unread: set[str] = field(default_factory=set)  # the namespaces with an unread body, in this process


class SharedNamespace:
    """A namespace whose state is in a Redis, as one call sees it; it has the methods of `Namespace`.

    The first method that needs the state takes all that the call can need, with one script. `SharedRegistry.finish`
    ends the call, with another one. A jitter, a distribution, a capacity, a conditional fault or a ranking of a queue,
    and faults that mix up calls need one more each. Every method raises StateUnavailable if the Redis does not answer.
    """

    def __init__(self, name: str, space: str, shared: Shared) -> None:
        self.name = name
        self.space = space
        self.call = os.urandom(9).hex()
        self.content: bytes | None = None  # the body of the call, once it is read
        self.is_lost = False  # whether the Redis failed during the call
        self.reset = ""  # when the namespace was reset before the call
        self.is_admitted = False
        self.overrode = False
        self._shared = shared
        self._body_hash = b""
        self._taken = ""  # what was taken so far, as `begin.lua` names it
        self._fault = ""  # the first of the queue, as it was last seen
        self.has_queued_ranking = False  # which another script takes
        self._override = ""
        self._admission: tuple[bool, Allowance | None] = True, None
        self._draw = -1
        self._times = 0
        self._is_error = False

    # A call

    def begin(self, wanted: str = "i") -> Generator[ScriptCall, Any, None]:
        """Take what *wanted* names, as `begin.lua` does, unless it was taken before; yield the scripts to run."""
        missing = "".join(each for each in wanted if each not in self._taken)
        if not missing or self.is_lost:
            return
        try:
            if self._taken or self.content is None:
                found = yield self._begin(missing)
            else:
                found = yield from self._begin_by_word(missing, self.content)
        except StateUnavailable:
            self.is_lost = True
            raise
        reset, fault, has_rankings, override_for_all, admitted, granted, remaining, wait_ms, times, draw, is_error = (
            found
        )
        if not self._taken:
            self.reset = reset.decode()
        if "f" in missing or "p" in missing:
            self._fault = fault.decode()
        if "a" in missing:
            self.has_queued_ranking, self._override = bool(has_rankings), override_for_all.decode()
            self._admission = bool(admitted), self._allowance(granted, remaining, wait_ms)
            if self._shared.max_in_flight is not None:
                self._shared.in_flight[self.call] = f"{self.space}:flight"
        if "d" in missing:
            self._draw = draw
        if "i" in missing:
            self._times, self._is_error = times, bool(is_error)
        self._taken += missing

    def _allowance(self, granted: int, remaining: int, wait_ms: int) -> Allowance | None:
        if remaining < 0:
            return None
        return Allowance(bool(granted), self._shared.quota or 0, remaining, clock.monotonic() + wait_ms / 1000)

    def _begin_by_word(self, wanted: str, content: bytes) -> Generator[ScriptCall, Any, Any]:
        """Begin in the namespace of the word in *content*, if one has its own."""
        found = yield self._begin(wanted + "w")
        if len(found) > 1:  # there are no words
            return found
        if word := longest_word(found[0].decode().split(), content):
            self.name, self.space = f"{self.name} {word}", f"{self.space} {word}"
        return (yield self._begin(wanted))

    def _begin(self, wanted: str) -> ScriptCall:
        shared, self._body_hash = self._shared, hashlib.sha256(self.content or b"").digest()
        limits = [shared.max_in_flight, shared.quota, None if shared.quota is None else int(shared.window_s * 1000)]
        written = ["" if each is None else each for each in limits]
        arguments = [wanted, self.call, self._body_hash.hex(), *written, TTL_S, FLIGHT_MS, _MAX_BODIES, MAX_NAMESPACES]
        return ScriptCall("begin", [self.space, NAMES, TOTALS], arguments)

    def _take(self, wanted: str) -> None:
        run_steps(self.begin(wanted), self._shared.store)

    def _run(self, script: str, *arguments: Any) -> Any:
        try:
            return self._shared.store.run(ScriptCall(script, [self.space, NAMES, TOTALS], arguments))
        except StateUnavailable:
            self.is_lost = True
            raise

    def begin_call(self, *, takes_fault: bool) -> Generator[ScriptCall, Any, None]:
        """Take all that a call can need, with a queued fault if it takes one."""
        return self.begin("ai" if not takes_fault else "faid" if self._shared.draws else "fai")

    def look_for_words(self, content: bytes) -> None:
        """Begin in the namespace of a word in *content*, also if a fault has accepted the key of the call before."""
        self.content, self._taken = content, ""

    def take_fault(self) -> QueuedFault | None:
        run_steps(self.begin_call(takes_fault=True), self._shared.store)
        return self._first

    def first(self) -> QueuedFault | None:
        self._take("p")
        return self._first

    @property
    def _first(self) -> QueuedFault | None:
        return QueuedFault(self._shared.load_fault(self._fault[1:]), 1) if self._fault else None

    def take(self, _: QueuedFault) -> bool:
        self._taken = self._taken.replace("p", "")  # the next `first` is another one
        return bool(self._run("take", ":faults", self.reset, self._fault))

    def draw(self, seed: int, purpose: str = "") -> float:
        number, self._draw = (self._draw, -1) if not purpose else (-1, self._draw)
        if number < 0:
            number = self._run("draw", purpose, TTL_S)
        return random_number(seed, self.name, purpose, number)

    def admit(self, _: int | None) -> tuple[bool, Allowance | None]:
        self._take("ai")
        self.is_admitted = self._admission[0]
        return self._admission

    def release(self) -> None:
        """Do nothing: `SharedRegistry.finish` ends the call."""

    def request_id(self, content: bytes) -> str:
        if self.is_lost:
            return id_of(os.urandom(32), 0)
        self._take("i")
        key = self._body_hash if content is self.content else hashlib.sha256(content).digest()
        # Errors that are known when the call begins have numbers of their own.
        return id_of(key + b"error" * self._is_error, self._times)

    @property
    def has_override(self) -> bool:
        self._take("ai")
        return self.has_queued_ranking or bool(self._override)

    def take_override(self) -> RankingOverride | None:
        self._take("ai")
        queued = self._run("take", ":rankings", self.reset, "").decode() if self.has_queued_ranking else ""
        text = queued or self._override
        return override.from_json(orjson.loads(text)) if text else None

    def count_override(self) -> None:
        self.overrode = True

    def reserve_slot(self, seconds: float, capacity: int) -> tuple[int, float]:
        slot, wait_ms = self._run("reserve", capacity, seconds * 1000, TTL_S)
        return slot, float(wait_ms) / 1000

    def release_slot(self, slot: int, seconds: float) -> None:
        self._run("release", slot, seconds * 1000, self.reset)

    def swap_ranking(self, ranking: Any) -> Any:
        before = self._run("swap", self._shared.dump_ranking(ranking), TTL_S)
        return self._shared.load_ranking(before) if before else None

    @property
    def stored_ranking(self) -> Any:
        stored = self._command("GET", part=":ranked")
        return self._shared.load_ranking(stored) if stored else None

    @property
    def has_unread_body(self) -> bool:
        return self.name in self._shared.unread

    @has_unread_body.setter
    def has_unread_body(self, _: bool) -> None:
        if len(self._shared.unread) == MAX_NAMESPACES:
            self._shared.unread.pop()
        self._shared.unread.add(self.name)

    def take_unread(self) -> bool:
        unread = self.has_unread_body
        self._shared.unread.discard(self.name)
        return unread

    # The control plane

    def _command(self, name: str, *arguments: Any, part: str = "") -> Any:
        try:
            return self._shared.store.command(name, self.space + part, *arguments)
        except StateUnavailable:
            self.is_lost = True
            raise

    def enqueue(self, faults: Sequence[QueuedFault]) -> None:
        self._append(":faults", [(each.left, self._shared.dump_fault(each.spec)) for each in faults], "faults")

    def enqueue_override(self, queued: QueuedOverride) -> None:
        self._append(":rankings", [(queued.left, to_json(queued.override.as_dict).decode())], "rankings")

    def _append(self, part: str, entries: Sequence[tuple[int | None, str]], what: str) -> None:
        written = [f"{_ALWAYS if left is None else left} {text}" for left, text in entries]
        problem, count = self._run("append", part, MAX_QUEUE, MAX_OVERRIDE_BYTES, TTL_S, MAX_NAMESPACES, *written)
        if problem == b"closed":
            raise closed_queue()
        if problem == b"long":
            raise full_queue(what, count)
        if problem == b"large":
            raise RankingsTooLarge(MAX_OVERRIDE_BYTES)

    def _queue(self, part: str) -> list[tuple[int | None, str]]:
        entries = (each.decode().split(" ", 1) for each in self._command("LRANGE", 0, -1, part=part))
        return [(None if left == _ALWAYS else int(left), text) for left, text in entries]

    def queued(self) -> list[QueuedFault]:
        return [QueuedFault(self._shared.load_fault(text[1:]), left) for left, text in self._queue(":faults")]

    def clear_queue(self) -> None:
        self._command("DEL", part=":faults")

    @property
    def override(self) -> RankingOverride | None:
        text = self._command("HGET", "override")
        return override.from_json(orjson.loads(text)) if text else None

    def set_override(self, new: RankingOverride) -> None:
        self._run("override", to_json(new.as_dict), TTL_S, MAX_NAMESPACES)

    @property
    def overridden(self) -> int:
        return int(self._command("HGET", "overridden") or 0)

    @property
    def override_queue(self) -> list[QueuedOverride]:
        queue = self._queue(":rankings")
        return [QueuedOverride(override.from_json(orjson.loads(text)), left or 0) for left, text in queue]

    def clear_overrides(self) -> None:
        self._command("HDEL", "override", "overridden")
        self._command("DEL", part=":rankings")

    def counts(self) -> dict[str, int]:
        parts = {"requests": ":journal", "faults": ":faults", "rankings": ":rankings"}
        counts = {name: int(self._command("LLEN", part=part)) for name, part in parts.items()}
        return counts | {"rankings": counts["rankings"] + int(self._command("HEXISTS", "override"))}

    def journal(self) -> tuple[list[Entry], int]:
        entries = self._command("LRANGE", 0, -1, part=":journal")
        return [Entry.from_bytes(each) for each in entries], int(self._command("HGET", "dropped") or 0)

    def clear_journal(self) -> None:
        self._command("HDEL", "bytes", "dropped")
        self._command("DEL", part=":journal")

    def add_word(self, word: str, most: int) -> None:
        self._run("word", word, most, TTL_S, MAX_NAMESPACES)

    def empty(self) -> None:
        """Empty this namespace and those of its words."""
        self._run("reset", TTL_S, MAX_NAMESPACES)


AnyNamespace = Namespace | SharedNamespace
