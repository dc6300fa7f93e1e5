"""What keeps the command from starting, and what it is started with."""

import http.client
import os
import signal

import pytest

from mock_process import BODY, COMMAND, KEY, READY, environment, post, running, start


def test_flags_can_be_set_by_the_environment():
    changes = {
        "API_KEY": "one two",
        "MODEL": "m",
        "MAX_BODY": "200",
        "LOG_FORMAT": "text",
        "QUIET": "1",
        "READING": "vendored",
    }
    with running(**{f"TOGETHER_RERANK_MOCK_{name}": value for name, value in changes.items()}) as mock:
        assert post(mock)[0] == 401
        assert post(mock, headers={**KEY, "Authorization": "Bearer two"})[0] == 200
        assert post(mock, headers={**KEY, "Authorization": "Bearer two"}, body=BODY.replace('"m"', '"x"'))[0] == 404
        assert post(mock, headers={**KEY, "Authorization": "Bearer two"}, body=BODY.ljust(201))[0] == 413
        mock.stop(signal.SIGTERM)

    assert mock.lines == []


def fails(*arguments, **changes):
    with start(*arguments, **changes) as process:
        output, errors = process.communicate(timeout=20)
    return process.returncode, output, errors


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        (["--port", "99999"], "99999 is not in the range 0<=x<=65535"),
        (["--prot", "1"], "No such option"),
        (["--reading", "lenient"], "'lenient' is not one of 'corrected', 'vendored'"),
        (["--max-body", "0"], "--max-body"),
        (["--api-key", ""], "a key must be printable ASCII, and not empty"),
        (["--api-key", "schl\u00fcssel"], "a key must be printable ASCII"),
        (["--model", ""], "a model cannot be empty"),
        (["--host", "256.1.1.1"], "cannot listen on 256.1.1.1:"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1:"),
        (["--spec", "missing.yaml"], "'missing.yaml' does not exist"),
        (["--overlay", "pyproject.toml"], "--overlay belongs to --spec"),
        (["--spec", "pyproject.toml", "--reading", "vendored"], "--reading is of the vendored document"),
        (["--spec", "pyproject.toml"], "pyproject.toml: "),
        (["--ready-file", "missing/ready"], "cannot write missing/ready: No such file"),
        (["extra"], "unexpected extra argument"),
    ],
)
def test_a_start_that_fails_says_why_in_one_line(arguments, because):
    status, output, errors = fails(*arguments)

    assert status == 2
    assert output == ""
    assert because in errors
    assert errors.count("\n") == 1


def test_a_bad_environment_variable_is_named():
    status, _, errors = fails("--host", "127.0.0.1", TOGETHER_RERANK_MOCK_MAX_BODY="many")

    assert status == 2
    assert "TOGETHER_RERANK_MOCK_MAX_BODY" in errors


def test_a_taken_port_is_said_and_not_shared():
    with running() as mock:
        status, _, errors = fails("--port", mock.port)

        assert status == 2
        assert f"cannot listen on 127.0.0.1:{mock.port}" in errors
        assert "--port 0" in errors
        assert errors.count("\n") == 1
        assert post(mock)[0] == 200


def test_ipv6_is_served_too():
    process = start("--host", "::1")
    with process:
        url = process.stdout.readline().removeprefix(READY).strip()
        connection = http.client.HTTPConnection("::1", int(url.rpartition(":")[2]), timeout=10)
        connection.request("GET", "/health")

        assert url.startswith("http://[::1]:")
        assert connection.getresponse().status == 200
        connection.close()
        process.terminate()
        assert process.wait(20) == 0


def test_the_command_is_where_the_tests_look_for_it():
    assert os.access(COMMAND, os.X_OK)
    assert "TOGETHER_API_KEY" not in environment()
