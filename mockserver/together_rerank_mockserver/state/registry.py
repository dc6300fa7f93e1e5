"""The namespaces of a mock, in the memory of one process.

A call gets its `Namespace` from the registry and keeps it. A reset replaces the namespace, so a late call writes into
one that nothing reads any more.
"""

from collections import OrderedDict
from copy import deepcopy
from threading import Lock

from together_rerank_mockserver.api.errors import RankingsTooLarge
from together_rerank_mockserver.ranking.override import RankingOverride
from together_rerank_mockserver.state.journal import Entry
from together_rerank_mockserver.state.namespace import (
    DEFAULT,
    MAX_JOURNAL_BYTES,
    MAX_NAMESPACES,
    MAX_OVERRIDE_BYTES,
    MAX_QUEUE,
    MAX_WORDS,
    Namespace,
    QueuedOverride,
    full_queue,
    longest_word,
)
from together_rerank_mockserver.state.quota import Quota
from together_rerank_mockserver.state.totals import Outcome, Totals

_SEPARATOR = " "  # between the names of a namespace and of a word


class Registry:
    """The namespaces of one process. Above MAX_NAMESPACES, the oldest idle one is dropped.

    Each keeps at most *journal_max* entries. *quota* limits its calls; None sets no limit.
    """

    def __init__(self, journal_max: int, quota: Quota | None = None) -> None:
        self._journal_max = journal_max
        self._quota = quota
        self._namespaces: OrderedDict[str, Namespace] = OrderedDict()
        self._journal_bytes = 0
        self._lock = Lock()
        self._totals = Totals()

    @property
    def in_flight(self) -> int:
        """The number of calls in flight in all namespaces."""
        with self._lock:
            return sum(each.in_flight.count for each in self._namespaces.values())

    def open(self, name: str) -> Namespace:
        with self._lock:
            namespace = self._namespaces.get(name)
            if namespace is None:
                namespace = self._namespaces[name] = Namespace(name, self._lock, self._quota)
                self._bound(namespace)
            self._namespaces.move_to_end(name)
            return namespace

    @staticmethod
    def word_name(name: str, word: str) -> str:
        """Return the name of the namespace of *word* in the namespace *name*."""
        return name + _SEPARATOR + word.lower()

    def add_word(self, name: str, word: str) -> None:
        """Give the calls in the namespace *name* whose body contains *word* a namespace of their own.

        It exists until the namespace *name* is reset, or has MAX_WORDS later words. *word* is ASCII; case is ignored.
        """
        word, words = word.lower(), self.open(name).words
        with self._lock:
            if word not in words:
                words.append(word)
            if len(words) > MAX_WORDS:
                self._remove_word(name, words.pop(0))

    def by_word(self, namespace: Namespace, content: bytes) -> Namespace:
        """Return the namespace of the longest word that *content*, the body of a call, contains; else *namespace*."""
        if not namespace.words:
            return namespace
        found = longest_word(list(namespace.words), content)
        return self.open(self.word_name(namespace.name, found)) if found else namespace

    def look(self, name: str) -> Namespace:
        """Return the namespace *name*, or a new empty one that is not stored."""
        return self._namespaces.get(name) or Namespace(name, self._lock)

    def names(self) -> list[str]:
        """Return the names of the namespaces, the one that was used last first."""
        with self._lock:
            return list(dict.fromkeys([*reversed(self._namespaces), DEFAULT]))

    def reset(self, name: str) -> None:
        """Replace the namespace *name* with a new one, and remove those of its words.

        Calls in flight finish, but are not recorded.
        """
        with self._lock:
            old = self.look(name)
            self._remove_words(old)
            self._retire(old)
            self._namespaces[name] = new = Namespace(name, self._lock, self._quota, old.in_flight)
            self._bound(new)

    def _remove_words(self, namespace: Namespace) -> None:
        for word in namespace.words:
            self._remove_word(namespace.name, word)
        namespace.words = []

    def _remove_word(self, name: str, word: str) -> None:
        if own := self._namespaces.pop(self.word_name(name, word), None):
            self._retire(own)

    def _retire(self, namespace: Namespace) -> None:
        self._forget(namespace)
        namespace.is_reset = True
        namespace.queue.clear()
        namespace.override = None
        namespace.override_queue.clear()

    def check(self) -> None:
        """Do nothing: the state is always available."""

    def totals(self) -> Totals:
        with self._lock:
            return deepcopy(self._totals)

    def finish(self, namespace: Namespace, entry: Entry | None, outcome: Outcome) -> None:
        """Count a request to *namespace*, and add *entry* to its journal, unless it was reset in the meantime."""
        with self._lock:
            self._totals.count(outcome)
            if entry is None or not self._journal_max:
                return
            # Restore a namespace that was dropped during the call, but not one that was reset.
            if namespace.is_reset or self._namespaces.setdefault(namespace.name, namespace) is not namespace:
                return
            namespace.entries.append(entry)
            namespace.journal_bytes += entry.size
            self._journal_bytes += entry.size
            if len(namespace.entries) > self._journal_max:
                self._drop_oldest(namespace)
            while self._journal_bytes > MAX_JOURNAL_BYTES:
                self._drop_oldest(max(self._namespaces.values(), key=lambda each: each.journal_bytes))

    def set_override(self, name: str, override: RankingOverride) -> None:
        """Set the ranking override of the namespace *name*; raise RankingsTooLarge if all take too much memory."""
        namespace = self.open(name)
        with self._lock:
            self._check_size(override, replaced=namespace.override)
            namespace.override, namespace.overridden = override, 0

    def queue_override(self, name: str, override: RankingOverride, times: int) -> None:
        """Append *override* to the queue of the namespace *name*, for *times* calls.

        Raises:
            QueueClosed: the queue is full.
            RankingsTooLarge: all overrides take too much memory.
        """
        namespace = self.open(name)
        with self._lock:
            self._check_size(override)
            if len(namespace.override_queue) >= MAX_QUEUE:
                raise full_queue("rankings", len(namespace.override_queue))
            namespace.override_queue.append(QueuedOverride(override, times))

    def _check_size(self, override: RankingOverride, replaced: RankingOverride | None = None) -> None:
        every = [
            each for namespace in self._namespaces.values() for each in namespace.overrides if each is not replaced
        ]
        if sum(each.size for each in every) + override.size > MAX_OVERRIDE_BYTES:
            raise RankingsTooLarge(MAX_OVERRIDE_BYTES)

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
            self._totals.dropped += len(chosen.entries)
            self._remove_words(chosen)
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
        self._totals.dropped += 1
