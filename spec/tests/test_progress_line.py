"""The line that shows the progress of a command, on a real terminal and elsewhere."""

import os
import re
import subprocess
import sys
from itertools import count
from threading import Event

import pytest

from terminals import on_terminal
from together_rerank_spec import progress_line
from together_rerank_spec.progress_line import ProgressLine

SCRIPT = """
import time
from together_rerank_spec.progress_line import ProgressLine
with ProgressLine(lambda: ("3 of 4 pandas \\u718a " + 9 * "and bears ", 0.75)):
    time.sleep(SECONDS)
print("done")
"""
LINE = r"[01] s, about 0 s left: 3 of 4 pandas \\u718a and bears .*"


def script(seconds):
    return sys.executable, "-c", SCRIPT.replace("SECONDS", str(seconds))


@pytest.mark.parametrize("width", [30, 80, 300])
def test_a_terminal_shows_a_line_that_fits_and_is_removed(width):
    ran = on_terminal(*script(0.7), env=os.environ, width=width)

    assert len(ran.shown) > 1
    assert re.fullmatch(LINE, ran.shown[-1]) or width == 30
    assert {len(line) for line in ran.shown} == {min(width - 1, 132)}
    assert ran.left == "done\n"


def test_a_short_command_shows_no_line():
    assert on_terminal(*script(0), env=os.environ).terminal == "done\n"


def test_a_terminal_that_cannot_change_a_line_shows_none():
    assert on_terminal(*script(0.5), env={**os.environ, "TERM": "dumb"}).terminal == "done\n"


def test_an_interruption_removes_the_line():
    ran = on_terminal(*script(30), env=os.environ, interrupt_at=b"pandas")

    assert ran.left.startswith("Traceback")
    assert "KeyboardInterrupt" in ran.left
    assert ran.terminal.count("pandas") == 1


def test_a_closed_stderr_is_ignored():
    ran = subprocess.run(["bash", "-c", '"$@" 2>&-', "-", *script(0.3)], capture_output=True, check=True)

    assert ran.stdout == b"done\n"


def test_without_a_terminal_each_interval_prints_a_line(monkeypatch, capsys):
    monkeypatch.setattr(progress_line, "_ELSEWHERE_S", 0.01)
    called = Event()
    names = count()

    def state():
        name = next(names)
        if name == 2:
            called.set()
        return f"step {name}", 0

    with ProgressLine(state):
        assert called.wait(20)

    assert capsys.readouterr().err.startswith("0 s: step 0\n0 s: step 1\n")


def test_without_a_terminal_a_short_command_prints_nothing(capfd):
    with ProgressLine(lambda: ("a", 0)):
        pass

    assert capfd.readouterr() == ("", "")
