"""The report as JUnit XML, one testcase for each requirement."""

import re
from xml.etree import ElementTree as ET

from together_rerank_contract_tests import PROGRAM
from together_rerank_contract_tests.report.report import Report
from together_rerank_contract_tests.run.outcome import Outcome, State

# Characters that XML 1.0 forbids.
_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> str:
    """Return the report as JUnit XML; it has a failure or an error exactly if the exit status is not 0."""
    suites = ET.Element("testsuites")
    seconds = report.session.transport.budget.seconds
    suite = ET.SubElement(suites, "testsuite", name=PROGRAM, time=f"{seconds:.3f}")
    kinds = []
    for outcome in report.outcomes:
        requirement = outcome.requirement
        name = f"{requirement.id} {requirement.level} {requirement.sentence}"
        case = ET.SubElement(suite, "testcase", classname=f"rerank.{requirement.topic}", name=name)
        kind = _kind(outcome, report.session.settings.level)
        kinds.append(kind)
        if kind:
            element = ET.SubElement(case, kind, message=_clean(report, outcome.reason or str(outcome.failure)))
            element.text = _clean(report, outcome.as_text(report.mask))
    if report.verdict.status and not {"failure", "error"} & set(kinds):
        # No requirement fails, but the exit status is not 0.
        case = ET.SubElement(suite, "testcase", classname="rerank", name="verdict")
        ET.SubElement(case, "error", message=_clean(report, report.verdict_line))
        kinds.append("error")
    suite.set("tests", str(len(kinds)))
    for attribute, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(kinds.count(kind)))
    properties = ET.SubElement(suite, "properties")
    for name, value in (("endpoint", report.session.endpoint.url), ("verdict", report.verdict_line)):
        ET.SubElement(properties, "property", name=name, value=_clean(report, value))
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _kind(outcome: Outcome, level: str) -> str:
    """Return the JUnit element for *outcome*, "" if it passed."""
    if outcome.fails(level):
        return "failure"
    if outcome.state is State.ERROR or outcome.is_undecided_must:
        return "error"
    return "" if outcome.state in (State.PASSED, State.KNOWN) else "skipped"


def _clean(report: Report, text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", report.mask.text(text))
