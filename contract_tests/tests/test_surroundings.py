"""The command with unusual endpoints and environments, interruptions, and closed or full output streams."""

import json
import signal
import subprocess
import time

import pytest

from broken import AppliesTopNBeforeRanking
from commanding import COMMAND, MODEL_AND_KEY, contract, environment, process, shell
from judging import PLAIN
from legitimate import Correct, Slow
from together_rerank_contract_tests.run.session import CALIBRATION, SAMPLES
from together_rerank_contract_tests.suite.requirements import Level

REQUESTS_OF_MUST_AND_SHOULD = (
    CALIBRATION + SAMPLES + sum(each.requests for each in PLAIN if each.level is not Level.INFO)
)


@pytest.mark.fuzz
def test_files_and_settings_of_the_user_are_ignored_and_no_files_are_left_behind(tmp_path):
    project, report = tmp_path / "project", tmp_path / "report.json"
    project.mkdir()
    for name in ("conftest.py", "sitecustomize.py", "pytest.py", "hooks.py"):
        (project / name).write_text("raise RuntimeError('a file of the project was imported')\n")
    (project / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (project / "schemathesis.toml").write_text("no-such-setting = 1\n")
    before = sorted(project.iterdir())
    with Correct() as server:
        options = ("--fuzz", "--max-requests", 320, "--json", report)
        variables = {"PYTEST_ADDOPTS": "--nope", "SCHEMATHESIS_HOOKS": "hooks"}
        ran = process(server.url, *MODEL_AND_KEY, *options, cwd=project, **variables)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert sorted(project.iterdir()) == before
    data = json.loads(report.read_text())
    assert data["fuzz"]["requests"] > 100
    assert data["spent"]["requests"] - data["fuzz"]["requests"] == REQUESTS_OF_MUST_AND_SHOULD + 3  # with null
    assert " a second" in ran.stdout


BREAKAGES = {
    "a check": (
        "import together_rerank_contract_tests.suite.tolerance as tolerance\n"
        "tolerance.find_difference = lambda *_: 1 / 0\n"
    ),
    "a module": "import sys\nsys.modules['together_rerank_contract_tests.suite.assertions'] = None\n",
    "a report": (
        "import together_rerank_contract_tests.report.report as report\nreport.build_report = lambda *_: 1 / 0\n"
    ),
}


@pytest.mark.served
@pytest.mark.parametrize("breakage", BREAKAGES)
def test_an_internal_error_is_not_reported_as_a_failure_of_the_endpoint(breakage, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(BREAKAGES[breakage])
    with Correct() as server:
        ran = process(server.url, *MODEL_AND_KEY, PYTHONPATH=str(tmp_path))

    assert ran.returncode == 70
    output = ran.stdout + ran.stderr
    assert "a fault of the kit itself; please report it" in output
    assert "Traceback (most recent call last)" not in output


@pytest.mark.served
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_reports_the_outcomes_so_far(number, tmp_path):
    with Slow() as server:
        command = [COMMAND, server.url, *MODEL_AND_KEY, "--json", tmp_path / "report.json"]
        with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
            shown = ""
            while shown.count(".") < 8:
                shown = shown[-20:] + process.stdout.read(1)
            process.send_signal(number)
            rest = process.stdout.read()

    assert process.returncode == 130
    assert rest.splitlines()[-1].startswith("interrupted -- ")
    counts = json.loads((tmp_path / "report.json").read_text())["counts"]
    assert counts["passed"] > 2
    assert counts["not run"] > 2


@pytest.mark.fuzz
def test_an_interruption_of_schemathesis_reports_the_failures_found_so_far():
    class Wrong(Correct):
        def answer(self, request):
            time.sleep(0.02)
            return {**super().answer(request), "object": "list"}

    with Wrong() as server:
        command = [COMMAND, server.url, *MODEL_AND_KEY, "--fuzz", "-k", "RR-FUZZ"]
        with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
            deadline = time.monotonic() + 120
            while next(server.counter) < 60:  # the first request and what Schemathesis sent
                assert time.monotonic() < deadline
                time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            rest = process.stdout.read()

    assert process.returncode == 130
    assert "FAILED        RR-FUZZ-004  MUST" in rest


class SendsALoneSurrogate(Correct):
    def serialise(self, body):
        return super().serialise(body).replace(b'"rerank"', b'"\\ud800"')


class SendsAHugeTokenCount(Correct):
    def usage(self, request, texts):
        return {"prompt_tokens": 10**400, "completion_tokens": 0, "total_tokens": 10**400}


class SendsAHugeScore(Correct):
    def result(self, index, score, request):
        return {**super().result(index, score, request), "relevance_score": 10**400}


class SendsHugeTexts(Correct):
    def document(self, index, request):
        return {"text": "x" * 300_000}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [SendsALoneSurrogate, SendsAHugeTokenCount, SendsAHugeScore, SendsHugeTexts])
def test_an_extreme_response_is_judged(kind):
    with kind() as server:
        ran = contract(server.url, *MODEL_AND_KEY)

    assert ran.returncode == (0 if kind is SendsAHugeTokenCount else 1), ran.stdout[-2_000:] + ran.stderr
    assert ran.stderr == ""
    assert len(ran.stdout) < 50_000


class Hangs(Correct):
    def answer(self, request):
        if next(self.calls) > 1:
            time.sleep(20)
        return super().answer(request)


@pytest.mark.slow
def test_no_more_requests_are_sent_after_three_timeouts():
    with Hangs() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "--timeout", "1")

    assert ran.returncode == 3
    assert "3 requests timed out, so no more are sent" in ran.stdout


