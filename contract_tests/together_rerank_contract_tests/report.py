"""The result of an examination: the verdict with its exit status, and the report as JSON, JUnit XML and Markdown."""

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import version
from typing import Any
from xml.etree import ElementTree as ET

from together_rerank_contract_tests import PROGRAM, dialect, known
from together_rerank_contract_tests.examination import Examination
from together_rerank_contract_tests.known import Known
from together_rerank_contract_tests.outcome import Outcome, State, settled
from together_rerank_contract_tests.requirements import Level
from together_rerank_fixtures.redaction import Redactor

# Characters that XML 1.0 forbids.
_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Verdict(Enum):
    """How it ends: in words, and as an exit status."""

    KEEPS = ("keeps the contract", 0)
    BREAKS = ("does not keep the contract", 1)
    COULD_NOT_TELL = ("could not tell", 3)
    BUDGET_SPENT = ("budget spent before the end", 4)
    KIT_FAULT = ("a fault of the kit itself; please report it", 70)
    INTERRUPTED = ("interrupted", 130)

    @property
    def status(self) -> int:
        return int(self.value[1])

    def __str__(self) -> str:
        return str(self.value[0])


@dataclass(frozen=True)
class Report:
    """An examination that is over; who prints it masks what the endpoint may have echoed.

    Attributes:
        reason: why it ended before its end, "" when it did not.
        remarks: what is to be said of known deviations.
    """

    examination: Examination
    outcomes: list[Outcome]
    verdict: Verdict
    reason: str
    remarks: list[str]

    @property
    def mask(self) -> Redactor:
        return self.examination.transport.mask

    @property
    def line(self) -> str:
        counts = Counter(each.state for each in self.outcomes)
        failed = Counter(each.requirement.level for each in self.outcomes if each.state is State.FAILED)
        parts = [f"{failed[level]} {level} failed" for level in Level if failed[level]]
        parts += [f"{counts[state]} {state}" for state in State if state is not State.FAILED and counts[state]]
        skipped = [each.requirement.id for each in self.outcomes if each.state is State.SKIPPED]
        named = f" (skipped: {', '.join(skipped)})" if skipped else ""
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.verdict}{reason} -- {', '.join(parts) or 'nothing was judged'}{named}; {self.spent}"

    @property
    def spent(self) -> str:
        """Seed, requests, tokens and time, in words."""
        budget, settings = self.examination.transport.budget, self.examination.settings
        return f"seed {settings.seed}, {budget.in_words}"

    @property
    def data(self) -> dict[str, Any]:
        """The report in the form of `report.schema.json`, without the key."""
        examination = self.examination
        settings, budget, fuzz = examination.settings, examination.transport.budget, examination.fuzzing
        first, counts = examination.endpoint.first, Counter(each.state for each in self.outcomes)
        report = {
            "kit": version("together-rerank-kit"),
            "endpoint": examination.endpoint.url,
            "model": examination.endpoint.model,
            "reading": settings.reading,
            "level": settings.level,
            "seed": settings.seed,
            "verdict": {"text": str(self.verdict), "status": self.verdict.status, "reason": self.reason},
            "dialect": {
                "name": dialect.named(first) if first else "unknown",
                "deviations": dialect.deviations(first) if first and first.status == 200 else [],
            },
            "counts": {str(state): counts[state] for state in State},
            "spent": budget.data,
            "fuzz": {"requests": fuzz.requests, "seconds": round(fuzz.seconds, 3)} if fuzz.has_begun else None,
            "remarks": self.remarks,
            "requirements": [_row(each, settings.level) for each in self.outcomes],
        }
        masked: dict[str, Any] = self.mask.value(report)
        return masked

    def as_text(self) -> str:
        """Return the report for a terminal: the requirements that did not pass, and the verdict."""
        shown = [each for each in self.outcomes if each.state not in (State.PASSED, State.NOT_RUN)]
        rows = [each.row(self.mask) for each in shown]
        fuzz = self.examination.fuzzing
        if fuzz.has_begun and fuzz.seconds:
            speed = f"{fuzz.requests / fuzz.seconds:.0f} a second"
            rows.append(f"fuzz      {fuzz.requests} requests in {fuzz.seconds:.1f} s, {speed}")
        rows += [f"note      {remark}" for remark in self.remarks]
        return "\n\n".join([*rows, self.mask.text(self.line)])

    def as_json(self) -> str:
        return json.dumps(self.data, ensure_ascii=False, indent=2) + "\n"

    def as_junit(self) -> str:
        """Return the report as JUnit XML, with one testcase per requirement; it fails if the exit status is not 0."""
        suites = ET.Element("testsuites")
        seconds = self.examination.transport.budget.seconds
        suite = ET.SubElement(suites, "testsuite", name=PROGRAM, time=f"{seconds:.3f}")
        kinds = []
        for outcome in self.outcomes:
            requirement = outcome.requirement
            name = f"{requirement.id} {requirement.level} {requirement.sentence}"
            case = ET.SubElement(suite, "testcase", classname=f"rerank.{requirement.topic}", name=name)
            kind = _kind(outcome, self.examination.settings.level)
            kinds.append(kind)
            if kind:
                element = ET.SubElement(case, kind, message=self._clean(outcome.reason or str(outcome.unmet)))
                element.text = self._clean(outcome.row(self.mask))
        if self.verdict.status and not {"failure", "error"} & set(kinds):
            # No requirement fails, but the run is not a success either.
            case = ET.SubElement(suite, "testcase", classname="rerank", name="verdict")
            ET.SubElement(case, "error", message=self._clean(self.line))
            kinds.append("error")
        suite.set("tests", str(len(kinds)))
        for attribute, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            suite.set(attribute, str(kinds.count(kind)))
        properties = ET.SubElement(suite, "properties")
        for name, value in (("endpoint", self.examination.endpoint.url), ("verdict", self.line)):
            ET.SubElement(properties, "property", name=name, value=self._clean(value))
        ET.indent(suites)
        return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"

    def as_markdown(self) -> str:
        # Use the masked data: the key is not recognised once Markdown escapes are in it.
        data = self.data
        lines = [
            f"## {data['verdict']['text']}",
            "",
            f"- endpoint: `{data['endpoint']}`, model `{data['model']}`",
            f"- dialect: {data['dialect']['name']}",
            *(f"  - {_inline(each)}" for each in data["dialect"]["deviations"]),
            f"- {self.spent}",
            *([f"- {_inline(data['verdict']['reason'])}"] if data["verdict"]["reason"] else []),
            *(f"- {_inline(remark)}" for remark in data["remarks"]),
            "",
            "| requirement | level | | |",
            "|---|---|---|---|",
            *(_cells(row) for row in data["requirements"]),
            *(line for row in data["requirements"] if row["finding"] for line in _details(row)),
        ]
        return "\n".join(lines) + "\n"

    def _clean(self, text: str) -> str:
        return _FORBIDDEN.sub("\ufffd", self.mask.text(text))


