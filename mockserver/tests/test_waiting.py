"""Calls that wait leave room for others, and end when the server stops."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from together_rerank_mockserver.delivery import DelayLimiter
from together_rerank_mockserver.errors import TooManyWaiting


def test_only_so_many_calls_wait_and_a_stop_ends_them_all():
    stopping = threading.Event()
    limiter = DelayLimiter(stopping, most=2)

    with ThreadPoolExecutor(2) as calls:
        held = [calls.submit(limiter.wait, 600) for _ in range(2)]
        deadline = time.monotonic() + 5
        while limiter._seats._value:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(TooManyWaiting, match="2 calls"):
            limiter.wait(600)
        limiter.wait(0.01)  # a short wait is not counted
        stopping.set()
        assert [each.result(5) for each in held] == [None, None]
    limiter.wait(600)  # the seats are free again, and the stop still holds
