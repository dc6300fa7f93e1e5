"""The requirements under plain pytest, as users of the installed kit can run them."""

import json
import os
import subprocess
import sys
import urllib.request

import pytest

from mock_process import ALONE, environment, running

KEY, MODEL = "the-mocks-key", "rank"
PACKAGE = "together_rerank_contract_tests"
pytestmark = pytest.mark.served
OPTIONS = os.environ.get("RERANK_PLUGIN_OPTIONS", " ".join(ALONE)).split()


@pytest.fixture(scope="module")
def mock():
    with running("-q", "--api-key", KEY, "--model", MODEL) as mock:
        yield mock


def pytest_run(folder, *arguments):
    command = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "-ra", *OPTIONS, *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(MOCK_KEY=KEY),
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
    )


def run_suite(folder, mock, *arguments, model=MODEL):
    about = ("--rerank-base-url", mock.url, "--rerank-model", model, "--rerank-api-key-env", "MOCK_KEY")
    return pytest_run(folder, *about, *arguments)


@pytest.mark.fuzz
@pytest.mark.exhaustive
def test_a_good_endpoint_passes_and_schemathesis_runs_as_a_test(mock, tmp_path):
    options = ("--rerank-level", "should", "--rerank-max-requests", "320")
    ran = run_suite(tmp_path, mock, "--pyargs", PACKAGE, *options)

    assert ran.returncode == 0, ran.stdout
    assert "80 passed" in ran.stdout.splitlines()[-1]


@pytest.mark.fuzz
@pytest.mark.exhaustive
def test_schemathesis_finds_a_fault_as_a_test(mock, tmp_path):
    options = ("--rerank-max-requests", "150")
    ran = run_suite(tmp_path, mock, "--pyargs", f"{PACKAGE}.fuzz.test_fuzz", *options, model="mock/object-wrong")

    assert ran.returncode == 1, ran.stdout
    assert "FAILED        RR-FUZZ-004  MUST  Every response matches the document's schema" in ran.stdout
    assert "1 failed, 9 passed" in ran.stdout.splitlines()[-1]


def test_a_failed_requirement_is_reported_without_a_traceback(mock, tmp_path):
    ran = run_suite(tmp_path, mock, "--pyargs", f"{PACKAGE}.suite.test_results", model="mock/unsorted")

    assert ran.returncode == 1
    assert "FAILED        RR-RESULT-001  MUST" in ran.stdout
    assert "$MOCK_KEY" in ran.stdout
    assert "Traceback" not in ran.stdout
    assert ".py:" not in ran.stdout
    assert "1 failed, 6 passed" in ran.stdout.splitlines()[-1]


@pytest.mark.parametrize(("level", "status", "summary"), [("must", 0, "1 xfailed"), ("should", 1, "1 failed")])
def test_a_should_fails_at_its_level(mock, tmp_path, level, status, summary):
    options = ("--pyargs", f"{PACKAGE}.suite.test_response", "--rerank-level", level)
    ran = run_suite(tmp_path, mock, *options, model="mock/id-constant")

    assert ran.returncode == status, ran.stdout
    assert summary in ran.stdout.splitlines()[-1]


def test_a_requirement_that_cannot_be_checked_is_skipped_with_its_reason(mock, tmp_path):
    ran = run_suite(tmp_path, mock, "--pyargs", f"{PACKAGE}.suite.test_usage", model="mock/usage-missing")

    assert ran.returncode == 0
    assert "skipped: the response has no `usage`, which the document allows" in ran.stdout


def test_without_an_endpoint_the_missing_option_is_named(tmp_path):
    ran = pytest_run(tmp_path, "--pyargs", PACKAGE)

    assert ran.returncode == 4
    assert "--rerank-base-url URL" in ran.stdout + ran.stderr


def test_an_unreachable_endpoint_is_inconclusive(tmp_path):
    ran = pytest_run(tmp_path, "--pyargs", PACKAGE, "--rerank-base-url", "http://127.0.0.1:1")

    assert ran.returncode == 3
    assert "could not tell: no complete response from" in ran.stdout


def test_an_inconclusive_must_fails_the_run(tmp_path):
    with running("-q", "--api-key", KEY, "--model", MODEL) as own:
        queue = {"fault": "ok", "times": 6, "then": {"fault": "503", "times": 99}}
        admin = urllib.request.Request(f"{own.url}/__admin/faults", json.dumps(queue).encode())
        urllib.request.urlopen(admin).close()
        ran = run_suite(tmp_path, own, "--pyargs", f"{PACKAGE}.suite.test_results")

    assert ran.returncode == 1
    assert "RR-RESULT-002: could not tell: the endpoint returns 503" in ran.stdout


def test_an_invalid_url_is_an_error(tmp_path):
    ran = pytest_run(tmp_path, "--pyargs", PACKAGE, "--rerank-base-url", "localhost")

    assert ran.returncode == 4
    assert "'localhost' is not a URL" in ran.stderr


def test_the_tests_of_a_project_run_beside_the_suite_without_its_fixtures(mock, tmp_path):
    (tmp_path / "test_own.py").write_text(
        "import pytest\n\n\n@pytest.fixture\ndef endpoint():\n    return 'their own'\n\n\n"
        "def test_it(endpoint):\n    assert endpoint == 'their own'\n"
    )

    alone = pytest_run(tmp_path)
    beside = run_suite(tmp_path, mock, "--pyargs", f"{PACKAGE}.suite.test_results", tmp_path / "test_own.py")

    assert "1 passed" in alone.stdout
    assert "8 passed" in beside.stdout
    (tmp_path / "test_own.py").write_text("def test_it(endpoint):\n    pass\n")
    assert "fixture 'endpoint' not found" in pytest_run(tmp_path).stdout


def test_the_plugin_imports_nothing_heavy_at_start(tmp_path):
    (tmp_path / "conftest.py").write_text(
        "import sys\n\n\n"
        "def pytest_sessionfinish():\n"
        "    heavy = {'httpx', 'schemathesis', 'hypothesis', 'yaml', 'jsonschema_rs'} & set(sys.modules)\n"
        "    ours = {name for name in sys.modules if name.startswith('together_rerank_contract_tests')}\n"
        "    print('loaded:', sorted(heavy), sorted(ours))\n"
    )
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n")
    ran = pytest_run(tmp_path, "-s", "-pno:xdist", *ALONE)

    assert f"loaded: [] ['{PACKAGE}', '{PACKAGE}.pytest_plugin']" in ran.stdout
