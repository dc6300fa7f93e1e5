"""How the benchmark measures: no number of a server that answered errors, and nothing left running."""

import contextlib
import os
import sys
import time
from pathlib import Path

import pytest

import load
import process
import rounds
import servers
from load import Call, WrongAnswer
from mock_process import running
from servers import Server

CALL = Call(b'{"model": "m", "query": "llama", "documents": ["panda", "llama"]}')
OUTPUT = """Running 1s test @ http://127.0.0.1:4010/v1/rerank
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     5.88ms    3.36ms  36.42ms   89.61%
  2728 requests in 1.00s, 2.66MB read
BENCH 2728 1003441 5283 21001 {errors} {broken}
"""


def test_what_wrk_counted_is_read():
    measured = load.read(OUTPUT.format(errors=0, broken=0))

    assert measured == load.Measured(requests=2728, seconds=1.003441, p50_ms=5.283, p99_ms=21.001)


@pytest.mark.parametrize(
    ("status", "output"),
    {
        "an answer was an error": (200, OUTPUT.format(errors=1, broken=0)),
        "every answer was an error": (200, OUTPUT.format(errors=2728, broken=0)),
        "a connection broke": (200, OUTPUT.format(errors=0, broken=1)),
        "nothing was answered": (200, "BENCH 0 1003441 0 0 0 0\n"),
        "wrk did not come to its end": (200, "unable to connect to 127.0.0.1:4010 Connection refused\n"),
        "an answer was no error where all are to be": (429, OUTPUT.format(errors=2727, broken=0)),
        "no answer was an error where all are to be": (429, OUTPUT.format(errors=0, broken=0)),
    }.values(),
)
def test_no_number_is_read_when(status, output):
    with pytest.raises(WrongAnswer):
        load.read(output, status)


def test_errors_are_read_where_each_answer_is_to_be_one():
    assert load.read(OUTPUT.format(errors=2728, broken=0), 429).requests == 2728


@pytest.fixture
def wrk(tmp_path, monkeypatch):
    """A wrk that only says that it counted no error, and leaves a file where it was run."""
    program, ran = tmp_path / "wrk", tmp_path / "ran"
    program.write_text(f"#!/bin/sh\ntouch {ran}\necho BENCH 2728 1003441 5283 21001 0 0\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return ran


def test_a_server_that_answers_429_is_refused_before_it_is_loaded(wrk):
    with running("-q", "--fault", "429") as mock, pytest.raises(WrongAnswer, match="answered 429, not 200"):
        load.run(f"{mock.url}/v1/rerank", CALL, connections=1, seconds=1)

    assert not wrk.exists()


@pytest.fixture
def breaking_wrk(wrk):
    """A wrk to whom 26 connections broke if there were 128."""
    broken = 'test "$2" = -c128 && broken=26\necho BENCH 2728 1003441 5283 21001 0 ${broken:-0}\n'
    wrk.with_name("wrk").write_text(f"#!/bin/sh\n{broken}")


def loads_of(kind):
    mock = servers.mock()
    return rounds.loads([Server("it", "It", kind, "1", mock.path, mock.command)], 2, 1)


def test_a_peer_that_breaks_connections_has_no_number_of_that_load(breaking_wrk):
    taken, memory = loads_of("peer")

    for row in (rounds.EXAMPLE, rounds.LARGE):
        assert taken["it"][row]["128"] == {"refused": "0 of 2728 answers were errors and 26 connections broke"}
        for connections in ("1", "16"):
            assert {what: len(values) for what, values in taken["it"][row][connections].items()} == {
                "rate": 2,
                "cpu_us": 2,
                "p50_ms": 2,
                "p99_ms": 2,
            }
    assert [len(values) for values in memory["it"].values()] == [2, 2]


@pytest.mark.parametrize("kind", ["kit", "floor"])
def test_the_run_ends_where_the_mock_or_its_server_breaks_connections(breaking_wrk, kind):
    with pytest.raises(WrongAnswer, match=r"It, example, 128 connections: .* 26 connections broke"):
        loads_of(kind)


def test_a_server_that_answers_429_at_the_end_is_refused_all_the_same(wrk):
    with running("-q") as mock:
        load.check(f"{mock.url}/__admin/faults", Call(b'{"fault": "ok", "then": {"fault": "429"}}'))

        with pytest.raises(WrongAnswer, match="answered 429, not 200"):
            load.run(f"{mock.url}/v1/rerank", CALL, connections=1, seconds=1)

    assert wrk.exists()


def test_a_server_that_gives_no_200_has_not_started():
    mock = servers.mock()
    refuses = Server("mock", "mock", "kit", "1", mock.path, lambda port: [*mock.command(port), "--fault", "429"])

    with pytest.raises(servers.NotStarted, match="answered 429, not 200"), servers.running(refuses, CALL, within_s=2):
        pytest.fail("it is said to run")


def test_a_start_is_measured_to_the_first_200():
    began = time.perf_counter()
    with servers.running(servers.mock(), CALL) as mock:
        most = (time.perf_counter() - began) * 1000

        assert load.check(mock.url, CALL)
        assert 5 < mock.start_ms <= most


def test_a_server_that_ends_says_why():
    ends = Server("ends", "ends", "peer", "1", "/", lambda _port: [sys.executable, "-c", "raise SystemExit('no jar')"])

    with pytest.raises(process.Died, match="ended with 1: no jar"), servers.running(ends, CALL):
        pytest.fail("it is said to run")


# Neither it nor its child, which is busy, ends when it is asked to; both do by themselves.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if sys.argv[1:]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        pass
else:
    subprocess.Popen([sys.executable, *sys.orig_argv[1:], "child"])
    time.sleep(20)
"""


@pytest.mark.parametrize("fault", [None, WrongAnswer])
def test_a_whole_tree_is_measured_and_ended(fault, monkeypatch):
    monkeypatch.setattr(process, "_GRACE_S", 0.2)
    expected = pytest.raises(fault) if fault else contextlib.nullcontext()
    with expected, process.started([sys.executable, "-c", STUBBORN]) as tree:
        while tree.cpu() < 0.5:
            tree.check()
        pids = tree.pids()
        assert len(pids) == 2
        assert 5 < tree.pss() < tree.rss()
        stopping = time.monotonic()
        if fault:
            raise fault

    assert time.monotonic() - stopping < 5
    assert [pid for pid in pids if runs(pid)] == []


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
