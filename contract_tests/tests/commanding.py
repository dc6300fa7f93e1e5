"""The command, as a process and in this one."""

import io
import os
import subprocess
import sys
from contextlib import chdir, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from miniature import KEY, MODEL
from together_rerank_contract_tests import cli

COMMAND = Path(sys.executable).with_name("together-rerank-contract")
# What opens a miniature.
OPEN = ("--model", MODEL, "--api-key-env", "MINI_KEY")


def environment(**changes):
    """The environment without anything that speaks to Python, to the kit or to pytest; with the miniatures' key."""
    foreign = ("TOGETHER", "PYTEST", "HYPOTHESIS", "SCHEMATHESIS", "COV", "PYTHONUNBUFFERED")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    # What Hypothesis computed of Unicode; Schemathesis would compute it again in each run.
    kept |= {name: os.environ[name] for name in ["HYPOTHESIS_STORAGE_DIRECTORY"] if name in os.environ}
    return {**kept, "MINI_KEY": KEY, **changes}


def contract(*arguments, cwd=None, **changes):
    """Run the command in this process, with the environment changed, to its end."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, environment(**changes), clear=True),
        chdir(cwd) if cwd else nullcontext(),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        status = cli.run([*map(str, arguments)])
    return SimpleNamespace(returncode=status, stdout=out.getvalue(), stderr=err.getvalue())


def process(*arguments, cwd=None, **changes):
    """Run the command as a process to its end: for what the shell, signals, streams and other programs do to it."""
    return _run([COMMAND, *map(str, arguments)], cwd, changes)


def shell(line, cwd=None, **changes):
    """Run *line*, in which `contract` is the command."""
    return _run(["bash", "-c", f'contract() {{ "{COMMAND}" "$@"; }}; {line}'], cwd, changes)


def _run(command, cwd, changes):
    environ = environment(**changes)
    return subprocess.run(command, cwd=cwd, env=environ, check=False, capture_output=True, text=True, timeout=180)


def verdict(ran):
    """The last line."""
    return ran.stdout.splitlines()[-1] if ran.stdout else ran.stderr
