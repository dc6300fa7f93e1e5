"""The benchmark: it rejects servers with errors, ends all processes, and its JSON, picture and page agree."""

import contextlib
import json
import os
import re
import shutil
import sys
import time
from copy import deepcopy
from pathlib import Path

import pytest
from granian import Granian

import bench
import flask_view
import load
import report
from servers import NoNumber, Running, Server, own
from snippets import ROOT
from terminals import on_terminal
from together_rerank_mockserver import __version__
from together_rerank_mockserver.server import granian_server

pytestmark = pytest.mark.slow

RESULTS = json.loads(report.JSON.read_text())
OUTPUT = "Running 1s test @ http://127.0.0.1:4010/v1/rerank\nBENCH\t2728\t1003441\t5283\t21001\t{errors}\t{broken}\n"


def test_the_output_of_wrk_is_read():
    assert load.read(OUTPUT.format(errors=0, broken=0)) == (2728, 1.003441, 5.283, 21.001)


@pytest.mark.parametrize(
    "output",
    {
        "one answer is an error": OUTPUT.format(errors=1, broken=0),
        "every answer is an error": OUTPUT.format(errors=2728, broken=0),
        "a connection breaks": OUTPUT.format(errors=0, broken=1),
        "nothing is answered": "BENCH\t0\t1003441\t0\t0\t0\t0\n",
        "wrk fails": "unable to connect to 127.0.0.1:4010 Connection refused\n",
    }.values(),
)
def test_invalid_output_of_wrk_has_no_result(output):
    with pytest.raises(NoNumber):
        load.read(output)


@pytest.fixture
def wrk(tmp_path, monkeypatch):
    """Install a fake wrk that reports 26 broken connections for 128; return a file that exists once it ran."""
    program, ran = tmp_path / "wrk", tmp_path / "ran"
    count = "broken=0; test $2 = -c128 && broken=26; echo BENCH 2728 1003441 5283 21001 0 $broken"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n{count}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return ran


STATUSES = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(int(statuses.pop(0)))
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = not statuses

_, *statuses, _, port = sys.argv
HTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
"""


def answering(*statuses):
    """Return a server that answers with *statuses*, and then closes the connection."""
    return Server("It", "1", "/", [sys.executable, "-c", STATUSES, *map(str, statuses)])


def test_a_server_that_answers_429_is_not_loaded(wrk):
    with Running(answering(429, 429)) as server, pytest.raises(NoNumber, match="answered 429, not 200"):
        load.warm(server, b"{}", connections=16, seconds=1, warm_up_s=1)

    assert not wrk.exists()


def test_a_cold_start_is_measured_to_the_last_of_its_answers():
    began = time.perf_counter()
    with Running(answering(200, 200)) as server:
        measured = load.cold(server, b"{}", answers=2)

        assert 0.01 < measured["seconds"] <= time.perf_counter() - began
        assert measured["cpu_s"] >= 0.01


@pytest.mark.parametrize(("last", "reason"), [((503,), "answered 503, not 200"), ((), "no answer after 2 answers")])
def test_a_cold_start_with_an_error_has_no_result(last, reason):
    with Running(answering(200, 200, *last)) as server, pytest.raises(NoNumber, match=reason):
        load.cold(server, b"{}", answers=3)


def test_a_server_that_ends_is_reported_with_its_message():
    ends = Server("ends", "1", "/", [sys.executable, "-c", "raise SystemExit('no such file')"])

    with Running(ends) as server, pytest.raises(NoNumber, match="ended with status 1: no such file"):
        load.cold(server, b"{}", answers=1)


# A server with a busy child process. Both ignore SIGTERM, and end after 20 s.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "child" in sys.argv:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        pass
else:
    subprocess.Popen([sys.executable, *sys.orig_argv[1:], "child"])
    time.sleep(20)
"""


def test_all_processes_of_a_server_are_measured_and_ended(monkeypatch):
    monkeypatch.setattr("servers._GRACE_S", 0.2)
    with Running(Server("It", "1", "/", [sys.executable, "-c", STUBBORN])) as server:
        while server.cpu_s() < 0.5:
            server.check()
        processes = server.processes()
        assert len(processes) == 2
        assert 5 < server.memory()["pss_mb"] < server.memory()["rss_mb"]

    assert [pid for pid in processes if runs(pid)] == []


