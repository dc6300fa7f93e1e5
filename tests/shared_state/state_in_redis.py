"""A plugin for pytest: every mock that a test makes in this process has a database of its own in a Redis."""

from dataclasses import replace
from itertools import count

from redis_process import RedisProcess
from together_rerank_mockserver.mock_state import MockState

_redis = RedisProcess()
_numbers = count()
_init = MockState.__init__


def _init_with_redis(self, document, settings, limiter):
    _init(self, document, replace(settings, state=f"{_redis.url}/{next(_numbers)}"), limiter)


def pytest_sessionstart():
    _redis.start()
    MockState.__init__ = _init_with_redis


def pytest_runtest_setup():
    _redis.client.flushall()


def pytest_sessionfinish():
    MockState.__init__ = _init
    _redis.kill()
