"""The options of `serve`, and the errors that prevent its start."""

import http.client
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import together_rerank_spec
from command_runner import assert_refused, run
from mock_process import BODY, COMMAND, KEY, READY, environment, post, running, server, start  # noqa: F401  # a fixture


@pytest.mark.served
def test_flags_can_be_set_by_the_environment():
    changes = {
        "API_KEY": "one two",
        "MODEL": "m",
        "MAX_BODY": "200",
        "READ_TIMEOUT": "9",
        "LOG_FORMAT": "text",
        "QUIET": "1",
        "READING": "vendored",
        "SERVER": "threaded",
        "DIALECT": "together",
        "REPLAY": "library",
        "FAULT": "bom",
        "SEED": "5",
        "LATENCY": "1",
        "LATENCY_PER_DOCUMENT": "0.5",
        "LATENCY_DISTRIBUTION": "uniform=0.5",
        "CAPACITY": "7",
        "MAX_DOCUMENTS": "20",
        "LIMIT_STATUS": "422",
        "RATE_LIMIT": "99/minute",
        "MAX_IN_FLIGHT": "9",
        "JOURNAL_MAX": "8",
        "ADMIN_TOKEN": "open-sesame",
        "CORS": "http://a.example http://b.example",
        "NO_ADMIN": "0",
        "WORKERS": "1",
        "BASE_PATH": "/",
    }
    with running(**{f"TOGETHER_RERANK_MOCK_{name}": value for name, value in changes.items()}) as mock:
        assert post(mock)[0] == 401
        assert post(mock, headers={**KEY, "Authorization": "Bearer two"})[0] == 200
        assert post(mock, headers={**KEY, "Authorization": "Bearer two"}, body=BODY.replace('"m"', '"x"'))[0] == 404
        assert post(mock, headers={**KEY, "Authorization": "Bearer two"}, body=BODY.ljust(201))[0] == 413
        settings = json.loads(get(mock, "/__admin/settings", "open-sesame"))
        assert get(mock, "/health", "")
        mock.stop(signal.SIGTERM)

    assert mock.lines == []
    assert settings == {
        "reading": "vendored",
        "spec": None,
        "overlay": None,
        "operation": None,
        "dialect": "together",
        "replay": "library",
        "api_keys": 2,
        "models": ["m"],
        "max_body": 200,
        "read_timeout_s": 9,
        "log_format": None,
        "fault": "bom",
        "chaos": [],
        "seed": 5,
        "latency_ms": 1,
        "latency_per_document_ms": 0.5,
        "latency_distribution": "uniform=0.5",
        "capacity": 7,
        "max_documents": 20,
        "max_document_chars": None,
        "max_tokens": None,
        "limit_status": 422,
        "rate_limit": "99/minute",
        "max_in_flight": 9,
        "journal_max": 8,
        "journal_body": 65536,
        "one_namespace": False,
        "admin_token": True,
        "no_admin": False,
        "workers": 1,
        "state": False,
        "cors": ["http://a.example", "http://b.example"],
        "host": "127.0.0.1",
        "base_path": "",
        "tls_cert": None,
        "tls_key": None,
    }


def get(mock, path, token):
    connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=10)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    assert response.status == 200
    return content


@pytest.mark.served
@pytest.mark.parametrize("flag", [["--fault", "reset"], ["--chaos", "reset=0.05"]])
def test_a_fault_that_the_server_cannot_produce_gives_a_warning_at_the_start(flag):
    with running("-q", *flag) as mock:
        mock.stop(signal.SIGTERM)
    with running("-q", "--server", "threaded", *flag) as supported:
        supported.stop(signal.SIGTERM)

    assert mock.lines == [
        "together-rerank-mock: calls get 501 instead of the fault `reset`, which needs --server threaded\n"
    ]
    assert supported.lines == []


