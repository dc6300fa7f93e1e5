"""The options of the plugin, and the summary at the end."""

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from certificates import certificate, needs_openssl  # noqa: F401  # a fixture

SERVE = [Path(sys.executable).with_name("together-rerank-mock"), "serve", "-p", "0", "-q"]


@pytest.fixture
def served():
    """Return a function that starts a mock in its own process; the mock is stopped after the test."""
    running = []

    def start(*flags, **environment):
        process = subprocess.Popen([*SERVE, *flags], stdout=subprocess.PIPE, text=True)
        running.append(process)
        return process.stdout.readline().rpartition(" ")[2].strip()

    yield start
    for process in running:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.slow
def test_the_summary_is_printed_with_verbose(run_pytest):
    tests = """
@pytest.mark.rerank_mock(fault=429, times=2, retry_after=1)
def test_hasty():
    post()
    post()
    post()

def test_good(rerank_mock):
    post()
"""
    quiet = run_pytest(tests)
    verbose = run_pytest(tests, "-v")

    quiet.lines.no_fnmatch_line("*rerank mock*")
    verbose.lines.fnmatch_lines([
        "*== rerank mock ==*",
        "4 requests in 2 tests; faults applied: 429 x2",
        "test_it.py::test_hasty: Retried 0.* s after 429, whose Retry-After was 1 s: #1 at +0.00 s -> 429, #2*",
        "test_it.py::test_hasty: Retried*",
    ])  # fmt: skip


@pytest.mark.served
def test_a_running_mock_is_used_and_restored(run_pytest, served):
    url = served()

    run = run_pytest(
        f"""
def test_it(rerank_mock):
    assert rerank_mock.base_url == os.environ["TOGETHER_BASE_URL"] == "{url}"
    rerank_mock.fail(503, retry_after=0.25).then.delay(0.01)
    rerank_mock.rank([0])
    assert post()[0] == 503
    assert order() == [0, 1]
    assert [request.reply for request in rerank_mock.requests] == [
        "forced; fault=503; by=queue",
        "forced; fault=delay; by=queue",
    ]
    assert rerank_mock.admin.call("GET", "ranking")["answers"] == 1
    assert rerank_mock.requests[0].retry_after == 0.25
    assert rerank_mock.explain(rerank_mock.last_request)[0]["index"] == 1
    rerank_mock.assert_called(times=2, query="llama")

def test_it_is_fresh(rerank_mock):
    assert rerank_mock.requests == []
    assert order() == [1, 0]
    with pytest.raises(ValueError, match="only `serve --server threaded` has"):
        rerank_mock.fault("hang")
    with pytest.raises(RuntimeError, match="runs in another process"):
        rerank_mock.app
    assert post({{**BODY, "model": "mock/429"}})[0] == 429
""",
        f"--rerank-mock-url={url}/",
        files={
            "settings/conftest.py": (
                "import pytest\n\n@pytest.fixture(scope='session')\n"
                "def rerank_mock_settings():\n    return {'models': ['m']}\n"
            ),
            "settings/test_settings.py": "def test_it(rerank_mock):\n    pass\n",
        },
    )

    assert sorted(run.all_outcomes()) == ["error", "passed", "passed"]
    run.text("settings/test_settings.py::test_it").fnmatch_lines(
        ["rerank_mock_settings and rerank_mock_address apply to a mock that the tests start*"]
    )


@pytest.mark.served
def test_the_admin_token_is_sent_to_a_mock_that_needs_it(run_pytest, served):
    url = served("--admin-token", "open-sesame")
    test = "def test_it(rerank_mock):\n    assert order() == [1, 0]\n"

    closed = run_pytest(test, "--rerank-mock-url", url)
    opened = run_pytest(test, "--rerank-mock-url", url, TOGETHER_RERANK_MOCK_ADMIN_TOKEN="open-sesame")

    closed.lines.fnmatch_lines([f"the mock at {url} cannot be used: The control plane needs the token*"])
    assert opened.all_outcomes() == ["passed"]


