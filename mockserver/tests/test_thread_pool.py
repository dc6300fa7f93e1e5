"""Threads that may block."""

import threading

import pytest

from together_rerank_mockserver.server import thread_pool
from together_rerank_mockserver.server.thread_pool import ThreadPool


class Jobs:
    """Jobs that note their threads, and block until they are released."""

    def __init__(self, pool):
        self._pool = pool
        self.threads = []
        self.released = threading.Event()
        self._changed = threading.Condition()

    def run(self, number=1, *, blocking=True):
        for _ in range(number):
            self._pool.run(lambda: self._job(blocking=blocking))

    def _job(self, *, blocking):
        with self._changed:
            self.threads.append(threading.current_thread())
            self._changed.notify_all()
        if blocking:
            self.released.wait(20)

    def wait_for(self, started):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.threads) >= started, 20), self.threads


@pytest.fixture
def brief(monkeypatch):
    """Let idle threads end soon, so that none outlives its test."""
    monkeypatch.setattr(thread_pool, "_IDLE_S", 0.05)


def ended(threads):
    for thread in threads:
        thread.join(20)
    return not any(thread.is_alive() for thread in threads)


def test_each_job_runs_at_once_although_others_block(brief):
    jobs = Jobs(ThreadPool(100))

    jobs.run(100)
    jobs.wait_for(100)

    assert len(set(jobs.threads)) == 100
    jobs.released.set()
    assert ended(jobs.threads)


def test_jobs_above_the_limit_wait_for_a_thread(brief):
    jobs = Jobs(ThreadPool(2))

    jobs.run(5)
    jobs.wait_for(2)
    assert len(jobs.threads) == 2
    jobs.released.set()
    jobs.wait_for(5)

    assert len(set(jobs.threads)) == 2
    assert ended(jobs.threads)


def test_an_idle_thread_takes_the_next_job_and_ends_if_there_is_none(monkeypatch):
    monkeypatch.setattr(thread_pool, "_IDLE_S", 0.3)
    pool = ThreadPool(10)
    jobs = Jobs(pool)
    for number in range(1, 4):
        jobs.run(blocking=False)
        jobs.wait_for(number)
        while pool._free < 1:
            jobs.released.wait(0.001)
    assert len(set(jobs.threads)) == 1

    assert ended(jobs.threads)
    jobs.run(blocking=False)
    jobs.wait_for(4)
    assert jobs.threads[3] is not jobs.threads[0]
    assert ended(jobs.threads)


def test_a_job_that_fails_is_logged_and_its_thread_goes_on(brief, caplog):
    pool = ThreadPool(1)
    jobs = Jobs(pool)

    pool.run(lambda: 1 / 0)
    jobs.run(blocking=False)
    jobs.wait_for(1)

    assert "ZeroDivisionError" in caplog.text
    assert ended(jobs.threads)


def test_without_a_new_thread_a_job_waits_for_one_of_the_pool(brief, monkeypatch):
    jobs = Jobs(ThreadPool(10))
    jobs.run()
    jobs.wait_for(1)

    class NoThread(threading.Thread):
        def start(self):
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(thread_pool, "Thread", NoThread)
    jobs.run()
    assert len(jobs.threads) == 1
    jobs.released.set()
    jobs.wait_for(2)

    assert len(set(jobs.threads)) == 1
    assert ended(jobs.threads)
