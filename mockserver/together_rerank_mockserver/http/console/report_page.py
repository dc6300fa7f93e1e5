"""The page that shows a report of the contract tests or of an audit, from its JSON file."""

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from flask import Response, request

from together_rerank_mockserver.api.errors import InvalidRequest
from together_rerank_mockserver.api.json_text import whole
from together_rerank_mockserver.http.console.context import PACKAGE, Console, parse
from together_rerank_spec import Validator, package_files

MAX_REPORT = 16 * 1024 * 1024
_ACCEPTED = "the JSON file of `together-rerank-contract --json` or of an audit, such as audit.json"
_TONES = {"passed": "good", "failed": "bad", "error": "bad"}


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement or case of a report."""

    state: str
    tone: str  # `good`, `bad` or `open`
    name: str
    sentence: str
    facts: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)  # longer ones


@dataclass(frozen=True, slots=True)
class Report:
    """A report as the page shows it; failures come first."""

    title: str
    tone: str
    facts: dict[str, str]
    groups: dict[str, list[Row]]  # by their state


def report(console: Console) -> Response:
    """Show the form, and the report that it has sent; nothing is stored."""
    shown, problem, name = None, None, ""
    if request.method == "POST":
        file = request.files.get("report")
        name = (file.filename if file else "") or "The file"
        try:
            shown = read(file.read() if file else b"")
        except InvalidRequest as error:
            problem = f"{name} cannot be shown: {error}. Choose {_ACCEPTED}."
    status = 400 if problem else 200
    return console.page("report.html.j2", status, report=shown, name=name, problem=problem, accepted=_ACCEPTED)


def read(content: bytes) -> Report:
    """Return the report in *content*, a JSON file; raise InvalidRequest if it is none."""
    data = parse(content, "it")
    kind = next((kind for kind in _READ if isinstance(data, dict) and kind in data), None)
    if kind is None:
        raise InvalidRequest(f"it has neither {' nor '.join(f'`{name}`' for name in _READ)}")
    if violations := _validator(kind).violations(data):
        place = violations[0].pointer or "the file"
        raise InvalidRequest(f"it is no report of this version: {place} {violations[0].message}")
    return _READ[kind](data)


@cache
def _validator(kind: str) -> Validator:
    return Validator(json.loads(package_files.content(PACKAGE, "reports.schema.json"))[kind])


def _judgement(data: dict[str, Any]) -> Report:
    """Return a report that the contract tests wrote."""
    verdict, spent = data["verdict"], data["spent"]
    rows = [_requirement(row, data.get("exchanges", [])) for row in data["requirements"]]
    facts = {
        "endpoint": data["endpoint"],
        "model": data["model"],
        "reason": verdict["reason"],
        "run": f"{spent['requests']} requests, {spent['seconds']:.1f} s, kit {data['kit']}",
        "notes": "; ".join([*data["remarks"], *data["notes"]]),
    }
    tone = "good" if verdict["status"] == 0 else "bad" if verdict["status"] in (1, 70) else "open"
    return Report(verdict["text"], tone, _filled(facts), _groups(rows))


def _requirement(row: dict[str, Any], exchanges: list[dict[str, Any]]) -> Row:
    finding, place = row["finding"] or {}, whole(row.get("exchange"))
    exchange = exchanges[place] if place is not None and place < len(exchanges) else {}
    facts = {
        "level": row["level"],
        "reason": row["reason"],
        "expected": finding.get("expected", ""),
        "received": finding.get("received", ""),
        "why": row["why"],
    }
    texts = {
        "curl": finding.get("curl", ""),
        "request": exchange.get("request", ""),
        "response": exchange.get("response", ""),
    }
    return Row(
        row["state"], _TONES.get(row["state"], "open"), row["id"], row["sentence"], _filled(facts), _filled(texts)
    )


def _audit(data: dict[str, Any]) -> Report:
    """Return a report that an audit wrote."""
    rows = [_case(row) for row in data["cases"]]
    title = f"{data['failed']} of {len(rows)} cases fail" if data["failed"] else "No case fails"
    facts = {"subject": data["subject"], "query": data["query"], "warnings": "; ".join(data["warnings"])}
    return Report(title, "bad" if data["failed"] else "good", _filled(facts), _groups(rows))


def _case(row: dict[str, Any]) -> Row:
    facts = {
        "the pipeline": row["did"],
        "answers": row["answers"],
        "time": f"{row['seconds']:.1f} s",
        "accepted": row["accepted"] or "",
        "findings": "; ".join(row["findings"]),
    }
    tone = (
        "bad" if row["fails"] else "open" if row["outcome"] == "crash" or row["accepted"] or row["findings"] else "good"
    )
    return Row(
        row["outcome"], tone, row["case"], row["fault"], _filled(facts), _filled({"run this case again": row["again"]})
    )


_READ = {"requirements": _judgement, "cases": _audit}


def _filled(facts: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in facts.items() if value}


def _groups(rows: list[Row]) -> dict[str, list[Row]]:
    """Return *rows* by their state: failures first, then what is neither good nor bad."""
    groups: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: ("bad", "open", "good").index(row.tone)):
        groups.setdefault(row.state, []).append(row)
    return groups
