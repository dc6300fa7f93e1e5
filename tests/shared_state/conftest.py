"""A Redis for each test module that needs one, empty at the start of each test."""

import pytest

from redis_process import RedisProcess


@pytest.fixture(scope="module")
def redis_process():
    process = RedisProcess().start()
    yield process
    process.kill()
    process.client.close()


@pytest.fixture
def redis(redis_process):
    redis_process.client.flushall()
    return redis_process
