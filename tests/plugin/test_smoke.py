"""A few tests of the entire plugin, which `make check` runs with each supported version of pytest."""

import os

import pytest

from plugin_client import BODY, order, post


def test_the_fixture_answers_and_records_the_requests(rerank_mock):
    rerank_mock.fail(503, retry_after=0.01).then.fault("unsorted")

    assert [post()[0], order(), order()] == [503, [0, 1], [1, 0]]
    assert [request.fault for request in rerank_mock.requests] == ["503", "unsorted", None]
    rerank_mock.assert_called(times=3, query=BODY["query"])


@pytest.mark.rerank_mock(fault=429, retry_after=0.01)
def test_a_marker_queues_a_fault():
    assert [post()[0], post()[0]] == [429, 200]


@pytest.mark.rerank_exchanges(status=401)
def test_an_example_is_an_exchange(rerank_example):
    assert rerank_example.response.status == 401


@pytest.mark.slow
def test_an_unused_fault_and_a_call_of_the_real_api_fail_a_test(run_pytest):
    run = run_pytest(
        """
import socket

def test_unused(rerank_mock):
    rerank_mock.fail(503)

def test_real(rerank_mock):
    socket.getaddrinfo("api.together.xyz", 443)
""",
        "-v",
        plugins=os.environ.get("RERANK_PLUGIN_OPTIONS", "-p no:schemathesis -p no:asyncio"),
    )

    assert run.outcomes("test_it.py::test_unused") == ["passed", "error"]
    assert run.outcomes("test_it.py::test_real") == ["failed"]
    run.lines.fnmatch_lines([
        "*ERROR at teardown of test_unused*",
        "unused faults: 503 (1 left)",
        "*test_it.py:*: `socket.getaddrinfo*` tried to connect to api.together.xyz*",
        "*== rerank mock ==*",
    ])  # fmt: skip
