"""The mock works in a test whose file system is fake, also if it starts in that test."""

import pytest

pytest.importorskip("pyfakefs")

TESTS = """
import httpx
import together_rerank_fixtures as fixtures
from together_rerank_spec import dialects


def check(rerank_mock):
    assert not os.path.exists(__file__)
    assert order() == [1, 0]
    rerank_mock.fail(429).then.fail(599).then.fault("unsorted").then.fault("reset")
    assert [post()[0] for _ in range(3)] == [429, 599, 200]
    with pytest.raises(OSError, match="reset"):
        post()
    rerank_mock.expect_refusal()
    assert "at least 1" in str(post({**BODY, "top_n": 0}))
    for name in dialects():
        exchange = next(each for each in fixtures.all(dialect=name) if each.response.status == 200)
        status, _ = post(exchange.request.body, path=exchange.request.path, **{"Api-Key": "pinecone's"})
        assert (name, status) == (name, 200)
    with httpx.Client(transport=rerank_mock.transport(), base_url="http://mock") as client:
        assert client.get("/metrics").status_code == 200
    assert rerank_mock.explain(BODY)


def test_fs_first(fs, rerank_mock):
    check(rerank_mock)


def test_fs_last(rerank_mock, fs):
    check(rerank_mock)


class TestSettings:
    @pytest.fixture
    def rerank_mock_settings(self):
        return {"rate_limit": "99/minute", "replay": "library", "dialect": "tei", "reading": "corrected"}

    def test_settings(self, fs, rerank_mock):
        assert post({"query": "llama", "texts": ["llama"]}, path="/rerank")[0] == 200


def test_an_audit_writes_its_page(fs, rerank_audit):
    def search(query, passages):
        _, answer = post({**BODY, "query": query, "documents": passages})
        return [each["index"] for each in answer["results"]]

    report = rerank_audit(search, query="llamas", passages=["a panda", "a llama", "a bear"], only=["ranking"])
    report.write("/audit.html")
    with open("/audit.html") as page:
        assert "no failure" in page.read()


@pytest.mark.rerank_exchanges(status=429)
def test_exchanges(fs, rerank_exchanges):
    assert rerank_exchanges


def test_the_network_guard_shows_the_line(fs, rerank_mock):
    with pytest.raises(pytest.fail.Exception, match=r"test_it.py:[0-9]+: `httpx.get"):
        httpx.get("https://api.jina.ai/v1/rerank", trust_env=False)
"""
NAMES = [
    "test_fs_first",
    "test_fs_last",
    "test_an_audit_writes_its_page",
    "TestSettings::test_settings",
    "test_exchanges",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NAMES, "test_the_network_guard_shows_the_line"])
def test_the_files_of_the_kit_are_read_before_a_test_can_hide_them(run_pytest, name):
    run = run_pytest(TESTS, "-p", "pyfakefs.pytest_plugin", f"test_it.py::{name}")

    expected = ["passed", "error"] if "guard" in name else ["passed"]  # the guard also fails the test at teardown
    assert run.outcomes(f"test_it.py::{name}") == expected, run.output


CHILD = """
import subprocess, sys


def test_first(fs, rerank_mock):
    pass


def test_child(rerank_mock):
    code = "import socket; socket.getaddrinfo('api.together.xyz', 443, flags=socket.AI_NUMERICHOST)"
    assert b"PermissionError" in subprocess.run([sys.executable, "-c", code], capture_output=True).stderr
"""


@pytest.mark.slow
def test_child_processes_are_guarded_after_a_test_with_a_fake_file_system(run_pytest):
    run = run_pytest(CHILD, "-p", "pyfakefs.pytest_plugin")

    assert run.outcomes("test_it.py::test_first") == ["passed"]
    assert run.outcomes("test_it.py::test_child") == ["passed", "error"], run.output