def test_an_invalid_proxy_variable_is_reported_in_one_line():
    ran = contract("http://192.0.2.1", "--list", ALL_PROXY="socks9://127.0.0.1:9")

    assert ran.returncode == 2
    assert "cannot use the proxy or the certificates that the environment variables name" in ran.stderr
    assert ran.stderr.strip().count("\n") == 0


# Kinds of stdout: closed, full, its reader exits at once, its reader exits after one line.
UNREAD_STDOUT = {
    "closed": "{} >&-; echo $? >&2",
    "full": "{} > /dev/full; echo $? >&2",
    "reader exits": "{{ sleep 0.2; {}; echo $? >&2; }} | true",
    "reader exits after a line": "{{ {}; echo $? >&2; }} | head -1 > line",
}
COMMANDS = {
    "a run": ("URL --quick --json report.json", 0),
    "a run that fails": ("URL -k RR-RESULT-005 --json report.json", 1),
    "a list": ("URL --list", 0),
    "a drift": ("drift URL --only success/strings --json report.json", 0),
    "a recording": ("record URL --only success/strings --out kept", 0),
    "a help": ("--help", 0),
    "a version": ("--version", 0),
}
PAIRS = [(unread, name) for unread in ("full", "reader exits") for name in COMMANDS]


@pytest.mark.served
@pytest.mark.parametrize(
    ("unread", "name"), [*PAIRS, ("closed", "a run"), ("reader exits after a line", "a run that fails")]
)
def test_an_unread_stdout_does_not_change_the_exit_status_or_the_files(unread, name, tmp_path):
    """By default, Python's flush at exit prints an error and changes the status to 120."""
    arguments, status = COMMANDS[name]
    with AppliesTopNBeforeRanking() if status else Correct() as server:
        options = "" if name.startswith(("a help", "a version")) else " ".join(MODEL_AND_KEY)
        command = f"contract {arguments.replace('URL', server.url)} {options}"
        ran = shell(UNREAD_STDOUT[unread].format(command), cwd=tmp_path)

    assert ran.stderr == f"{status}\n"
    if "report.json" in arguments:
        assert json.loads((tmp_path / "report.json").read_text())["verdict"]["status"] == status
    if "kept" in arguments:
        assert (tmp_path / "kept/success/strings.json").is_file()


@pytest.mark.served
def test_an_unread_error_message_does_not_change_the_exit_status():
    ran = shell("contract localhost:8000 2> /dev/full; echo $?")

    assert ran.stdout == "2\n"


@pytest.mark.served
def test_a_pipe_for_a_report_stays_a_pipe(tmp_path):
    with Correct() as server:
        command = f"contract {server.url} {' '.join(MODEL_AND_KEY)} --quick --json pipe"
        ran = shell(f"mkfifo pipe; cat pipe > read & {command}; wait; test -p pipe", cwd=tmp_path)

    assert ran.returncode == 0
    assert json.loads((tmp_path / "read").read_text())["verdict"]["status"] == 0


class SendsASnowman(Correct):
    def answer(self, request):
        return {**super().answer(request), "object": "\u2603"}


@pytest.mark.served
def test_an_ascii_terminal_gets_escapes():
    with SendsASnowman() as server:
        ran = process(server.url, *MODEL_AND_KEY, PYTHONIOENCODING="ascii", LC_ALL="C")

    assert (ran.returncode, ran.stderr) == (1, "")
    assert '`object` is "\\u2603"' in ran.stdout
