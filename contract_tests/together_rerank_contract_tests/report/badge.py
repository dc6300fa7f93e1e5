"""The verdict as the JSON of an endpoint badge by shields.io."""

import json

from together_rerank_contract_tests.report.report import Report, Verdict


def badge(report: Report) -> str:
    """Return the JSON that a URL must serve for https://img.shields.io/endpoint."""
    color = {Verdict.KEEPS: "brightgreen", Verdict.BREAKS: "red"}.get(report.verdict, "lightgrey")
    content = {
        "schemaVersion": 1,
        "label": "rerank contract",
        "message": report.verdict_text,
        "color": "yellow" if report.has_only_failed_should else color,
    }
    return json.dumps(content) + "\n"
