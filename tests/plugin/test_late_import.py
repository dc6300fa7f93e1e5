"""The mock can be imported while the clock stands still."""

import pytest

pytest.importorskip("freezegun")


@pytest.mark.slow
def test_the_mock_can_be_imported_while_the_clock_stands_still(run_pytest):
    run = run_pytest(IMPORTED_LATE)

    assert run.all_outcomes() == ["passed"]


IMPORTED_LATE = """
import functools
import time

import freezegun

now = functools.partial(time.time)

@pytest.fixture(scope="session", autouse=True)
def frozen():
    with freezegun.freeze_time("2001-02-03"):
        yield

def test_it(rerank_mock):
    rerank_mock.delay(0.1)
    post()
    request = rerank_mock.last_request
    assert abs(request.began - now()) < 3600
    assert request.ended - request.began >= 0.1
"""
