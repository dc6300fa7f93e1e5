"""The failures as workflow commands, which GitHub Actions shows as annotations of the run."""

from collections.abc import Iterator

from together_rerank_contract_tests.client.exchange import printable
from together_rerank_contract_tests.report.report import Report
from together_rerank_contract_tests.run.outcome import State

# What GitHub decodes in a message; in a property, also the characters that end it.
_IN_MESSAGE = str.maketrans({"%": "%25"})
_IN_PROPERTY = _IN_MESSAGE | str.maketrans({":": "%3A", ",": "%2C"})


def annotations(report: Report) -> str:
    """Return a line for each failure."""
    return "".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    for outcome in report.outcomes:
        if outcome.state is State.FAILED:
            requirement = outcome.requirement
            title = f"{requirement.id} {requirement.level} {requirement.sentence}".translate(_IN_PROPERTY)
            message = printable(report.mask.text(str(outcome.failure))).translate(_IN_MESSAGE)
            yield f"::error title={title}::{message}\n"
