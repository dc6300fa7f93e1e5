"""The report as one HTML page, with the exchanges of each requirement, that loads nothing and runs no script."""

from together_rerank_contract_tests import PROGRAM
from together_rerank_contract_tests.report.exchanges import Exchanges, exchanges_of
from together_rerank_contract_tests.report.report import Report
from together_rerank_spec.html_page import render


def html(report: Report) -> str:
    """Return *report* as HTML, without the key."""
    data, exchanges = report.data, Exchanges(report.mask)
    used = {each.requirement.id: [*map(exchanges.number, exchanges_of(each))] for each in report.outcomes}
    return render(
        __package__,
        "report.html.j2",
        program=PROGRAM,
        data=data,
        spent=report.spent,
        passed=not report.verdict.status and not report.has_only_failed_should,
        states=list(dict.fromkeys(row["state"] for row in data["requirements"])),
        exchanges={name: [exchanges.shown[number] for number in numbers] for name, numbers in used.items()},
    )