@pytest.mark.served
def test_a_mock_without_a_control_plane_cannot_be_used(run_pytest, served):
    url = served("--no-admin")

    run = run_pytest("def test_it(rerank_mock):\n    pass\n", "--rerank-mock-url", url)

    run.lines.fnmatch_lines([f"the mock at {url} cannot be used: The control plane is closed by --no-admin"])


@pytest.mark.served
def test_the_url_of_a_mock_can_have_a_base_path(run_pytest, served):
    url = served("--base-path", "/rerank-mock")
    test = """
def test_it(rerank_mock):
    assert order() == [1, 0]
    assert rerank_mock.base_url == os.environ["TOGETHER_BASE_URL"]
    rerank_mock.assert_called(times=1, path="/v1/rerank")
"""

    below = run_pytest(test, "--rerank-mock-url", f"{url}/v1")
    outside = run_pytest(test, "--rerank-mock-url", url.removesuffix("/rerank-mock"))

    assert below.all_outcomes() == ["passed"]
    outside.lines.fnmatch_lines(
        ["the mock at *cannot be used: There is no /__admin/reset here; the base path is /rer*"]
    )


@needs_openssl
@pytest.mark.served
def test_the_url_of_a_mock_can_be_https(run_pytest, served, certificate):
    url = served("--tls-cert", certificate, "--tls-key", certificate.with_suffix(".key"))
    test = "def test_it(rerank_mock):\n    assert rerank_mock.client().post('/rerank', json=BODY).status_code == 200\n"

    untrusted = run_pytest(test, "--rerank-mock-url", url)
    trusted = run_pytest(test, "--rerank-mock-url", url, SSL_CERT_FILE=str(certificate))

    untrusted.lines.fnmatch_lines([f"no mock answers at {url}: *certificate verify failed: self-signed certificate*"])
    assert trusted.all_outcomes() == ["passed"]


def hang_up(server):
    connection, _ = server.accept()
    connection.close()


@pytest.mark.slow
def test_a_url_without_a_mock_is_reported(run_pytest):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        threading.Thread(target=hang_up, args=(silent,), daemon=True).start()
        unanswered = run_pytest("def test_it(rerank_mock):\n    pass\n", f"--rerank-mock-url={url}")
    no_url = run_pytest("", "--rerank-mock-url=localhost")

    unanswered.lines.fnmatch_lines([f"no mock answers at {url}: *"])
    assert no_url.status == 4
    no_url.lines.fnmatch_lines(["ERROR: --rerank-mock-url: 'localhost' is not a URL like http://127.0.0.1:4010"])


@pytest.mark.slow
def test_without_the_plugin_its_fixtures_markers_and_options_are_missing(run_pytest):
    options = ("-p", "no:together_rerank", "-p", "no:together_rerank_contract")

    run = run_pytest("def test_it(rerank_mock):\n    pass\n", *options)
    listed = [run_pytest("", option, *options) for option in ("--fixtures", "--markers", "--help")]

    run.lines.fnmatch_lines(["E*fixture 'rerank_mock' not found"])
    assert [
        word
        for word, each in zip(("tmp_path", "parametrize", "usage: "), listed, strict=True)
        if word not in each.output
    ] == []
    assert "rerank" not in "".join(each.output for each in listed)


@pytest.mark.slow
def test_a_run_without_the_fixture_imports_no_large_package(run_pytest):
    run = run_pytest(
        """
import sys

def test_it():
    loaded = {name.partition(".")[0] for name in sys.modules}
    assert "together_rerank_mockserver" in loaded
    heavy = {"flask", "werkzeug", "jsonschema", "jsonschema_rs", "yaml", "orjson", "schemathesis", "httpx", "click"}
    assert not loaded & (heavy | {"together_rerank_spec", "together_rerank_fixtures"})
    ours = {name for name in sys.modules if name.startswith("together_rerank")}
    packages = ("together_rerank_contract_tests", "together_rerank_mockserver")
    plugins = {module for package in packages for module in (package, f"{package}.pytest_plugin")}
    assert ours == {*plugins, "together_rerank_mockserver.clock"}
""",
    )

    assert run.all_outcomes() == ["passed"]