def of(examination: Examination, deviations: Sequence[Known], today: dt.date) -> Report:
    outcomes = settled(known.apply(examination.outcomes, deviations, today))
    verdict = _verdict(outcomes, examination)
    remarks = known.remarks(outcomes, deviations, today)
    reason = examination.stopped if verdict in (Verdict.COULD_NOT_TELL, Verdict.BUDGET_SPENT) else ""
    return Report(examination, outcomes, verdict, reason, remarks)


def _verdict(outcomes: list[Outcome], examination: Examination) -> Verdict:
    states = {each.state for each in outcomes}
    if examination.interrupted:
        return Verdict.INTERRUPTED
    if any(each.fails(examination.settings.level) for each in outcomes):
        return Verdict.BREAKS
    if State.ERROR in states:
        return Verdict.KIT_FAULT
    if examination.transport.budget.spent:
        return Verdict.BUDGET_SPENT
    is_open = any(each.leaves_open for each in outcomes)
    if is_open or examination.stopped or not states & {State.PASSED, State.FAILED, State.KNOWN}:
        return Verdict.COULD_NOT_TELL
    return Verdict.KEEPS


def _row(outcome: Outcome, level: str) -> dict[str, Any]:
    requirement, unmet = outcome.requirement, outcome.unmet
    finding = unmet and {
        "sent": unmet.exchange.sent,
        "expected": unmet.expected,
        "received": unmet.received,
        "status": unmet.exchange.status,
        "times": unmet.times,
        "curl": unmet.exchange.curl,
    }
    return {
        "id": requirement.id,
        "level": str(requirement.level),
        "sentence": requirement.sentence,
        "source": {"kind": requirement.source.kind, "text": requirement.source.text},
        "why": requirement.why,
        "state": str(outcome.state),
        "counts": requirement.counts(level),
        "reason": outcome.reason,
        "finding": finding,
    }


def _kind(outcome: Outcome, level: str) -> str:
    """Return the JUnit element for *outcome*, "" if it passed."""
    if outcome.fails(level):
        return "failure"
    if outcome.state is State.ERROR or outcome.leaves_open:
        return "error"
    return "" if outcome.state in (State.PASSED, State.KNOWN) else "skipped"


def _cells(row: dict[str, Any]) -> str:
    state = f"**{row['state']}**" if row["state"] in ("failed", "error") else row["state"]
    said = f"{row['sentence']} {row['reason']}".strip()
    return f"| {row['id']} | {row['level']} | {state} | {_inline(said)} |"


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
