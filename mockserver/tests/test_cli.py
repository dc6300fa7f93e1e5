"""The commands `wait`, `explain` and `faults`, the help, and the error messages."""

import contextlib
import json
import socket
import subprocess
import threading

import pytest

import together_rerank_fixtures as fixtures
from command_runner import assert_refused, run
from mock_process import COMMAND, environment, running
from terminals import on_terminal
from together_rerank_mockserver import MockServer, Settings
from together_rerank_mockserver.testing import environment as client_environment
from together_rerank_spec import load


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_lists_the_commands(flag):
    shown = run(flag)

    assert shown.exit_code == 0
    for command in ("serve", "wait", "env", "explain", "faults", "fixtures", "spec", "check", "completion"):
        assert f"  {command} " in shown.stdout


def test_help_is_shown_without_a_command():
    assert run().exit_code == 0
    assert run().stdout == run("--help").stdout


def test_the_version_is_printed():
    assert run("--version").stdout.startswith("together-rerank-mock 0.")


def test_an_unknown_command_is_rejected_in_one_line():
    assert_refused(run("sevre"), "together-rerank-mock: No such command 'sevre'.")


@pytest.mark.served
def test_wait_returns_when_the_mock_answers():
    with running("-q") as mock:
        assert run("wait", mock.url).exit_code == 0
        assert run("wait", f"{mock.url}/v1/").exit_code == 0


def test_wait_fails_after_its_timeout():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"

        waited = run("wait", url, "--timeout", "200ms")

    assert waited.exit_code == 1
    assert (
        waited.stderr == f"together-rerank-mock: no healthy mock at {url} within 0.2 s; the last error was: timed out\n"
    )


@pytest.mark.served
def test_wait_shows_on_a_terminal_that_it_waits():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        command = (COMMAND, "wait", f"http://127.0.0.1:{silent.getsockname()[1]}", "--timeout", "1")
        ran = on_terminal(*command, env=environment())
        interrupted = on_terminal(*command, env=environment(), interrupt_at=b"waiting")

    assert ran.shown[0] == "0 s: waiting at most 1 s for a healthy mock"
    assert ran.status == 1
    assert ran.left.startswith("together-rerank-mock: no healthy mock at ")
    assert (interrupted.status, interrupted.left) == (130, "")


@pytest.mark.slow
def test_wait_fails_after_its_timeout_although_an_answer_goes_on():
    is_over = threading.Event()

    def drip(server):
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            while not is_over.wait(0.1):
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = threading.Thread(target=drip, args=(server,), daemon=True)
        dripping.start()
        waited = run("wait", f"http://127.0.0.1:{server.getsockname()[1]}", "--timeout", "0.2")
        is_over.set()
        dripping.join()

    assert waited.exit_code == 1
    assert waited.stderr.endswith("within 0.2 s; the last answer did not end\n")


def answer_once(server, content):
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(content)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "the last answer was 502"),
        (b"220 mail.example ESMTP\r\n", "the last answer was not HTTP"),
        (b"", "the last error was: Remote end closed connection without response"),
    ],
)
def test_wait_prints_the_last_answer(content, why):
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer_once, args=(server, content), daemon=True).start()
        waited = run("wait", f"http://127.0.0.1:{server.getsockname()[1]}", "--timeout", "0")

    assert waited.stderr.endswith(f" within 0 s; {why}\n")


def test_wait_prints_why_it_cannot_connect():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert run("wait", f"http://127.0.0.1:{port}", "--timeout", "0").stderr.endswith("error was: Connection refused\n")


@pytest.mark.parametrize(
    ("url", "path"),
    [("", "/health"), ("/v1", "/health"), ("/rerank-mock/", "/rerank-mock/health"), ("/a/v1/?q=1", "/a/health")],
)
def test_wait_asks_below_the_path_of_the_url(url, path):
    with MockServer(Settings(base_path=path.removesuffix("/health"))) as mock:
        assert run("wait", f"http://127.0.0.1:{mock.port}{url}", "--timeout", "0").exit_code == 0


def test_wait_does_not_ask_at_the_root():
    with MockServer() as mock:
        waited = run("wait", f"{mock.url}/rerank-mock", "--timeout", "0")

    assert waited.stderr.endswith("; the last answer was 404\n")


INVALID_URLS = [
    "localhost:1",
    "ftp://localhost",
    "http://",
    "http://localhost:abc",
    "4010",
    "http://a b",
    "http://[::1",
    "http://localhost/\u00fc",
]


@pytest.mark.parametrize("command", ["wait", "env"])
@pytest.mark.parametrize("url", INVALID_URLS)
def test_an_invalid_url_is_rejected(url, command):
    assert_refused(run(command, url), "is not a URL like http://127.0.0.1:4010")


@pytest.mark.parametrize(
    ("keys", "variables", "key"),
    [
        ([], {}, "any-key"),
        (["--api-key", "one"], {"TOGETHER_RERANK_MOCK_API_KEY": "two"}, "one"),
        ([], {"TOGETHER_RERANK_MOCK_API_KEY": "two three"}, "two"),
    ],
)
def test_env_prints_the_variables_of_the_fixture(keys, variables, key):
    printed = run("env", "http://127.0.0.1:4010/v1", *keys, **variables).stdout.splitlines()

    assert dict(line.split("=") for line in printed) == client_environment.environment("http://127.0.0.1:4010", key)


