"""The report as Markdown, for the summary of a CI run."""

import re
from collections.abc import Iterator
from typing import Any

from together_rerank_contract_tests.client.exchange import printable
from together_rerank_contract_tests.report.report import Report


def markdown(report: Report) -> str:
    """Return *report* as Markdown, without the key.

    Text from the endpoint is only in code, where links, images, HTML and mentions do not work, and not in the table,
    because a `|` would end a cell.
    """
    data = report.data
    lines = [
        f"## {data['verdict']['text']}",
        "",
        f"- endpoint: {_code(data['endpoint'])}" + (f", model {_code(data['model'])}" if data["model"] else ""),
        f"- dialect: {data['dialect']['name']}",
        *(f"  - {_code(each)}" for each in data["dialect"]["deviations"]),
        f"- {report.spent}",
        *([f"- {_code(data['verdict']['reason'])}"] if data["verdict"]["reason"] else []),
        *(f"- {_code(each)}" for each in (*data["remarks"], *data["notes"])),
        "",
        "| requirement | level | | |",
        "|---|---|---|---|",
        *(_cells(row) for row in data["requirements"]),
        *(line for row in data["requirements"] if row["finding"] for line in _details(row)),
        *_reasons(report),
    ]
    return "\n".join(lines) + "\n"


def _cells(row: dict[str, Any]) -> str:
    state = f"**{row['state']}**" if row["state"] in ("failed", "error") else row["state"]
    return f"| {row['id']} | {row['level']} | {state} | {_inline(row['sentence'])} |"


def _details(row: dict[str, Any]) -> Iterator[str]:
    finding, source = row["finding"], row["source"]
    kind = "" if source["kind"] == "document" else f"{source['kind']}: "
    yield from ("", f"### {row['id']}: {_inline(row['sentence'])}", "")
    if row["reason"]:
        yield f"- known: {_code(row['reason'])}"
    yield f"- expected: {_code(finding['expected'])}"
    yield f"- received: {_code(finding['received'])}"
    yield f"- source: {_inline(kind + source['text'])}"
    yield f"- why: {row['why']}"
    fence = _fence(finding["curl"], 3)
    yield from ("", f"{fence}sh", finding["curl"], fence)


def _reasons(report: Report) -> Iterator[str]:
    """Yield each reason why requirements were not judged, once."""
    groups = [group for group in report.groups if group[0].failure is None and group[0].reason]
    if groups:
        yield from ("", "### Not judged", "")
    for group in groups:
        ids = ", ".join(each.requirement.id for each in group)
        yield f"- {ids}: {group[0].state}, {_code(printable(report.mask.text(group[0].reason)))}"


def _code(text: str) -> str:
    """Return the line *text* as a code span."""
    fence = _fence(text, 1)
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"


def _fence(text: str, shortest: int) -> str:
    """Return more backticks than *text* has in a row."""
    return "`" * max(shortest, *(len(each) + 1 for each in re.findall("`+", text)), 0)


def _inline(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
