"""The report as JUnit's XML: one testcase a requirement, red where the exit status is."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from together_rerank_contract_tests.console import row
from together_rerank_contract_tests.examination import counts
from together_rerank_contract_tests.outcome import Outcome, State
from together_rerank_contract_tests.report import Report
from together_rerank_contract_tests.requirements import Level

# What XML 1.0 cannot hold.
_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(report: Report) -> str:
    """Return the report as XML."""
    suite = ET.Element("testsuite", name="together-rerank-contract", time=f"{report.seconds:.3f}")
    kinds = []
    for outcome in report.outcomes:
        topic = outcome.requirement.id.split("-")[1].lower()
        case = ET.SubElement(suite, "testcase", classname=f"rerank.{topic}", name=_clean(_name(outcome)))
        kind = _kind(outcome, report.examination.settings.level)
        kinds.append(kind)
        if kind:
            words = row(outcome, report.examination.transport.mask)
            message = report.examination.transport.mask.text(outcome.reason or str(outcome.unmet))
            element = ET.SubElement(case, kind, message=_clean(message))
            element.text = _clean(words)
    if report.verdict.status and not {"failure", "error"} & set(kinds):
        # Nothing of it is at fault, and yet it is no success.
        case = ET.SubElement(suite, "testcase", classname="rerank", name="verdict")
        ET.SubElement(case, "error", message=_clean(report.examination.transport.mask.text(report.line)))
        kinds.append("error")
    suite.set("tests", str(len(kinds)))
    for attribute, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(kinds.count(kind)))
    properties = ET.SubElement(suite, "properties")
    for name, value in (("endpoint", report.examination.endpoint.url), ("verdict", report.line)):
        ET.SubElement(properties, "property", name=name, value=_clean(report.examination.transport.mask.text(value)))
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _name(outcome: Outcome) -> str:
    return f"{outcome.requirement.id} {outcome.requirement.level} {outcome.requirement.sentence}"


def _kind(outcome: Outcome, level: str) -> str:
    match outcome.state:
        case State.PASSED | State.KNOWN:
            return ""
        case State.FAILED:
            return "failure" if counts(outcome.requirement, level) else "skipped"
        case State.ERROR:
            return "error"
        case State.INCONCLUSIVE | State.NOT_RUN if outcome.requirement.level is Level.MUST:
            return "error"
        case _:
            return "skipped"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
