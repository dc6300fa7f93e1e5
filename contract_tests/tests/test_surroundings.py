"""The command among odd endpoints, odd surroundings, and people who want it to end."""

import json
import signal
import subprocess
import time

import pytest

from commanding import COMMAND, OPEN, contract, environment
from legitimate import Honest, Slow, Watched


def test_nothing_of_the_users_has_a_say_and_nothing_is_left_behind(tmp_path):
    for name in ("conftest.py", "sitecustomize.py", "pytest.py", "hooks.py"):
        (tmp_path / name).write_text("raise RuntimeError('a file of the project was imported')\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (tmp_path / "schemathesis.toml").write_text("no-such-setting = 1\n")
    before = sorted(tmp_path.iterdir())
    with Honest() as server:
        options = ("--fuzz", "--max-requests", 250)
        ran = contract(server.url, *OPEN, *options, cwd=tmp_path, PYTEST_ADDOPTS="--nope", SCHEMATHESIS_HOOKS="hooks")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert sorted(tmp_path.iterdir()) == before


BREAKAGES = {
    "a check": "from together_rerank_contract_tests import tolerance\ntolerance.unequal = lambda *_: 1 / 0\n",
    "a module": "import sys\nsys.modules['together_rerank_contract_tests.shape'] = None\n",
    "a report": "from together_rerank_contract_tests import report\nreport.of = lambda *_: 1 / 0\n",
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_fault_of_the_kit_is_not_told_as_the_endpoint_s(breakage, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(BREAKAGES[breakage])
    with Honest() as server:
        ran = contract(server.url, *OPEN, PYTHONPATH=str(tmp_path))

    assert ran.returncode == 70
    said = ran.stdout + ran.stderr
    assert "a fault of the kit itself; please report it" in said
    assert "Traceback (most recent call last)" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_reports_what_is_known(number, tmp_path):
    with Slow() as server:
        command = [COMMAND, server.url, *OPEN, "--json", tmp_path / "report.json"]
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


def test_an_interruption_of_schemathesis_keeps_what_it_found():
    class Wrong(Honest):
        slept = 0.02

        def answer(self, request):
            time.sleep(self.slept)
            return {**super().answer(request), "object": "list"}

    with Wrong() as server:
        command = [COMMAND, server.url, *OPEN, "--fuzz", "-k", "RR-FUZZ"]
        with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
            deadline = time.monotonic() + 60
            while next(server.counter) < 60:  # the first request and what Schemathesis sent
                assert time.monotonic() < deadline
                time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            rest = process.stdout.read()

    assert process.returncode == 130
    assert "FAILED        RR-FUZZ-004  MUST" in rest


class HasAnOddHeader(Watched):
    """In UTF-8, which no header should have; and it breaks on what it does not know."""

    def reply(self, method, path, headers, content):
        status, given, body = super().reply(method, path, headers, content)
        return (500 if status == 400 else status), {**given, "X-Name": "☃".encode().decode("latin-1")}, body


def test_an_odd_header_hides_no_fault():
    with HasAnOddHeader() as server:
        ran = contract(server.url, *OPEN, "--fuzz", "-k", "RR-FUZZ", "--max-requests", 200)

    assert (ran.returncode, ran.stderr) == (1, "")
    assert "FAILED        RR-FUZZ-001" in ran.stdout


class SaysHalfACharacter(Honest):
    def serialise(self, body):
        return super().serialise(body).replace(b'"rerank"', b'"\\ud800"')


class CountsBeyondReason(Honest):
    def usage(self, request, texts):
        return {"prompt_tokens": 10**400, "completion_tokens": 0, "total_tokens": 10**400}


class ScoresBeyondReason(Honest):
    def result(self, index, score, request):
        return {**super().result(index, score, request), "relevance_score": 10**400}


class SaysTooMuch(Honest):
    def document(self, index, request):
        return {"text": "x" * 300_000}


@pytest.mark.parametrize("kind", [SaysHalfACharacter, CountsBeyondReason, ScoresBeyondReason, SaysTooMuch])
def test_no_answer_is_too_odd_to_be_judged(kind):
    with kind() as server:
        ran = contract(server.url, *OPEN)

    assert ran.returncode == (0 if kind is CountsBeyondReason else 1), ran.stdout[-2_000:] + ran.stderr
    assert ran.stderr == ""
    assert len(ran.stdout) < 50_000


class Hangs(Honest):
    def answer(self, request):
        if next(self.calls) > 1:
            time.sleep(20)
        return super().answer(request)


def test_an_endpoint_that_does_not_answer_any_more_is_left_alone():
    began = time.monotonic()
    with Hangs() as server:
        ran = contract(server.url, *OPEN, "--timeout", "0.5")

    assert ran.returncode == 3
    assert "answers did not come in time, so no more were asked for" in ran.stdout
    assert time.monotonic() - began < 15


def test_what_the_environment_says_wrongly_is_told_in_a_line():
    ran = contract("http://192.0.2.1", "--list", ALL_PROXY="socks9://127.0.0.1:9")

    assert ran.returncode == 2
    assert "the environment's proxy or certificates cannot be used" in ran.stderr
    assert ran.stderr.strip().count("\n") == 0


@pytest.mark.parametrize("redirect", [">&-", "> /dev/full"])
def test_a_report_that_nobody_can_read_is_no_fault(redirect):
    with Honest() as server:
        line = f"{COMMAND} {server.url} {' '.join(OPEN)} --quick {redirect}"
        ran = subprocess.run(
            ["bash", "-c", line], env=environment(), check=False, capture_output=True, text=True, timeout=60
        )

    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_pipe_for_a_report_stays_a_pipe(tmp_path):
    with Honest() as server:
        command = f"{COMMAND} {server.url} {' '.join(OPEN)} --quick --json pipe"
        line = f"mkfifo pipe; cat pipe > read & {command}; wait; test -p pipe"
        ran = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=environment(), check=False, timeout=60)

    assert ran.returncode == 0
    assert json.loads((tmp_path / "read").read_text())["verdict"]["status"] == 0
