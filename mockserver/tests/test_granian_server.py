"""Behaviour of granian alone: it has a worker process besides the main process."""

import multiprocessing
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from mock_process import running, start
from together_rerank_mockserver.server.granian_server import _follow_parent

pytestmark = pytest.mark.served


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def eventually(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.01)


def test_a_killed_worker_is_reported():
    with running("-q") as mock:
        (worker,) = Path(f"/proc/{mock.process.pid}/task/{mock.process.pid}/children").read_text().split()
        os.kill(int(worker), signal.SIGKILL)

        assert mock.process.wait(60) == 1
        mock.read_to_the_end()
    assert mock.lines == ["together-rerank-mock: the server process died\n"]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_both_processes_is_not_reported_as_a_crash(stop):
    with running("-q") as mock:
        (worker,) = Path(f"/proc/{mock.process.pid}/task/{mock.process.pid}/children").read_text().split()
        mock.process.send_signal(stop)
        os.kill(int(worker), stop)

        assert mock.process.wait(60) == 0
        mock.read_to_the_end()
    assert mock.lines == []


@pytest.mark.parametrize("attempt", range(4))
def test_a_worker_that_ends_by_a_stop_signal_is_not_reported_as_a_crash(attempt):
    with running("-q") as mock:
        time.sleep(0.05 * attempt)

        assert mock.stop(signal.SIGTERM) == 0
    assert mock.lines == []


def test_a_worker_that_missed_the_stop_signal_gets_it_again():
    context = multiprocessing.get_context("spawn")
    lifeline, held = context.Pipe(duplex=False)
    stop_requested = context.Event()
    worker = context.Process(target=_follow_parent, args=(lifeline, stop_requested))
    worker.start()
    held.close()

    worker.join(20)

    assert stop_requested.is_set()
    assert worker.exitcode == -signal.SIGTERM
    lifeline.close()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM] * 2)
def test_a_signal_to_the_process_group_stops_the_server(stop):
    process = start("-q", start_new_session=True)
    with process:
        process.stdout.readline()
        os.killpg(process.pid, stop)

        assert process.wait(30) == 0
        assert process.stderr.read() == ""


def test_a_killed_parent_leaves_no_worker_behind():
    with running() as mock:
        mock.process.kill()
        mock.process.wait(60)

        eventually(lambda: not listens(mock.port))
