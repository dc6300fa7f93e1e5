"""The real command as a process."""

import os
import subprocess
import sys
from pathlib import Path

from miniature import KEY, MODEL

COMMAND = Path(sys.executable).with_name("together-rerank-contract")
# What opens a miniature.
OPEN = ("--model", MODEL, "--api-key-env", "MINI_KEY")


def environment(**changes):
    """The environment without anything that speaks to the kit or to pytest, and with the key of the miniatures."""
    foreign = ("TOGETHER", "PYTEST", "HYPOTHESIS", "SCHEMATHESIS", "COV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "MINI_KEY": KEY, **changes}


def contract(*arguments, cwd=None, **changes):
    """Run the command to its end."""
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environment(**changes),
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
    )


def verdict(ran):
    """The last line."""
    return ran.stdout.splitlines()[-1] if ran.stdout else ran.stderr
