"""The snippets of the README work, and its links exist."""

import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from mock_process import COMMAND, READY, environment, running, start
from snippets import PORT, ROOT, shown, snippet, snippets

README = (ROOT / "README.md").read_text()
# The test that runs the snippet with this beginning; `make check` runs `tests/wheel` with the wheel.
RUN = {
    "make serve": "test_make_serve_starts_the_mock",
    "make test": "test_make_test_runs_pytest",
    "curl -s http://127.0.0.1:4010/v1/rerank": "test_a_shell_snippet",
    "curl -s http://127.0.0.1:4010/cohere": "test_a_shell_snippet",
    "export MY_KEY": "test_a_shell_snippet",
    "# test_search.py": "test_docs.test_the_tests_of_the_readme_pass",
    "# test_audit.py": "test_docs.test_the_tests_of_the_readme_pass",
    "from together import Together\n": "test_a_python_snippet",
    "together-rerank-mock serve": "test_the_command_starts_the_mock",
    "// vitest.config.mts": "make test-typescript",
    "// search.test.ts": "make test-typescript",
    "pip install together-rerank-kit": "tests/wheel",
}


def shell(text):
    path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "-euo", "pipefail", "-c", text]
    return subprocess.run(command, env=environment(PATH=path), check=False, capture_output=True, text=True, timeout=60)


def test_every_snippet_is_run_by_a_test():
    for each in snippets():
        assert [start for start in RUN if each.text.startswith(start)], f"nothing runs: {each.first_line}"


@pytest.mark.served
@pytest.mark.parametrize("beginning", [start for start, test in RUN.items() if test == "test_a_shell_snippet"])
def test_a_shell_snippet_prints_the_output_below_it(beginning):
    printed = snippet(beginning)

    with running("-q") as mock:
        ran = shell(printed.at(mock.port) if PORT in printed.text else printed.text)

    assert ran.returncode == 0, ran.stderr
    assert shown(ran.stdout, mock.port) == shown(printed.output, mock.port)


@pytest.mark.served
def test_make_contract_checks_a_mock_or_the_named_endpoint():
    make = ["make", "--no-print-directory", f"VENV={sys.prefix}", "contract", "FLAGS=--quick"]
    settings = {"cwd": ROOT, "env": environment(), "capture_output": True, "text": True, "timeout": 120}

    with_a_mock = subprocess.run(make, check=False, **settings)
    without_a_server = subprocess.run([*make, "URL=http://127.0.0.1:1"], check=False, **settings)

    assert with_a_mock.returncode == 0, with_a_mock.stderr
    assert "keeps what --quick judges -- 22 passed" in with_a_mock.stdout
    assert "could not tell: no complete response from http://127.0.0.1:1/v1/rerank" in without_a_server.stdout
    assert "Error 3" in without_a_server.stderr


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.served
@pytest.mark.parametrize("beginning", [start for start, test in RUN.items() if test == "test_a_python_snippet"])
def test_a_python_snippet_prints_the_output_below_it(beginning):
    shown = snippet(beginning)

    with running("-q") as mock:
        program = shown.at(mock.port) if PORT in shown.text else shown.text
        command = [sys.executable, "-c", program]
        ran = subprocess.run(command, env=environment(), check=False, capture_output=True, text=True, timeout=60)

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == shown.output


@pytest.mark.served
def test_make_serve_starts_the_mock(tmp_path):
    text = snippet("make serve").text.replace("make serve", f"exec make VENV={sys.prefix} serve")
    settings = environment(TOGETHER_RERANK_MOCK_PORT="0", TOGETHER_RERANK_MOCK_READY_FILE=str(tmp_path / "ready"))
    command = ["bash", "-c", text]
    with subprocess.Popen(  # in its own group, because make and the mock are stopped as by a terminal
        command,
        cwd=ROOT,
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        line = next(line for line in process.stdout if line.startswith(READY))
        url = line.removeprefix(READY).strip()
        answered = subprocess.run([COMMAND, "wait", url], check=False).returncode
        os.killpg(process.pid, signal.SIGINT)
        process.wait(20)

    assert answered == 0
    assert list(tmp_path.iterdir()) == []


def test_make_test_runs_pytest():
    assert snippet("make test").text.split()[:2] == ["make", "test"]
    planned = subprocess.run(["make", "-n", "test"], cwd=ROOT, check=True, capture_output=True, text=True).stdout

    assert "-m pytest" in planned


@pytest.mark.served
def test_the_command_starts_the_mock():
    text = (
        snippet("together-rerank-mock serve")
        .text.replace("--port 4010", "--port 0")
        .replace("together", "exec together", 1)
    )
    path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "-c", text]
    with subprocess.Popen(command, env=environment(PATH=path), stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        process.terminate()

    assert line.startswith(READY)
    assert process.returncode == 0


@pytest.mark.served
def test_the_json_log_is_json_on_both_streams():
    with start("--log-format", "json") as process:
        ready = json.loads(process.stdout.readline())
        subprocess.run([COMMAND, "wait", ready["url"]], check=True)
        process.terminate()
        _, errors = process.communicate(timeout=20)

    assert errors == ""


def test_the_linked_files_exist():
    linked = re.findall(r"\]\(([^)#:]+)", README)

    assert len(linked) > 15
    assert [path for path in linked if not (ROOT / path).exists()] == []
