"""Unmodified clients in tests with `rerank_mock`: configured by the environment, with their retries and time-outs."""

import asyncio
import os
import re
import subprocess
import sys

import aiohttp
import httpx
import pytest
import requests
import together

from foreign_clients import TOGETHER_1, folder
from mock_process import ALONE, environment

BODY = {"model": "m", "query": "llama", "documents": ["panda", "llama"]}


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


def url():
    return f"{os.environ['TOGETHER_BASE_URL']}/v1/rerank"


def key():
    return {"Authorization": f"Bearer {os.environ['TOGETHER_API_KEY']}"}


def order(results):
    return [result.index if hasattr(result, "index") else result["index"] for result in results]


def test_together_waits_for_retry_after(rerank_mock):
    rerank_mock.fail(429, retry_after=0.3).then.fail(503, retry_after=0.1).then.ok()

    with together.Together() as client:
        assert order(client.rerank.create(**BODY).results) == [1, 0]

    assert [request.retry_count for request in rerank_mock.requests] == [0, 1, 2]
    rerank_mock.assert_resilient()


def test_together_gives_up_after_a_time_out(rerank_mock):
    rerank_mock.delay(30, times=2)

    with together.Together(timeout=0.2, max_retries=1) as client, pytest.raises(together.APITimeoutError):
        client.rerank.create(**BODY)

    rerank_mock.assert_called(times=2, status=None)
    assert all(0.1 < request.ended - request.began < 10 for request in rerank_mock.requests)


def test_together_without_a_retry_gives_up(rerank_mock):
    rerank_mock.fail(503)

    with together.Together(max_retries=0) as client, pytest.raises(together.InternalServerError):
        client.rerank.create(**BODY)

    assert [finding.rule for finding in rerank_mock.resilience()] == ["gave-up"]
    with pytest.raises(AssertionError, match="Gave up after the first 503, which is temporary: #1"):
        rerank_mock.assert_resilient()


def test_a_loop_that_retries_every_error_of_together_is_found(rerank_mock):
    rerank_mock.expect_refusal(3)
    with together.Together(max_retries=0) as client:
        for _ in range(3):
            with pytest.raises(together.BadRequestError):
                client.rerank.create(**{**BODY, "top_n": 0})
        rerank_mock.fail(503, times=8)
        for _ in range(8):
            with pytest.raises(together.InternalServerError):
                client.rerank.create(**BODY)

    assert [finding.rule for finding in rerank_mock.resilience()] == ["retry-storm"]


def test_a_missing_key_is_a_finding(rerank_mock):
    assert httpx.post(url(), json=BODY).status_code == 401

    (finding,) = rerank_mock.resilience()
    assert finding.rule == "no-key"
    assert "Missing API key" in str(finding)


@pytest.fixture(scope="module")
def shared_client(rerank_mock_server):
    with together.Together(base_url=rerank_mock_server.base_url, api_key=rerank_mock_server.api_key) as client:
        yield client


@pytest.mark.parametrize("number", range(3))
def test_a_shared_client_gets_the_faults_of_each_test(rerank_mock, shared_client, number):
    rerank_mock.fail(429, times=number, retry_after=0.01) if number else rerank_mock.ok()

    assert order(shared_client.rerank.create(**BODY).results) == [1, 0]
    rerank_mock.assert_called(times=number + 1)


@pytest.mark.anyio
async def test_async_together(rerank_mock):
    rerank_mock.fail(429, retry_after=0.1).then.delay(0.05)

    async with together.AsyncTogether() as client:
        answer = await client.rerank.create(**BODY)

    assert order(answer.results) == [1, 0]
    rerank_mock.assert_resilient()
    rerank_mock.assert_called(times=2)


@pytest.mark.anyio
async def test_async_together_without_a_socket(rerank_mock):
    rerank_mock.fail(503, retry_after=0.05).then.delay(0.05)

    async with (
        httpx.AsyncClient(transport=rerank_mock.transport()) as http_client,
        together.AsyncTogether(http_client=http_client) as client,
    ):
        answer = await client.rerank.create(**BODY)

    assert order(answer.results) == [1, 0]
    assert [request.fault for request in rerank_mock.requests] == ["503", "delay"]


@pytest.mark.slow
@pytest.mark.asyncio
async def test_concurrent_equal_calls_are_not_a_retry_storm(rerank_mock):
    rerank_mock.delay(0.2, times=8)

    async with together.AsyncTogether() as client:
        await asyncio.gather(*(client.rerank.create(**BODY) for _ in range(8)))

    rerank_mock.assert_called(times=8)
    rerank_mock.assert_resilient()


@pytest.mark.asyncio
async def test_aiohttp(rerank_mock):
    rerank_mock.rank([0])
    async with aiohttp.ClientSession(headers=key()) as session, session.post(url(), json=BODY) as response:
        assert order((await response.json())["results"]) == [0, 1]

    rerank_mock.delay(30)
    async with aiohttp.ClientSession(headers=key(), timeout=aiohttp.ClientTimeout(total=0.1)) as session:
        with pytest.raises(TimeoutError):
            await session.post(url(), json=BODY)
    assert [request.status for request in rerank_mock.requests] == [200, None]


