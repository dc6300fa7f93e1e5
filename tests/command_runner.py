"""The command `together-rerank-mock` in this process: quicker than a process where a test needs none."""

import os
import signal
import sys
from unittest import mock

from click.testing import CliRunner

from together_rerank_mockserver import cli


class _Command:
    """What click's runner invokes: the command with its one line for every refusal."""

    name = "together-rerank-mock"

    def main(self, args, prog_name):
        with mock.patch.object(sys, "argv", [prog_name, *args]):
            cli.main()


def run(*arguments, stdin=None, **changes):
    """The result of the command; its environment is ours without what speaks to the mock, and with *changes*."""
    without = dict.fromkeys((name for name in os.environ if name.startswith("TOGETHER")), None)
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        return CliRunner(env={**without, **changes}).invoke(_Command(), [str(each) for each in arguments], input=stdin)
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)


def assert_refused(result, because=""):
    """The command said in one line why it did nothing."""
    assert result.exit_code == 2
    assert result.stderr.startswith("together-rerank-mock: ")
    assert because in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
