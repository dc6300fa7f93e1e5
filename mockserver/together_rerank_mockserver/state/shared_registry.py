"""The namespaces of all mocks that share a Redis."""

import os
from contextlib import suppress
from threading import Thread
from urllib.parse import quote, unquote
from weakref import ref

from together_rerank_mockserver import clock
from together_rerank_mockserver.api.errors import StateUnavailable
from together_rerank_mockserver.ranking.override import RankingOverride
from together_rerank_mockserver.state.journal import Entry
from together_rerank_mockserver.state.namespace import (
    DEFAULT,
    MAX_JOURNAL_BYTES,
    MAX_NAMESPACES,
    MAX_WORDS,
    QueuedOverride,
)
from together_rerank_mockserver.state.shared_namespace import (
    FLIGHT_MS,
    NAMES,
    PREFIX,
    TOTALS,
    TTL_S,
    Shared,
    SharedNamespace,
)
from together_rerank_mockserver.state.store import ScriptCall
from together_rerank_mockserver.state.totals import Outcome, Totals

_SPACE = f"{PREFIX}:namespace:"  # of the keys of all namespaces


class SharedRegistry:
    """The namespaces of all mocks that share a Redis; it has the methods of `Registry`.

    Unused namespaces expire after an hour. Above MAX_NAMESPACES, one is dropped as in `Registry`, but when a namespace
    was last used is known to the minute only.
    """

    def __init__(self, shared: Shared, journal_max: int) -> None:
        self._shared = shared
        self._journal_max = journal_max
        self._pid = 0  # of the process whose thread keeps calls in flight

    def open(self, name: str) -> SharedNamespace:
        if self._pid != os.getpid():  # started here, because a thread does not survive a fork
            self._pid = os.getpid()
            Thread(target=_keep_in_flight, args=(ref(self._shared),), daemon=True).start()
        # Without the `:` of a name, the keys of `test-a:faults` are not those of the queue of `test-a`.
        return SharedNamespace(name, _SPACE + quote(name, safe=" "), self._shared)

    def look(self, name: str) -> SharedNamespace:
        return self.open(name)

    @staticmethod
    def word_name(name: str, word: str) -> str:
        return f"{name} {word.lower()}"

    def add_word(self, name: str, word: str) -> None:
        self.open(name).add_word(word.lower(), MAX_WORDS)

    def by_word(self, namespace: SharedNamespace, content: bytes) -> SharedNamespace:
        """Return *namespace*, which looks for its words in *content* when the call first needs it."""
        namespace.look_for_words(content)
        return namespace

    def finish(self, namespace: SharedNamespace, entry: Entry | None, outcome: Outcome) -> ScriptCall | None:
        """Return the script that counts a call and writes its journal entry; None if the Redis has failed during it."""
        shared = self._shared
        shared.in_flight.pop(namespace.call, None)
        if namespace.is_lost:
            return None
        arguments = [
            namespace.call,
            namespace.reset,
            "" if shared.max_in_flight is None and shared.quota is None else int(namespace.is_admitted),
            int(namespace.overrode),
            f"{outcome.status or ''} {outcome.fault or ''}",
            outcome.place,
            round(outcome.seconds * 1e6),
            entry.as_bytes if entry and self._journal_max else b"",
            self._journal_max,
            MAX_JOURNAL_BYTES,
            TTL_S,
            MAX_NAMESPACES,
            int(clock.now() // 60),
        ]
        return ScriptCall("finish", [namespace.space, NAMES, TOTALS], arguments)

    def check(self) -> None:
        """Raise StateUnavailable if the Redis does not answer, or cannot write."""
        self._shared.store.check()

    def totals(self) -> Totals:
        stored = self._shared.store.command("HGETALL", TOTALS)
        totals = Totals(dropped=int(stored.get(b"dropped", 0)), seconds=int(stored.get(b"micros", 0)) / 1e6)
        for key, number in stored.items():
            kind, _, name = key.decode().partition(":")
            if kind == "requests":
                status, _, fault = name.partition(" ")
                totals.requests[int(status) if status else None, fault or None] = int(number)
            elif kind == "durations":
                totals.durations[int(name)] = int(number)
        return totals

    @property
    def in_flight(self) -> int:
        """The number of calls in flight in all namespaces."""
        return int(self._shared.store.run(ScriptCall("flight", [NAMES], [])))

    def names(self) -> list[str]:
        """Return the names of the namespaces, the one that was used last first."""
        spaces = self._shared.store.command("ZREVRANGE", NAMES, 0, -1)
        return list(dict.fromkeys([*(unquote(each.decode().removeprefix(_SPACE)) for each in spaces), DEFAULT]))

    def reset(self, name: str) -> None:
        self._shared.unread.discard(name)
        self.open(name).empty()

    def set_override(self, name: str, override: RankingOverride) -> None:
        self.open(name).set_override(override)

    def queue_override(self, name: str, override: RankingOverride, times: int) -> None:
        self.open(name).enqueue_override(QueuedOverride(override, times))

    def forget_journal(self, name: str) -> None:
        self.open(name).clear_journal()


def _keep_in_flight(shared_ref: "ref[Shared]") -> None:
    """Give a sign of life for the calls in flight in this process, until nothing else refers to *shared_ref*."""
    while shared := shared_ref():
        if calls := dict(shared.in_flight):
            with suppress(StateUnavailable):
                shared.store.run(ScriptCall("stay", [*calls.values()], [FLIGHT_MS, *calls]))
        del shared
        clock.sleep(FLIGHT_MS / 3000)