@pytest.mark.served
def test_the_token_and_the_environment_of_the_process_are_never_shown():
    with running("--admin-token", "sesame-token", HTTP_PROXY="http://user:sesame@proxy", SESAME="sesame") as mock:
        assert post(mock)[0] == 200
        shown = get(mock, "/__admin/requests", "sesame-token") + get(mock, "/__admin/settings", "sesame-token")
        mock.stop(signal.SIGTERM)

    assert b"sesame" not in shown
    assert "sesame" not in "".join(mock.lines)


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        (["--port", "99999"], "99999 is not in the range 0<=x<=65535"),
        (["--prot", "1"], "No such option"),
        (["--reading", "lenient"], "'lenient' is not one of 'corrected', 'vendored'"),
        (["--max-body", "0"], "--max-body"),
        (["--api-key", ""], "Invalid value for --api-key: must be printable ASCII and not empty"),
        (["--api-key", "schl\u00fcssel"], "must be printable ASCII"),
        (["--model", ""], "Invalid value for --model: must be printable and not empty, not ''"),
        (["--model", "\udcff"], "must be printable and not empty, not '\\udcff'"),
        (
            ["--max-body", "10000000000000"],
            "--max-body: must be an integer from 1 to 1099511627776, not 10000000000000",
        ),
        (["--host", ".."], "'..' is not a host name"),
        (["--host", "x" * 70], "is not a host name"),
        (["--cors", "http://["], "must be an origin like http://localhost:3000, not 'http://['"),
        (["--ready-file", "/dev/null"], "cannot write /dev/null: it exists and is not a regular file"),
        (["--host", "256.1.1.1"], "cannot listen on 256.1.1.1:"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1:"),
        (["--spec", "missing.yaml"], "'missing.yaml' does not exist"),
        (["--overlay", "pyproject.toml"], "Invalid value for --overlay: applies to a document given as --spec only"),
        (
            ["--spec", "pyproject.toml", "--reading", "vendored"],
            "Invalid value for --reading: applies to the vendored document only",
        ),
        (["--spec", "pyproject.toml"], "pyproject.toml: "),
        (["--ready-file", "missing/ready"], "cannot write missing/ready: No such file"),
        (["extra"], "unexpected extra argument"),
        (["--server", "gunicorn"], "'gunicorn' is not one of 'granian', 'threaded'"),
        (
            ["--fault", "4290"],
            "Invalid value for --fault: must be a fault: there is no fault `4290`; the nearest: 429, ",
        ),
        (["--fault", "unsorted,retry_after=2"], "`retry_after` is not a parameter of `unsorted`; known: delay, jitter"),
        (["--fault", ""], "Invalid value for --fault: must be a fault: there is no fault"),
        (["--chaos", "429"], "'429' is not a fault with a probability from 0 to 1, such as 429=0.2"),
        (["--chaos", "429=0.7", "--chaos", "503=0.7"], "the probabilities add up to 1.4"),
        (["--seed", "lucky"], "'lucky' is not a valid integer"),
        (["--latency", "-1"], "Invalid value for --latency: must be an integer from 0 to 3600000, not -1"),
        (["--latency", "3601s"], "Invalid value for --latency: must be an integer from 0 to 3600000, not 3601000"),
        (["--latency", "2h"], "must be a number (milliseconds), or text such as 250ms or 2s, not '2h'"),
        (["--read-timeout", "soon"], "must be a number (seconds), or text such as 250ms or 2s, not 'soon'"),
        (["--rate-limit", "often"], "'often' is not a rate such as 60/minute, 5/second or 1000/hour"),
        (["--max-in-flight", "0"], "--max-in-flight: must be an integer of at least 1, not 0"),
        (["--journal-max", "-1"], "--journal-max: must be an integer of at least 0, not -1"),
        (["--admin-token", ""], "Invalid value for --admin-token: must be printable ASCII and not empty"),
        (["--no-admin", "--admin-token", "t"], "Invalid value for --no-admin: closes the control plane, which"),
        (["--base-path", "mock"], "Invalid value for --base-path: must be a path of letters, digits and -._~, such as"),
        (["--tls-cert", "pyproject.toml"], "Invalid value for --tls-cert: needs --tls-key, too"),
        (["--tls-key", "missing.key"], "'missing.key' does not exist"),
        (
            ["--tls-cert", "pyproject.toml", "--tls-key", "pyproject.toml"],
            "Invalid value for --tls-key: must be the key of pyproject.toml, both in PEM format",
        ),
        (
            ["--server", "threaded", "--tls-cert", "pyproject.toml", "--tls-key", "pyproject.toml"],
            "Invalid value for --tls-cert: needs the server granian; the threaded server has no TLS",
        ),
        (["--cors", "*"], "Invalid value for --cors: must be an origin like http://localhost:3000, not '*'"),
        (
            ["--cors", "http://localhost:3000/"],
            "must be an origin like http://localhost:3000, not 'http://localhost:3000/'",
        ),
    ],
)
def test_an_invalid_option_is_reported_in_one_line(arguments, because):
    assert_refused(run("serve", "--port", "0", *arguments), because)


@pytest.mark.served
def test_a_file_that_cannot_be_read_at_the_start_is_named(tmp_path):
    package = tmp_path / "together_rerank_spec"
    shutil.copytree(Path(together_rerank_spec.__file__).parent, package)
    (package / "openapi.yaml").unlink()
    found = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    command = [COMMAND, "serve", "--port", "0"]

    ran = subprocess.run(
        command, env=environment(PYTHONPATH=found), check=False, capture_output=True, text=True, timeout=60
    )

    message = f"together-rerank-mock: cannot read {package / 'openapi.yaml'}: No such file or directory\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", message)


def test_an_invalid_environment_variable_is_named():
    assert_refused(run("serve", TOGETHER_RERANK_MOCK_MAX_BODY="many"), "TOGETHER_RERANK_MOCK_MAX_BODY")


@pytest.mark.served
def test_a_port_in_use_is_an_error_and_not_shared(server):
    with running() as mock:
        refused = run("serve", "--server", server, "--port", mock.port)

        assert_refused(refused, f"cannot listen on 127.0.0.1:{mock.port}")
        assert "--port 0" in refused.stderr
        assert post(mock)[0] == 200


@pytest.mark.served
@pytest.mark.usefixtures("server")
def test_ipv6_is_served():
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


def test_the_command_is_installed_where_the_tests_expect_it():
    assert os.access(COMMAND, os.X_OK)
    assert "TOGETHER_API_KEY" not in environment()