def test_requests(rerank_mock):
    rerank_mock.fault("reset").then.delay(30).then.fail(503, retry_after=0)

    with requests.Session() as session:
        session.headers.update(key())
        with pytest.raises(requests.ConnectionError):
            session.post(url(), json=BODY, timeout=5)
        with pytest.raises(requests.Timeout):
            session.post(url(), json=BODY, timeout=0.1)
        assert session.post(url(), json=BODY, timeout=5).status_code == 503
        assert order(session.post(url(), json=BODY, timeout=5).json()["results"]) == [1, 0]

    assert [request.status for request in rerank_mock.requests] == [None, None, 503, 200]
    assert [request.fault for request in rerank_mock.requests] == ["reset", "delay", "503", None]


@pytest.mark.slow
def test_requests_with_retries_of_urllib3(rerank_mock):
    from urllib3.util import Retry

    rerank_mock.fail(503, retry_after=1, times=2).then.ok()
    retry = Retry(total=3, status_forcelist=[503], allowed_methods=None, backoff_factor=0.1)

    with requests.Session() as session:
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retry))
        assert session.post(url(), json=BODY, headers=key(), timeout=5).status_code == 200
    rerank_mock.assert_resilient()


def test_httpx(rerank_mock):
    rerank_mock.delay(30)
    client = rerank_mock.client()

    with pytest.raises(httpx.ReadTimeout):
        client.post("/v1/rerank", json=BODY, timeout=0.1)
    assert order(client.post("/rerank", json=BODY).json()["results"]) == [1, 0]
    assert [request.path for request in rerank_mock.requests] == ["/v1/rerank", "/rerank"]
    assert not client.is_closed


CLIENTS = []


def test_the_mock_creates_a_client(rerank_mock):
    CLIENTS.append(rerank_mock.client())
    CLIENTS[0].post("/v1/rerank", json=BODY)


def test_the_client_is_closed_after_the_test():
    assert CLIENTS[0].is_closed


LITELLM = """
import litellm

def test_it(rerank_mock):
    rerank_mock.rank([0])
    answer = litellm.rerank(model="together_ai/m", query="llama", documents=["panda", "llama"])
    assert [result["index"] for result in answer.results] == [0, 1]
    rerank_mock.assert_called(times=1, model="m", return_documents=True)

def test_it_does_not_try_again(rerank_mock):
    rerank_mock.fail(503)
    try:
        litellm.rerank(model="together_ai/m", query="llama", documents=["panda", "llama"])
    except Exception as error:
        assert "503" in str(error) or "Service" in type(error).__name__
    assert [finding.rule for finding in rerank_mock.resilience()] == ["gave-up"]
"""
TOGETHER_1_TESTS = """
from importlib.metadata import version

import together

def search():
    answer = together.Together().rerank.create(model="m", query="llama", documents=["panda", "llama"])
    return [result.index for result in answer.results]

def test_it(rerank_mock):
    assert version("together") == "1.5.35"
    rerank_mock.fail(503)
    assert search() == [1, 0]
    rerank_mock.assert_called(times=2)

def test_it_ignores_retry_after(rerank_mock):
    rerank_mock.fail(429, retry_after=3)
    assert search() == [1, 0]
    assert [finding.rule for finding in rerank_mock.resilience()] == ["ignored-retry-after"]
"""


ASYNC = """
import anyio
import pytest
import together

async def search():
    async with together.AsyncTogether(base_url="https://api.together.xyz", max_retries=0) as client:
        await client.rerank.create(model="m", query="q", documents=["d"])

@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_it_calls_the_real_api(rerank_mock, backend):
    anyio.run(search, backend=backend)
"""


@pytest.mark.served
def test_together_1_5_35_in_its_own_process(tmp_path):
    (packages,) = folder(TOGETHER_1).glob("lib/python*/site-packages")

    assert "2 passed" in run_pytest(tmp_path, TOGETHER_1_TESTS, PYTHONPATH=str(packages))


@pytest.mark.slow
def test_litellm_in_its_own_process(tmp_path):
    assert "2 passed" in run_pytest(tmp_path, LITELLM, LITELLM_LOCAL_MODEL_COST_MAP="True")


@pytest.mark.slow
def test_an_async_client_that_calls_the_real_api_fails_its_test(tmp_path):
    output = run_pytest(tmp_path, ASYNC)

    assert "2 failed in" in output
    for backend in ("asyncio", "trio"):
        # pytest prints each failure twice: under the test's name, and in the summary.
        assert f"__ test_it_calls_the_real_api[{backend}] __" in output
    lines = re.findall(
        "^.*test_it.py:[0-9]+: `.*` tried to connect to api.together.xyz, which rerank_mock", output, re.MULTILINE
    )
    assert len(lines) >= 2


def run_pytest(folder, tests, **changes):
    """Run pytest with the needed plugins only, and return its output."""
    (folder / "test_it.py").write_text(tests)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *ALONE, folder],
        cwd=folder,
        env=environment(TOGETHER_NO_BANNER="1", **changes),
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return ran.stdout
