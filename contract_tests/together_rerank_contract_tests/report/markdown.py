"""The report as Markdown, for the summary of a CI run."""

from collections.abc import Iterator
from typing import Any

from together_rerank_contract_tests.report.report import Report


def markdown(report: Report) -> str:
    """Return *report* as Markdown, without the key."""
    # The data is masked already: the key could not be recognised among Markdown escapes.
    data = report.data
    lines = [
        f"## {data['verdict']['text']}",
        "",
        f"- endpoint: `{data['endpoint']}`, model `{data['model']}`",
        f"- dialect: {data['dialect']['name']}",
        *(f"  - {_inline(each)}" for each in data["dialect"]["deviations"]),
        f"- {report.spent}",
        *([f"- {_inline(data['verdict']['reason'])}"] if data["verdict"]["reason"] else []),
        *(f"- {_inline(remark)}" for remark in data["remarks"]),
        "",
        "| requirement | level | | |",
        "|---|---|---|---|",
        *(_cells(row) for row in data["requirements"]),
        *(line for row in data["requirements"] if row["finding"] for line in _details(row)),
    ]
    return "\n".join(lines) + "\n"


def _cells(row: dict[str, Any]) -> str:
    state = f"**{row['state']}**" if row["state"] in ("failed", "error") else row["state"]
    text = f"{row['sentence']} {row['reason']}".strip()
    return f"| {row['id']} | {row['level']} | {state} | {_inline(text)} |"


def _details(row: dict[str, Any]) -> Iterator[str]:
    finding, source = row["finding"], row["source"]
    kind = "" if source["kind"] == "document" else f"{source['kind']}: "
    yield from ("", f"### {row['id']}: {row['sentence']}", "")
    yield f"- expected: {_inline(finding['expected'])}"
    yield f"- received: {_inline(finding['received'])}"
    yield f"- source: {_inline(kind + source['text'])}"
    yield f"- why: {row['why']}"
    fence = "```"
    while fence in finding["curl"]:
        fence += "`"
    yield from ("", f"{fence}sh", finding["curl"], fence)


def _inline(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
