"""A command opens standard streams that are closed."""

import subprocess
import sys

import pytest

SCRIPT = """
import os, socket
from together_rerank_spec.output import open_output
before = os.listdir("/proc/self/fd")
open_output()
first, second = socket.socketpair()
open(PATH, "w").write(f"{first.fileno()} {os.write(2, b'lost')} {len(os.listdir('/proc/self/fd')) - len(before)}")
"""


@pytest.mark.parametrize(("redirection", "opened"), [("", 0), ("2>&-", 1), ("<&-", 1), ("<&- >&- 2>&-", 3)])
def test_a_closed_stream_is_opened_on_the_null_device(redirection, opened, tmp_path):
    script = SCRIPT.replace("PATH", repr(str(tmp_path / "result")))

    subprocess.run(["bash", "-c", f'"$0" -c "$1" {redirection}', sys.executable, script], check=True, timeout=60)

    first, written, more = map(int, (tmp_path / "result").read_text().split())
    assert first > 2
    assert written == 4
    assert more == opened + 3  # the two sockets and the file
