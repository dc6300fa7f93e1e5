"""Run the command `together-rerank-contract` in this process, as a separate process, or in a shell."""

import io
import os
import subprocess
import sys
from contextlib import chdir, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from miniature import KEY, MODEL
from together_rerank_contract_tests.cli import command

COMMAND = Path(sys.executable).with_name("together-rerank-contract")
# Options with the model and the key of the miniatures.
MODEL_AND_KEY = ("--model", MODEL, "--api-key-env", "MINI_KEY")


def environment(**changes):
    """Return the environment without settings of Python, the kit or pytest, and with the key of the miniatures."""
    foreign = ("TOGETHER", "GITHUB", "PYTEST", "HYPOTHESIS", "SCHEMATHESIS", "COV", "PYTHONUNBUFFERED")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    # Share Hypothesis's cache of Unicode data; otherwise each run of Schemathesis computes it again.
    variables |= {name: os.environ[name] for name in ["HYPOTHESIS_STORAGE_DIRECTORY"] if name in os.environ}
    return {**variables, "MINI_KEY": KEY, **changes}


def contract(*arguments, cwd=None, **changes):
    """Run the command in this process, with environment variables *changes*."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, environment(**changes), clear=True),
        chdir(cwd) if cwd else nullcontext(),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        status = command.run([*map(str, arguments)])
    return SimpleNamespace(returncode=status, stdout=out.getvalue(), stderr=err.getvalue())


def process(*arguments, cwd=None, **changes):
    """Run the command as a process, for tests of signals, streams, the environment or other programs."""
    return _run([COMMAND, *map(str, arguments)], cwd, changes)


def shell(line, cwd=None, **changes):
    """Run the shell command *line*, in which `contract` is the command."""
    return _run(["bash", "-c", f'contract() {{ "{COMMAND}" "$@"; }}; {line}'], cwd, changes)


def _run(command, cwd, changes):
    environ = environment(**changes)
    return subprocess.run(command, cwd=cwd, env=environ, check=False, capture_output=True, text=True, timeout=180)


def verdict(ran):
    """Return the last line of the output, which states the verdict."""
    return ran.stdout.splitlines()[-1] if ran.stdout else ran.stderr
