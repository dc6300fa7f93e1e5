"""The report of an audit as Markdown, and as one HTML page that loads nothing and runs no script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from together_rerank_spec.html_page import render


def markdown(report: Mapping[str, Any]) -> str:
    """Return *report*, the JSON of a report, as Markdown."""
    lines = [f"# Rerank audit of {_cell(report['subject'])}: {_verdict(report)}", "", f"{_counts(report)}.", ""]
    lines += ["| case | what the mock does | outcome | what the pipeline did | answers |", "|---|---|---|---|---|"]
    for row in report["cases"]:
        outcome = f"**{row['outcome']}**" if row["fails"] else row["outcome"]
        outcome += f" (accepted: {row['accepted']})" if row["accepted"] else ""
        cells = (f"`{row['case']}`", row["fault"], outcome, row["did"], row["answers"])
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    if failing := [row for row in report["cases"] if row["fails"]]:
        lines += ["", "See a failure again:", ""]
        lines += [f"- `{row['case']}`: `{row['again']}`" for row in failing]
    if report["warnings"]:
        lines += ["", "Warnings:", "", *(f"- {_cell(warning)}" for warning in report["warnings"])]
    return "\n".join(lines) + "\n"


def html(report: Mapping[str, Any]) -> str:
    """Return *report*, the JSON of a report, as HTML."""
    rows = sorted(report["cases"], key=lambda row: not row["fails"])
    return render(
        __package__, "audit.html.j2", report=report, rows=rows, verdict=_verdict(report), counts=_counts(report)
    )


def _verdict(report: Mapping[str, Any]) -> str:
    count = report["failed"]
    return f"{count} failure{'' if count == 1 else 's'}" if count else "no failure"


def _counts(report: Mapping[str, Any]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in report["summary"].items())


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
