"""Threads that may block: as many as there are jobs."""

import logging
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Lock, Thread

# How long a thread without a job is kept.
_IDLE_S = 30
_logger = logging.getLogger(__name__)


class ThreadPool:
    """Runs each job at once, in an idle thread or a new one; with *limit* threads, further jobs queue."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._jobs: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._lock = Lock()
        self._threads = 0
        self._free = 0  # idle threads, less the jobs that no thread has taken yet

    def run(self, job: Callable[[], object]) -> None:
        """Run *job* in another thread."""
        with self._lock:
            if self._free <= 0 and self._threads < self._limit:
                self._start()
            self._free -= 1
        self._jobs.put(job)

    def _start(self) -> None:
        try:
            # Daemons, because a read can block until its client disconnects.
            Thread(target=self._work, daemon=True).start()
        except RuntimeError:  # the system has no thread left: wait for one of this pool
            return
        self._threads += 1
        self._free += 1

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=_IDLE_S)
            except Empty:
                if self._may_end():
                    return
                continue
            try:
                job()
            except Exception:
                _logger.exception("a bug in the mock")
            with self._lock:
                self._free += 1

    def _may_end(self) -> bool:
        with self._lock:
            if self._free <= 0:  # a job is on its way
                return False
            self._threads -= 1
            self._free -= 1
            return True
