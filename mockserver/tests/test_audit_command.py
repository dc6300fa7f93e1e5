"""The command `audit` runs a program as a pipeline, for each case once, and shows what it makes of the faults."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from command_runner import assert_refused, run
from mock_process import COMMAND, environment
from terminals import on_terminal

pytestmark = pytest.mark.served
# A program that passes on what the mock answers; `%s` is what it does with an error.
PROGRAM = """
import json, os, sys, urllib.request

given = json.load(sys.stdin)
body = {"model": "m", "query": given["query"], "documents": given["passages"], "top_n": given["top_n"]}
headers = {"Authorization": "Bearer " + os.environ["TOGETHER_API_KEY"], "Content-Type": "application/json"}
request = urllib.request.Request(os.environ["TOGETHER_BASE_URL"] + "/v1/rerank", json.dumps(body).encode(), headers)
try:
    answer = json.load(urllib.request.urlopen(request, timeout=2))
    found = [each["index"] for each in answer["results"]]
except OSError as error:
    %s
print(json.dumps(found))
"""
LOUD = "raise"
SILENT = "found = [0, 1, 2]"


def audit(tmp_path, *options, handler=LOUD, program=None, **variables):
    path = tmp_path / "search.py"
    path.write_text(PROGRAM % handler if program is None else program)
    return subprocess.run(
        [COMMAND, "audit", "--top-n", "3", *options, "--", sys.executable, "-S", "search.py"],
        cwd=tmp_path,
        env=environment(**variables),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def outcomes(tmp_path, *options, **arguments):
    ran = audit(tmp_path, "--report", "audit.json", *options, **arguments)
    assert ran.returncode in (0, 1), ran.stderr
    rows = json.loads((tmp_path / "audit.json").read_text())["cases"]
    return {row["case"]: row["outcome"] for row in rows}, ran


def cases(*names):
    return [part for name in names for part in ("--case", name)]


def test_a_loud_program_passes(tmp_path):
    found, ran = outcomes(tmp_path, *cases("ranking", "503", "results-missing"))

    assert found == {"ranking": "right", "503": "loud error", "results-missing": "crash"}
    assert ran.returncode == 0
    assert "urllib.error.HTTPError: HTTP Error 503" in ran.stdout
    assert ran.stdout.endswith("1 right, 1 loud error, 1 crash\n")


def test_a_silent_fallback_fails_and_its_line_shows_it_again(tmp_path):
    found, ran = outcomes(tmp_path, *cases("ranking", "503"), handler=SILENT)

    assert found == {"ranking": "right", "503": "silent fallback"}
    assert ran.returncode == 1
    (row,) = [each for each in json.loads((tmp_path / "audit.json").read_text())["cases"] if each["case"] == "503"]
    path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
    assert "--report" not in row["again"]
    again = subprocess.run(
        ["bash", "-c", row["again"]],
        cwd=tmp_path,
        env=environment(PATH=path),
        check=False,
        capture_output=True,
        text=True,
    )
    assert again.returncode == 1
    assert again.stdout.splitlines()[-1] == "1 silent fallback"


def test_a_program_declares_its_fallback_on_stderr(tmp_path):
    handler = f"print('unranked', file=sys.stderr); {SILENT}"

    assert outcomes(tmp_path, *cases("503"), handler=handler)[0] == {"503": "silent fallback"}
    declared, ran = outcomes(tmp_path, *cases("503"), "--fallback-log", "^unranked", handler=handler)
    assert declared == {"503": "declared fallback"}
    assert ran.returncode == 0


def test_a_program_declares_its_fallback_in_a_field(tmp_path):
    handler = "found = {'indexes': [0, 1, 2], 'degraded': True}"

    assert outcomes(tmp_path, *cases("503"), handler=handler)[0] == {"503": "silent fallback"}
    declared, _ = outcomes(tmp_path, *cases("503"), "--fallback-field", "degraded", handler=handler)
    assert declared == {"503": "declared fallback"}


def test_a_program_gets_the_passages_of_a_file(tmp_path):
    (tmp_path / "lines.txt").write_text("one llama\n\ntwo pandas\nthree bears\nfour suns\nfive moons\n")
    (tmp_path / "list.json").write_text(json.dumps(["one llama", "two pandas", "three bears", "four suns"]))

    for file in ("lines.txt", "list.json"):
        assert outcomes(tmp_path, "--passages", file, *cases("ranking"))[0] == {"ranking": "right"}


def test_an_accepted_failure_passes_with_its_reason(tmp_path):
    accepted = audit(tmp_path, *cases("503"), "--accept", "503=the search page shows a banner", handler=SILENT)
    stale = audit(tmp_path, *cases("503"), "--accept", "503=the search page shows a banner")

    assert accepted.returncode == 0
    assert "silent fallback (accepted)" in accepted.stdout
    assert "`accept` has `503`, which passes (loud error); remove it" in stale.stdout


@pytest.mark.parametrize(
    ("program", "outcome", "did"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crash", "exit status -11"),
        ("import sys; sys.exit('no key is set')", "loud error", "no key is set"),
        ("raise SystemExit(3)", "loud error", "exit status 3"),
        ("print('no JSON')", "loud error", "printed 'no JSON\\n', which is not JSON"),
        ("print(None['results'])", "crash", "TypeError: 'NoneType' object is not subscriptable"),
        ("print('[0, 1, 1]')", "wrong passages", "the index 1 twice"),
        ("print('[0, 1, 99]')", "wrong passages", "the index 99, of 8 passages"),
        ("print('[]')", "silent fallback", "no passages"),
        ("import time; time.sleep(60)", "hang", "still running after 1.0 s"),
    ],
)
def test_what_a_program_does_is_an_outcome(tmp_path, program, outcome, did):
    found, ran = outcomes(tmp_path, *cases("503"), "--patience", "1", program=program)

    assert found == {"503": outcome}
    assert did in ran.stdout


def test_a_program_that_never_calls_the_reranker_fails(tmp_path):
    found, ran = outcomes(tmp_path, *cases("ranking"), program="print('[0, 1, 2]')")

    assert found == {"ranking": "no effect"}
    assert ran.returncode == 1


def test_output_that_cannot_be_read_is_an_error_of_usage(tmp_path):
    ran = audit(tmp_path, *cases("ranking"), program="print('{\"hits\": 3}')")

    assert ran.returncode == 2
    assert ran.stderr.startswith(
        "together-rerank-mock: the command printed {'hits': 3}, not a JSON list of passages or indexes\n"
    )
    assert len(ran.stderr.splitlines()) == 1


def test_the_reports_of_one_run_agree(tmp_path):
    ran = audit(tmp_path, *cases("ranking", "503"), "--report", "a.md", "--report", "a.html", "--report", "a.json")

    assert ran.returncode == 0
    title = f"Rerank audit of {sys.executable} -S search.py: no failure"
    assert (tmp_path / "a.md").read_text().startswith(f"# {title}\n\n1 right, 1 loud error.")
    assert f"<title>{title}</title>" in (tmp_path / "a.html").read_text()
    assert json.loads((tmp_path / "a.json").read_text())["summary"] == {"right": 1, "loud error": 1}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--", "no-such-command"], "there is no command 'no-such-command'"),
        ([], "Missing argument 'COMMAND...'"),
        (["--case", "504x", "--", "true"], "there is no case '504x'; the nearest: 504"),
        (["--accept", "503", "--", "true"], "`accept` has no reason for '503'; say why the team lives with it"),
        (["--fallback-log", "(", "--", "true"], "'--fallback-log': '(' is not a regular expression"),
        (["--patience", "0", "--", "true"], "`patience` must be a number of seconds above 0, up to 600, not 0"),
        (["--query", " ", "--", "true"], "`query` must be a text"),
        (["--report", "audit.txt", "--", "true"], "the report can be written to a file that ends in .json, .md, .html"),
    ],
)
def test_invalid_arguments_are_refused(arguments, message):
    refused = run("audit", *arguments)

    assert refused.exit_code == 2
    assert message in refused.stderr


def test_a_file_without_enough_passages_is_refused(tmp_path):
    (tmp_path / "two.txt").write_text("one\ntwo\n")
    (tmp_path / "broken.json").write_text("[1")

    assert_refused(run("audit", "--passages", str(tmp_path / "two.txt"), "--", "true"), "at least 3 different texts")
    assert_refused(
        run("audit", "--passages", str(tmp_path / "broken.json"), "--", "true"), "must be a JSON list of texts"
    )


SLEEPS = (
    COMMAND,
    "audit",
    "--case",
    "503",
    "--patience",
    "1",
    "--",
    sys.executable,
    "-c",
    "import time; time.sleep(9)",
)


def test_a_terminal_shows_what_runs():
    ran = on_terminal(*SLEEPS, env=environment(), pipe_stdout=True)
    elsewhere = subprocess.run(SLEEPS, env=environment(), check=False, capture_output=True, text=True)
    interrupted = on_terminal(*SLEEPS, env=environment(), interrupt_at=b"running: 503")

    assert ran.shown[0] == "0 s: 0 of 1 cases, running: 503"
    assert ran.left == ""
    assert ran.status == elsewhere.returncode == 1
    assert re.sub(r"\d\.\d s", "", ran.stdout) == re.sub(r"\d\.\d s", "", elsewhere.stdout)
    assert elsewhere.stderr == ""
    assert (interrupted.status, interrupted.left) == (130, "")


def test_an_interrupt_ends_the_audit_and_its_programs(tmp_path):
    (tmp_path / "search.py").write_text("import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(60)\n")
    arguments = [COMMAND, "audit", "--case", "503", "--", sys.executable, "-S", "search.py"]
    with subprocess.Popen(arguments, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE) as process:
        pid = tmp_path / "pid"
        deadline = time.monotonic() + 20
        while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)

        assert process.wait(10) == 130
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)
