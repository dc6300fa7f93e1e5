"""The mock without a socket, for tests in which pytest-socket disables sockets."""

import pytest

from mock_process import ALONE

SYNC = """
import os
import httpx
from together import Together

def rank(**options):
    with httpx.Client(**options) as http_client:
        client = Together(http_client=http_client, max_retries=1)
        answer = client.rerank.create(model="any", query="llama", documents=["panda", "llama"])
        return [result.index for result in answer.results]

def test_transport(rerank_mock):
    rerank_mock.fail(503, retry_after=0.01)
    assert rank(transport=rerank_mock.transport()) == [1, 0]
    assert rerank_mock.app.test_client().get("/health").status_code == 200
    rerank_mock.assert_called(times=2)

class TestSettings:
    @pytest.fixture
    def rerank_mock_settings(self):
        return {"base_path": "/below", "max_documents": 2}

    def test_apply(self, rerank_mock):
        assert rank(transport=rerank_mock.transport()) == [1, 0]
        assert rerank_mock.base_url.endswith(".invalid/below")

class TestWrongSettings:
    @pytest.fixture
    def rerank_mock_settings(self):
        return {"spec": "none.yaml"}

    def test_it(self, rerank_mock):
        pass

@pytest.mark.filterwarnings("ignore:A test tried to use socket")
def test_the_url_needs_a_socket(rerank_mock):
    with pytest.raises(Exception):
        rank()
    rerank_mock.assert_called()

@pytest.mark.enable_socket
def test_another_test_has_a_socket(rerank_mock):
    assert order() == [1, 0]
    rerank_mock.assert_called(times=1)

def test_a_mock_that_has_a_socket_is_kept(rerank_mock):
    assert rerank_mock.base_url.startswith("http://127.0.0.1:")
    assert rank(transport=rerank_mock.transport()) == [1, 0]
"""
ASYNC = """
import asyncio
import httpx
from together import AsyncTogether

async def rank(transport):
    async with httpx.AsyncClient(transport=transport) as http_client, AsyncTogether(http_client=http_client) as client:
        calls = [client.rerank.create(model="any", query="llama", documents=["panda", "llama"]) for _ in range(5)]
        return [[result.index for result in answer.results] for answer in await asyncio.gather(*calls)]

def test_async(rerank_mock):
    assert asyncio.run(rank(rerank_mock.transport())) == [[1, 0]] * 5
    rerank_mock.assert_called(times=5)
"""
PLUGINS = " ".join([*ALONE, "-pno:xdist", "--disable-socket"])


@pytest.mark.slow
def test_transport_and_app_need_no_socket(run_pytest):
    run = run_pytest(SYNC, plugins=PLUGINS)

    passed = ("test_transport", "TestSettings::test_apply", "test_another_test_has_a_socket")
    for name in (*passed, "test_a_mock_that_has_a_socket_is_kept"):
        assert run.outcomes(f"test_it.py::{name}") == ["passed"], run.output
    run.text("test_it.py::TestWrongSettings::test_it").fnmatch_lines(["rerank_mock_settings: *none.yaml*"])
    no_request = (
        "received no request; it has no socket, because pytest-socket disables them: use rerank_mock.transport()"
    )
    run.text("test_it.py::test_the_url_needs_a_socket").fnmatch_lines([
        "E*expected a request; 0 of 0 requests match; it has no socket, because pytest-socket disables them: use *",
        f"the mock at http://rerank-mock-has-no-socket.invalid {no_request} or rerank_mock.app",
    ])  # fmt: skip


@pytest.mark.slow
def test_an_async_transport_needs_only_the_sockets_of_the_event_loop(run_pytest):
    run = run_pytest(ASYNC, "--allow-unix-socket", plugins=PLUGINS)

    assert run.all_outcomes() == ["passed"], run.output
