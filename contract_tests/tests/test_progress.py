"""The progress of a run, on a real terminal and elsewhere."""

import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from contextlib import redirect_stdout

import pytest

from broken import OneByDefault
from commanding import COMMAND, MODEL_AND_KEY, environment, process
from judging import PLAIN
from legitimate import Correct, Slow
from miniature import Refused
from together_rerank_contract_tests.cli import progress
from together_rerank_contract_tests.run.outcome import Outcome, State

pytestmark = pytest.mark.served
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


def on_terminal(*command, width=100, interrupt_at=None, **variables):
    """Run *command* on a new terminal; return the exit status, the raw output, and the text of the terminal."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environ = environment(**{"TERM": "xterm", **variables})
    environ.pop("COLUMNS", None)
    with subprocess.Popen([*map(str, command)], stdin=end, stdout=end, stderr=end, env=environ) as child:
        os.close(end)
        raw = b""
        while piece := _read(terminal):
            raw += piece
            if interrupt_at and interrupt_at in raw:
                child.send_signal(signal.SIGINT)
                interrupt_at = None
        os.close(terminal)
    text = raw.decode().replace("\r\n", "\n")
    return child.returncode, text, re.sub(r"\x1b\[[\d;]*m", "", text)


def _read(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:  # the command has closed its end
        return b""


def shown_at_the_end(text):
    """Return the lines that stay on the terminal: an erasure removes its line, or the one above after a move up."""
    text = re.sub(r"[^\n]*\n(\x1b\[\?25h)?\r\x1b\[1A\x1b\[2K", "", text)
    return [line.rpartition("\x1b[2K")[2] for line in text.split("\n")]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_line_shows_outcomes_requests_and_the_wait(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with redirect_stdout(Terminal()) as out:
        line = progress.for_stdout()
        line.begin("the endpoint\n")
        line.requests(3, 10)
        line.waiting(57.5, "429")
        line.outcome(Outcome(PLAIN[0], State.PASSED, ""))
        line.end()

    text = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", out.getvalue())
    assert "the endpoint\n" in text
    assert re.search(r"1 passed, 3 of about 10 requests, waiting 5[678] s \(429\)", text)  # a slow machine


def test_a_terminal_shows_outcomes_requests_and_the_time_left():
    with OneByDefault() as server:
        status, raw, text = on_terminal(COMMAND, server.url, *MODEL_AND_KEY, "--rate", "60/s")

    assert status == 0
    assert re.search(r"\d\d passed, 1 failed, \d+ of about \d+ requests", text)
    assert re.search(r" requests, \d s left", text)
    assert raw.index(HIDE_CURSOR) < raw.rindex(SHOW_CURSOR)
    lines = shown_at_the_end(text)
    assert f"endpoint  {server.url}/v1/rerank" in lines
    assert lines[-2].startswith("keeps every MUST; 1 SHOULD failed -- ")
    assert not any("..." in line or "of about" in line for line in lines)


@pytest.mark.parametrize("width", [40, 200])
def test_the_line_fits_the_terminal(width):
    with Correct() as server:
        _, _, text = on_terminal(COMMAND, server.url, *MODEL_AND_KEY, width=width)

    drawn = [line for line in re.split(r"[\r\n]|\x1b\[2K", text) if line.startswith(("━", "╸", "╺"))]
    assert len(drawn) > 1
    assert max(map(len, drawn)) <= width
    assert text.count("\x1b[1A") == 1  # one line up at the end; a line that wraps would go up each time


def test_an_interruption_removes_the_line_and_shows_the_cursor():
    with Slow() as server:
        status, raw, text = on_terminal(COMMAND, server.url, *MODEL_AND_KEY, interrupt_at=b"2 passed")

    assert status == 130
    assert raw.rindex(HIDE_CURSOR) < raw.rindex(SHOW_CURSOR)
    assert shown_at_the_end(text)[-2].startswith("interrupted -- ")


WAITS = """
import time
from together_rerank_contract_tests.cli import progress
line = progress.for_stdout()
line.waiting(2, "[429]")
time.sleep(1.3)
line.end()
"""


def test_a_wait_is_counted_down():
    _, _, text = on_terminal(sys.executable, "-c", WAITS)

    assert text.index("waiting 2 s ([429])") < text.index("waiting 1 s ([429])")


class RateLimited(Correct):
    """Answers the tenth request with a 429."""

    def reply(self, method, path, headers, content):
        if next(self.calls) == 10:
            return self.refusal(Refused(429, "slow down", Retry_After="2"))
        return super().reply(method, path, headers, content)


def test_a_wait_after_a_429_is_shown():
    with RateLimited() as server:
        status, _, text = on_terminal(COMMAND, server.url, *MODEL_AND_KEY)

    assert status == 0
    assert re.search(r" of about \d+ requests.*, waiting [23] s \(429\)", text)


def test_elsewhere_each_requirement_is_one_character():
    with OneByDefault() as server:
        ran = process(server.url, *MODEL_AND_KEY, FORCE_COLOR="1", TTY_COMPATIBLE="1")
        _, _, dumb = on_terminal(COMMAND, server.url, *MODEL_AND_KEY, TERM="dumb")

    for text in (ran.stdout, dumb):
        assert re.search(r"^[.]+F[.]+$", text, re.MULTILINE)
        assert "\x1b" not in text
        assert "of about" not in text