def runs(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        # The file is empty for a zombie.
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""


def test_the_bare_flask_view_uses_the_server_settings_of_the_mock(monkeypatch):
    intervals = []
    monkeypatch.setattr(sys, "setswitchinterval", intervals.append)
    monkeypatch.setattr(os, "environ", {"HTTP_PROXY": "a header, to WSGI"})
    granian_server.set_up()
    flask_view.application(b"")
    assert len(set(intervals)) == 1
    assert os.environ == {}

    mocks, views = (
        {name: str(value) for name, value in vars(server).items() if " at 0x" not in str(value)}
        for server in (granian_server.granian("app", "127.0.0.1", 1), Granian("app", port=1, **flask_view.OPTIONS))
    )
    own = ("blocking_threads", "interface", "loop", "ssl_ctx", "websockets", "workers_kill_timeout")
    assert mocks == views | {name: mocks[name] for name in own}


def test_a_load_with_errors_has_a_reason_in_place_of_its_numbers(tmp_path, wrk):
    flask = {"flask": own(tmp_path)["flask"]}

    measured = bench.measure(flask, starts=2, rounds=2, seconds=1, answers=3)["flask"]["measured"]

    for body in bench.bodies():
        assert {len(values) for values in measured[f"{body}, 16 connections"].values()} == {2}
        assert "26 connections broke" in measured[f"{body}, 128 connections"]["refused"]
    assert [len(values) for values in (measured["cold"] | measured["memory"]).values()] == [2, 2, 2, 2]


def test_the_run_ends_if_the_mock_breaks_connections(tmp_path, wrk):
    with pytest.raises(NoNumber, match="26 connections broke"):
        bench.measure({"mock": own(tmp_path)["mock"]}, starts=0, rounds=1, seconds=1, answers=1)


MEASURE = """
import bench, pathlib, sys
flask = {"flask": bench.own(pathlib.Path(sys.argv[1]))["flask"]}
print(sorted(bench.measure(flask, starts=0, rounds=1, seconds=1, warm_up_s=0, answers=1)["flask"]["measured"]))
"""


def test_a_terminal_shows_what_is_measured(tmp_path, wrk):
    wrk.with_name("wrk").write_text(wrk.with_name("wrk").read_text().replace("touch", "sleep 0.5; touch"))
    path = os.pathsep.join(str(each) for each in sys.path if each)
    command = (sys.executable, "-c", MEASURE, tmp_path)
    ran = on_terminal(*command, env={**os.environ, "PYTHONPATH": path}, pipe_stdout=True)
    interrupted = on_terminal(*command, env={**os.environ, "PYTHONPATH": path}, interrupt_at=b"4 of 5")

    load_name = "bare Flask view, round 1 of 1, example, 128 connections"
    assert any(re.fullmatch(rf"\d s, about \d+ s left: 3 of 5 measurements, {load_name}", line) for line in ran.shown)
    assert ran.left == ""
    assert ran.stdout.startswith("['98 kB, 128 connections', ")
    assert interrupted.left.startswith("Traceback")
    assert interrupted.left.endswith("KeyboardInterrupt\n")


def test_the_results_are_complete_and_of_the_pinned_versions():
    locked = json.loads((ROOT / "requirements/peers/package-lock.json").read_text())["packages"]
    packages = {"prism": "@stoplight/prism-cli", "steady": "@stdy/cli", "aimock": "@copilotkit/aimock"}
    versions = {name: server["version"] for name, server in RESULTS["servers"].items()}

    assert list(versions) == ["mock", "flask", *packages]
    assert versions["mock"] == __version__
    assert {packages[name]: versions[name] for name in packages} == locked[""]["dependencies"]
    assert set(RESULTS["machine"]) == {"processor", "memory", "system"}
    assert "refused" not in str(RESULTS["servers"]["mock"])
    for server in RESULTS["servers"].values():
        for where, numbers in server["measured"].items():
            times = RESULTS["run"]["starts" if where == "cold" else "rounds"]
            assert "refused" in numbers or {len(values) for values in numbers.values()} == {times}


FILES = ("JSON", "PICTURE", "PAGE", "LOAD_PAGE")


@pytest.fixture
def texts(tmp_path, monkeypatch):
    """Copy the files of the report; return a function that reads the copies."""
    for name in FILES:
        copied = shutil.copy(getattr(report, name), tmp_path)
        monkeypatch.setattr(report, name, Path(copied))
    return lambda: [getattr(report, name).read_text() for name in FILES]


def test_the_picture_and_the_page_show_the_results(texts):
    before = texts()

    report.write(RESULTS)

    assert texts() == before
    assert f"]({report.PICTURE.name})" in report.PAGE.read_text()


def test_new_results_replace_the_shown_ones(texts):
    before, other = texts(), deepcopy(RESULTS) | {"date": "2001-02-03"}
    other["servers"]["prism"]["measured"]["98 kB, 16 connections"] = {"refused": "26 connections broke"}
    other["servers"]["mock"]["measured"]["example, 16 connections"]["cpu_us"] = [100, 250, 251]

    report.write(other)

    _, picture, page, load_page = texts()
    assert "2001-02-03" in picture
    assert ">-</text>" in picture
    assert "2001-02-03" in page
    assert "has no number for *98 kB, 16 connections*: 26 connections broke." in page
    assert "| example | 4,000 | 1 | 1 | 5 |" in load_page
    report.write(RESULTS)
    assert texts() == before
