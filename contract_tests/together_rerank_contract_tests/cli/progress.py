"""Show the progress of a run: a line that changes on a terminal, else one character for each requirement."""

import sys

from together_rerank_contract_tests.cli import output
from together_rerank_contract_tests.run.outcome import Outcome
from together_rerank_contract_tests.run.progress import Progress


def for_stdout() -> Progress:
    """Return a line if stdout is a terminal that can change it, else marks."""
    if sys.stdout is None or not sys.stdout.isatty():
        return Marks()
    # Importing rich takes a tenth of a second.
    from rich.console import Console

    from together_rerank_contract_tests.cli.terminal import Line

    return Marks() if Console().is_dumb_terminal else Line()


class Marks(Progress):
    """Prints one character for each requirement."""

    def begin(self, text: str) -> None:
        output.show(text)

    def outcome(self, outcome: Outcome) -> None:
        output.show(outcome.mark)
