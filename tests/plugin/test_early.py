"""With `rerank_mock_early`, clients that are created at import use the mock."""

import subprocess
import sys

import pytest

from mock_process import ALONE, environment, running

EARLY = "rerank_mock_early = true\n"
CONFTEST = """
import os
from plugin_client import BODY, order, post

AT_IMPORT = os.environ["TOGETHER_BASE_URL"]
assert post()[0] == 200
"""
TESTS = """
from conftest import AT_IMPORT

URL, KEY = os.environ["TOGETHER_BASE_URL"], os.environ["TOGETHER_API_KEY"]

def test_the_fixture_is_the_same_mock(rerank_mock):
    assert AT_IMPORT == URL == os.environ["TOGETHER_BASE_URL"] == rerank_mock.base_url
    assert KEY == rerank_mock.api_key
    assert rerank_mock.requests == []
    rerank_mock.fail(503)
    assert [post()[0], post()[0]] == [503, 200]
    rerank_mock.assert_called(times=2)

def test_without_the_fixture():
    assert os.environ["TOGETHER_BASE_URL"] == URL
    assert order() == [1, 0]

def test_sets_a_ranking(rerank_mock):
    rerank_mock.rank([0])
    assert order() == [0, 1]

def test_without_the_fixture_no_ranking_is_left():
    assert order() == [1, 0]

class TestSettings:
    @pytest.fixture
    def rerank_mock_settings(self):
        return {"max_documents": 1}

    def test_apply_at_the_same_address(self, rerank_mock):
        assert rerank_mock.base_url == URL
        rerank_mock.expect_refusal()
        assert post()[0] == 400
        rerank_mock.assert_called(times=1, status=400)

def test_settings_end_with_their_class(rerank_mock, rerank_mock_server):
    assert rerank_mock_server.base_url == URL
    assert order() == [1, 0]

class TestWrongSettings:
    @pytest.fixture
    def rerank_mock_settings(self):
        return {"spec": "none.yaml"}

    def test_it(self, rerank_mock):
        pass

class TestAddress:
    @pytest.fixture
    def rerank_mock_address(self):
        return "127.0.0.1", 4010

    def test_it(self, rerank_mock):
        pass
"""


@pytest.mark.slow
def test_modules_see_the_mock_at_import(run_pytest):
    run = run_pytest(TESTS, ini=EARLY, files={"conftest.py": CONFTEST})

    assert run.outcomes("test_it.py::TestWrongSettings::test_it") == ["error"]
    run.text("test_it.py::TestWrongSettings::test_it").fnmatch_lines(["rerank_mock_settings: *none.yaml*"])
    assert run.outcomes("test_it.py::TestAddress::test_it") == ["error"]
    run.text("test_it.py::TestAddress::test_it").fnmatch_lines(
        ["rerank_mock_address has no effect with rerank_mock_early, which starts the mock before the fixtures"]
    )
    assert sorted(run.all_outcomes()) == ["error"] * 2 + ["passed"] * 6


WORKER = """
from plugin_client import order
from conftest import AT_IMPORT

def test_it(rerank_mock):
    assert AT_IMPORT == rerank_mock.base_url
    rerank_mock.rank([0])
    assert order() == [0, 1]
    rerank_mock.assert_called(times=1)
    print("URL", AT_IMPORT)
"""


@pytest.mark.slow
def test_each_worker_has_its_own_mock(run_pytest):
    plugins = " ".join([*ALONE, "-n 2 --dist loadfile -rP"])
    files = {"conftest.py": CONFTEST, **{f"test_{number}.py": WORKER for number in range(6)}}

    run = run_pytest("", plugins=plugins, ini=EARLY, files=files)

    assert run.status == 0, run.output
    urls = [line for line in run.output.splitlines() if line.startswith("URL ")]
    assert (len(urls), len(set(urls))) == (6, 2)


@pytest.mark.served
def test_a_running_mock_is_used_from_the_import_on(run_pytest):
    with running("-q") as mock:
        run = run_pytest(
            "def test_it(rerank_mock):\n    assert order() == [1, 0]\n    rerank_mock.assert_called(times=1)\n",
            f"--rerank-mock-url={mock.url}",
            ini=EARLY,
            files={"conftest.py": CONFTEST + f"assert AT_IMPORT == '{mock.url}'\n"},
        )

    assert run.all_outcomes() == ["passed"]


@pytest.mark.slow
def test_a_url_without_a_mock_is_reported_before_the_tests(run_pytest):
    silent = run_pytest("", "--rerank-mock-url=http://127.0.0.1:9", ini=EARLY)
    no_url = run_pytest("", "--rerank-mock-url=localhost", ini=EARLY)

    assert (silent.status, no_url.status) == (4, 4)
    silent.lines.fnmatch_lines(["ERROR: rerank_mock_early: no mock answers at http://127.0.0.1:9: *"])
    no_url.lines.fnmatch_lines(["ERROR: --rerank-mock-url: 'localhost' is not a URL like http://127.0.0.1:4010"])
    assert "Traceback" not in silent.output + no_url.output


@pytest.mark.slow
def test_the_environment_is_restored_at_the_end(tmp_path):
    (tmp_path / "pytest.ini").write_text(f"[pytest]\n{EARLY}")
    (tmp_path / "test_it.py").write_text(
        "import os\ndef test_it(rerank_mock):\n    assert os.environ['TOGETHER_BASE_URL'] == rerank_mock.base_url\n"
    )
    code = (
        "import os, pytest\n"
        "before = dict(os.environ)\n"
        f"assert pytest.main({ALONE!r}) == 0\n"
        "assert {name for name in os.environ if name not in before} <= {'PYTEST_VERSION'}, os.environ\n"
    )

    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
