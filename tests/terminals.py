"""Run a command on a new pseudo-terminal."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from contextlib import suppress
from dataclasses import dataclass

ERASE = "\r\x1b[2K"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did; *terminal* is all that it wrote to the terminal, *stdout* what it wrote to the pipe."""

    status: int
    terminal: str
    stdout: str

    @property
    def shown(self):
        """The contents of the line that changed, in sequence."""
        return re.findall(r"\r\x1b\[2K([^\r\n]+)(?=\r)", self.terminal)

    @property
    def left(self):
        """What stays on the terminal."""
        return "\n".join(line.rpartition(ERASE)[2] for line in self.terminal.split("\n"))


def on_terminal(*command, env, width=100, interrupt_at=None, pipe_stdout=False, cwd=None):
    """Run *command* on a terminal of *width* columns, and send SIGINT once it shows *interrupt_at*."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    env = {"TERM": "xterm"} | {name: value for name, value in env.items() if name != "COLUMNS"}
    out = subprocess.PIPE if pipe_stdout else end
    with subprocess.Popen([*map(str, command)], stdin=end, stdout=out, stderr=end, env=env, cwd=cwd) as child:
        os.close(end)
        raw = b""
        with suppress(OSError):  # the command has closed its end
            while piece := os.read(terminal, 65536):
                raw += piece
                if interrupt_at and interrupt_at in raw:
                    child.send_signal(signal.SIGINT)
                    interrupt_at = None
        os.close(terminal)
        stdout = child.stdout.read().decode() if pipe_stdout else ""
    return Ran(child.returncode, raw.decode().replace("\r\n", "\n"), stdout)