def test_env_names_hosts_that_need_no_proxy():
    printed = run("env", "http://mock:4010", HTTP_PROXY="http://proxy:3128", NO_PROXY="intranet").stdout.splitlines()
    variables = dict(line.split("=") for line in printed)

    assert variables["NO_PROXY"] == variables["no_proxy"]
    assert {"intranet", "mock", "api.together.xyz"} < set(variables["NO_PROXY"].split(","))


def test_env_rejects_an_invalid_key():
    assert_refused(run("env", "http://127.0.0.1:4010", "--api-key", "a\nb"), "--api-key: must be printable ASCII")


@pytest.mark.slow
def test_a_terminated_wait_does_not_exit_with_status_zero():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        command = [COMMAND, "wait", f"http://127.0.0.1:{silent.getsockname()[1]}", "--timeout", "60"]
        with subprocess.Popen(command, env=environment()) as process:
            connection, _ = silent.accept()
            process.terminate()

            assert process.wait(30) != 0
            connection.close()


@pytest.mark.parametrize("timeout", ["nan", "inf", "-1", "30h"])
def test_wait_rejects_an_invalid_timeout(timeout):
    assert_refused(run("wait", "http://127.0.0.1:9", "--timeout", timeout), "--timeout")


REQUEST = {
    "model": "m",
    "query": "what animals live near peru",
    "documents": ["A bear.", "Peru: an animal, near!", "live near peru"],
}


def test_explain_prints_a_table_with_the_best_document_first():
    shown = run("explain", stdin=json.dumps(REQUEST).encode()).stdout.splitlines()

    assert shown[0].split() == ["index", "score", "words", "parts", "pairs", "document"]
    assert [line.split()[0] for line in shown[1:]] == ["2", "1", "0"]
    assert "live near peru" in shown[1]
    assert "live+near" in shown[1]
    assert "animals(ani,nim,ima,mal)" in shown[2]


def test_explain_as_json_matches_the_response(tmp_path):
    exchange = fixtures.get("success/document_example_scored")
    path = tmp_path / "request.json"
    path.write_bytes(exchange.request.content)

    rows = json.loads(run("explain", path, "--json").stdout)

    assert [(row["index"], row["score"]) for row in rows][:2] == [
        (result["index"], result["relevance_score"]) for result in exchange.response.body["results"]
    ]
    assert rows[0]["text"] == exchange.response.body["results"][0]["document"]["text"]
    assert set(rows[0]) == {"index", "score", "points", "whole", "parts", "adjacent", "in_order", "text"}


def test_explain_supports_rank_fields_and_huge_integers():
    request = b"""{"model": "m", "query": "a b", "rank_fields": ["t"],
        "documents": [{"t": "a", "n": 99999999999999999999999}, {"t": "b", "x": "a b"}]}"""

    rows = json.loads(run("explain", "--json", stdin=request).stdout)

    assert [row["whole"] for row in rows] == [["a"], ["b"]]
    assert "99999999999999999999999" in rows[0]["text"]


@pytest.mark.parametrize(
    ("stdin", "because"),
    [(b"", "no body"), (b"{", "not JSON"), (b'{"model":"m","query":"q"}', "`/documents` is missing")],
)
def test_explain_rejects_an_invalid_request(stdin, because):
    assert_refused(run("explain", stdin=stdin), because)


def test_explain_rejects_a_missing_file():
    assert_refused(run("explain", "missing.json"))


THREADED = {"hang", "reset", "empty", "empty-query-dropped"}


def test_faults_are_listed_as_a_table_and_as_json():
    table = run("faults").stdout.splitlines()
    listed = json.loads(run("faults", "--json").stdout)

    assert [line.split()[0] for line in table[1:]] == [fault["name"] for fault in listed]
    assert {fault["family"] for fault in listed} == {"none", "status", "wire", "body", "error", "request"}
    assert all(fault["sentence"] and fault["applies"] and "delay" in fault["parameters"] for fault in listed)
    assert {fault["name"] for fault in listed if fault["server"] == "threaded"} == THREADED
    assert {fault.get("breaks") for fault in listed if fault["family"] == "body"} == {"contract", "habit"}
    assert len({fault["name"] for fault in listed}) == len(listed)
    assert any("observed, not documented" in line for line in table if line.startswith("529"))


def test_whether_a_fault_is_documented_depends_on_the_document(tmp_path):
    content = json.loads(json.dumps(load().content))
    del content["paths"]["/rerank"]["post"]["responses"]["503"]
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(content))

    (fault,) = [each for each in json.loads(run("faults", "--spec", path, "--json").stdout) if each["name"] == "503"]

    assert fault["documented"] is False


def test_an_unknown_variable_prints_a_warning_with_the_nearest_name():
    warned = run("faults", "--json", TOGETHER_RERANK_MOCK_REDING="vendored", TOGETHER_RERANK_MOCK_READING="vendored")

    assert warned.exit_code == 0
    assert json.loads(warned.stdout)
    assert warned.stderr == (
        "together-rerank-mock: ignored the unknown environment variable TOGETHER_RERANK_MOCK_REDING; "
        "did you mean TOGETHER_RERANK_MOCK_READING?\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "status"),
    [("faults | head -1", 0), ("--help | true", 0), ("fixtures list >&-", 0), ("spec > /dev/full", 2)],
)
def test_a_closed_pipe_is_no_error_and_a_full_disk_is_reported(line, status):
    script = f'"$0" {line}; exit ${{PIPESTATUS[0]}}'

    ran = subprocess.run(
        ["bash", "-c", script, COMMAND], env=environment(), check=False, capture_output=True, text=True
    )

    assert ran.returncode == status
    assert ran.stderr == ("together-rerank-mock: cannot write to stdout: No space left on device\n" if status else "")
