"""Calls that are kept back make room for others, and go when the server stops."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from together_rerank_mockserver.delivery import Waiting
from together_rerank_mockserver.errors import TooManyWaiting


def test_no_more_than_so_many_wait_for_long_and_a_stop_ends_them_all():
    stopping = threading.Event()
    waiting = Waiting(stopping, most=2)

    with ThreadPoolExecutor(2) as calls:
        held = [calls.submit(waiting.wait, 600) for _ in range(2)]
        deadline = time.monotonic() + 5
        while waiting._seats._value:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(TooManyWaiting, match="2 calls"):
            waiting.wait(600)
        waiting.wait(0.01)  # so short is nobody in the way
        stopping.set()
        assert [each.result(5) for each in held] == [None, None]
    waiting.wait(600)  # the seats are free again, and the stop is still on


def test_without_a_bound_any_number_waits():
    stopping = threading.Event()
    stopping.set()

    with ThreadPoolExecutor(20) as calls:
        assert list(calls.map(Waiting(stopping).wait, [600] * 20)) == [None] * 20
