"""Tests in four processes at a time share nothing, with one mock for each process or one for all."""

import json
import subprocess
import sys

import httpx
import pytest

from mock_process import ALONE, environment, running

pytestmark = pytest.mark.served


def run_in_workers(tmp_path, *options):
    (tmp_path / "test_many.py").write_text(
        "import json, os, urllib.error, urllib.request\n"
        "import pytest\n\n"
        "def post(number):\n"
        "    key = {'Authorization': 'Bearer ' + os.environ['TOGETHER_API_KEY'], 'Content-Type': 'application/json'}\n"
        "    body = json.dumps({'model': 'm', 'query': f'q{number}', 'documents': ['a', 'b']}).encode()\n"
        "    request = urllib.request.Request(os.environ['TOGETHER_BASE_URL'] + '/v1/rerank', body, key)\n"
        "    try:\n"
        "        with urllib.request.urlopen(request, timeout=30) as answer:\n"
        "            return [each['index'] for each in json.load(answer)['results']]\n"
        "    except urllib.error.HTTPError as error:\n"
        "        with error:\n"
        "            return error.code\n\n"
        "@pytest.mark.parametrize('number', range(120))\n"
        "def test_one(rerank_mock, number):\n"
        "    status = (429, 500, 503, 504)[number % 4]\n"
        "    rerank_mock.fail(status, times=2)\n"
        "    rerank_mock.rank([number % 2])\n"
        "    assert [post(number), post(number)] == [status, status]\n"
        "    assert post(number) == [number % 2, 1 - number % 2]\n"
        "    assert [request.query for request in rerank_mock.requests] == [f'q{number}'] * 3\n"
        "    rerank_mock.assert_called(times=2, status=status)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *ALONE, "-v", "-n", "4", *options, tmp_path],
        cwd=tmp_path,
        env=environment(),
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "120 passed" in ran.stdout, ran.stdout[-3000:]
    assert "360 requests in 120 tests; faults applied: 429 x60, 500 x60, 503 x60, 504 x60" in ran.stdout


def test_four_workers_with_a_mock_each(tmp_path):
    run_in_workers(tmp_path)


@pytest.mark.exhaustive
@pytest.mark.parametrize("server", ["granian", "threaded"])
def test_four_workers_with_one_mock_for_all(tmp_path, server):
    with running("-q", "--server", server) as mock:
        run_in_workers(tmp_path, f"--rerank-mock-url={mock.url}")
        journal = json.loads(httpx.get(f"{mock.url}/__admin/requests").text)

    assert journal["requests"] == []
