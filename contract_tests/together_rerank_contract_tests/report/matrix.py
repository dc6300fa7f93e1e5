"""Several endpoints on one HTML page: a row for each requirement, and a column for each endpoint."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from together_rerank_contract_tests import PROGRAM
from together_rerank_contract_tests.report.exchanges import printable_lines
from together_rerank_contract_tests.report.report import printable_value
from together_rerank_contract_tests.run import session
from together_rerank_spec.html_page import render


@dataclass(frozen=True, slots=True)
class Column:
    """One endpoint of the page.

    Attributes:
        verdict: the `text`, `status` and `reason` of `report`, or why there is no report.
        report: the report in the form of `report.schema.json`; None if the endpoint could not be judged.
    """

    name: str
    url: str
    verdict: dict[str, Any]
    report: dict[str, Any] | None = None

    @property
    def counts(self) -> str:
        """How many requirements have each state, in the sequence of the report."""
        counts = Counter(map(_label, self.report["requirements"])) if self.report else {}
        return ", ".join(f"{number} {label}" for label, number in counts.items())

    @property
    def verdict_line(self) -> str:
        reason = f": {self.verdict['reason']}" if self.verdict["reason"] else ""
        counts = f" -- {self.counts}" if self.counts else ""
        return f"{self.verdict['text']}{reason}{counts}"


def matrix(columns: Sequence[Column]) -> str:
    """Return the page as HTML."""
    sentences = {each.id: each.sentence for each in session.tests()}
    shown = printable_value([_data(each) for each in columns], printable_lines)
    rows: dict[str, dict[str, Any]] = {}
    for id_, row in (cell for column in reversed(shown) for cell in column["cells"].items()):
        # Each API has its own words; if there are several, the row has those of Together's.
        is_other = id_ in rows and rows[id_]["sentence"] != row["sentence"]
        rows[id_] = {**row, "sentence": sentences.get(id_, row["sentence"])} if is_other else row
    topics: dict[str, list[dict[str, Any]]] = {each.topic: [] for each in session.tests()}
    for id_ in sorted(rows):
        topics.setdefault(id_.split("-")[1].lower(), []).append(rows[id_])
    return render(
        __package__,
        "matrix.html.j2",
        program=PROGRAM,
        columns=shown,
        topics={name: each for name, each in topics.items() if each},
    )


def _data(column: Column) -> dict[str, Any]:
    report = column.report or {"requirements": []}
    exchanges = dict(enumerate(report.get("exchanges", [])))
    return {
        "name": column.name,
        "url": column.url,
        "verdict": column.verdict,
        "counts": column.counts,
        "report": column.report,
        "cells": {
            row["id"]: {**row, "label": _label(row), "shown": exchanges.get(row.get("exchange"))}
            for row in report["requirements"]
        },
    }


def _label(row: dict[str, Any]) -> str:
    """Return the state of a requirement, and of a failed one also its level."""
    return f"failed {row['level']}" if row["state"] == "failed" else str(row["state"])
