"""The report as Markdown, for the summary of a CI run and for pages."""

from __future__ import annotations

from together_rerank_contract_tests.outcome import Outcome, State
from together_rerank_contract_tests.report import Report


def text(report: Report) -> str:
    """Return the report as Markdown."""
    examination = report.examination
    lines = [
        f"## {report.verdict}",
        "",
        f"- endpoint: `{examination.target.url}`, model `{examination.target.model}`",
        f"- dialect: {report.dialect}",
        *(f"  - {_inline(each)}" for each in report.deviations),
        f"- {report.spent}",
        *([f"- {_inline(report.reason)}"] if report.reason else []),
        *(f"- {_inline(remark)}" for remark in report.remarks),
        "",
        "| requirement | level | | |",
        "|---|---|---|---|",
        *(_cells(each) for each in report.outcomes),
    ]
    failed = [each for each in report.outcomes if each.unmet is not None]
    return examination.transport.mask.text(
        "\n".join([*lines, *(part for each in failed for part in _details(each))]) + "\n"
    )


def _cells(outcome: Outcome) -> str:
    requirement = outcome.requirement
    state = f"**{outcome.state}**" if outcome.state in (State.FAILED, State.ERROR) else str(outcome.state)
    said = f"{requirement.sentence} {outcome.reason}".strip()
    return f"| {requirement.id} | {requirement.level} | {state} | {_inline(said)} |"


def _details(outcome: Outcome) -> list[str]:
    if outcome.unmet is None:
        return []
    requirement, unmet = outcome.requirement, outcome.unmet
    return [
        "",
        f"### {requirement.id}: {requirement.sentence}",
        "",
        f"- expected: {_inline(unmet.expected)}",
        f"- received: {_inline(unmet.received)}",
        f"- source: {_inline(str(requirement.source))}",
        f"- why: {requirement.why}",
        "",
        *_fenced(unmet.exchange.curl),
    ]


def _fenced(code: str) -> list[str]:
    fence = "```"
    while fence in code:
        fence += "`"
    return [f"{fence}sh", code, fence]


def _inline(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
