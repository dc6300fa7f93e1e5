"""Run the command `together-rerank-mock` in this process, which is faster than a process of its own."""

import os
import signal
import sys
from unittest import mock

from click.testing import CliRunner

from together_rerank_mockserver.cli import command


class _Command:
    """An adapter that lets click's runner call `cli.main`, which prints errors in one line."""

    name = "together-rerank-mock"

    def main(self, args, prog_name):
        with mock.patch.object(sys, "argv", [prog_name, *args]):
            command.main()


def run(*arguments, stdin=None, **changes):
    """Run the command without the environment's TOGETHER... variables, and with *changes*; return the result."""
    without = dict.fromkeys((name for name in os.environ if name.startswith("TOGETHER")), None)
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        return CliRunner(env={**without, **changes}).invoke(_Command(), [str(each) for each in arguments], input=stdin)
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)


def assert_refused(result, because=""):
    """Assert that the command failed with status 2 and a one-line error that contains *because*."""
    assert result.exit_code == 2
    assert result.stderr.startswith("together-rerank-mock: ")
    assert because in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
