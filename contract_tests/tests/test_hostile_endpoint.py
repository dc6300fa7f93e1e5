"""Nothing that an endpoint sends is a control character, markup or a command in a terminal or a report."""

import datetime as dt
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import markdown
import pytest
from markdown_it import MarkdownIt

from commanding import MODEL_AND_KEY, contract
from judging import PLAIN
from legitimate import Correct
from miniature import KEY, MODEL, Refused
from together_rerank_contract_tests.client.transport import Inconclusive
from together_rerank_contract_tests.report import html
from together_rerank_contract_tests.report import markdown as markdown_report
from together_rerank_contract_tests.report.report import Report, Verdict
from together_rerank_contract_tests.run.outcome import outcome_of
from together_rerank_contract_tests.run.session import ContractSession
from together_rerank_contract_tests.settings import Settings

pytestmark = pytest.mark.slow  # all tests together

LINK = "http://evil.example"
HOSTILE = (
    "evil\x1b[31m\x1b]0;evil\x07\x9b2J\x00\u202eevil\u2066 [evil](javascript:evil()) "
    f"![evil]({LINK}/i.png) <img src={LINK}/i.png onerror=evil()> <script src={LINK}/s.js>evil()</script> "
    f"<a href='{LINK}'>evil</a> <!-- --> ]]> </pre></details></style><h1>evil {LINK}/ <{LINK}/> www.evil.example "
    f"@evil #1 | ` `` ``` ```` [evil]: {LINK}\r\n\n# evil\n\n```\n\n::error::evil\u2028::error::evil ##[error]evil\n"
    f"{'::warning::evil ' * 40}"
)
IN_A_HEADER = "evil\x1b[31m\x9b2J ##[error]evil <img src=evil>"


class Hostile(Correct):
    """Sends the text in every place of the answer that a report shows."""

    def reply(self, method, path, headers, content):
        status, sent, body = super().reply(method, path, headers, content)
        return status, {**sent, "X-Evil": IN_A_HEADER}, body

    def check_model(self, model):
        if model != MODEL:
            raise Refused(503, HOSTILE)

    def validate(self, request):
        if not request["documents"]:
            raise Refused(200, HOSTILE)
        if isinstance(request["documents"][0], dict):
            raise Refused(400, HOSTILE)

    def answer(self, request):
        return {
            **super().answer(request),
            "id": HOSTILE,
            "object": HOSTILE,
            "model": HOSTILE,
            "usage": HOSTILE,
            HOSTILE: HOSTILE,
        }

    def document(self, index, request):
        return {"text": HOSTILE}

    def refusal(self, refused):
        return refused.status, {"Content-Type": IN_A_HEADER}, json.dumps({"error": str(refused), HOSTILE: 1}).encode()


class Unreachable(Hostile):
    """Never answers with a 200, so that the reason of the verdict has the text."""

    def reply(self, method, path, headers, content):
        return 302, {"Location": f"/{IN_A_HEADER[-22:]}"}, HOSTILE.encode()


class EncodesInVain(Hostile):
    def reply(self, method, path, headers, content):
        status, sent, body = super().reply(method, path, headers, content)
        return status, sent if b"rank_fields" not in content else {**sent, "Content-Encoding": IN_A_HEADER}, body


class EchoesTheKey(Hostile):
    """Sends the key in every place of the answer, too, also with escapes."""

    def reply(self, method, path, headers, content):
        status, sent, body = super().reply(method, path, headers, content)
        sent = {name: f"{value} {KEY}" for name, value in sent.items()}
        return status, {**sent, f"X-{KEY}": "1"}, body.replace(b"evil", f"evil {KEY} \\\\u0074{KEY[1:]}".encode(), 2)


@pytest.fixture(scope="module", params=[Hostile, Unreachable, EncodesInVain, EchoesTheKey])
def reports(request, tmp_path_factory):
    """Judge a hostile endpoint on GitHub; return the output and the text of each report."""
    folder = tmp_path_factory.mktemp("reports")
    forms = ("json", "junit", "markdown", "html", "badge")
    options = [part for form in forms for part in (f"--{form}", folder / form)]
    github = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(folder / "summary")}
    with request.param() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "--level", "info", *options, **github)
    assert ran.returncode in (1, 3)
    return {"stdout": ran.stdout, **{form: (folder / form).read_text() for form in (*forms, "summary")}}


@pytest.mark.parametrize("form", ["stdout", "json", "junit", "markdown", "html", "badge", "summary"])
def test_every_line_is_printable(form, reports):
    assert [line for line in reports[form].split("\n") if not line.isprintable()] == []


def test_the_text_of_the_endpoint_is_reported(reports):
    for form in ("stdout", "json", "junit", "markdown", "html"):
        assert reports[form].count("evil") > 2


@pytest.mark.parametrize("form", ["stdout", "json", "junit", "markdown", "html", "badge", "summary"])
def test_no_report_has_the_key(form, reports):
    assert KEY[1:] not in reports[form]


def test_every_workflow_command_is_an_annotation_of_a_failure(reports):
    lines = reports["stdout"].split("\n")
    commands = [line for line in lines if line.lstrip().startswith("::") or "##[" in line]
    failed = [row["id"] for row in json.loads(reports["json"])["requirements"] if row["state"] == "failed"]

    assert [
        re.match(r"::(?:error|warning) title=(RR-[A-Z]+-\d+) [^:,]*::expected ", line)[1] for line in commands
    ] == failed
    assert lines[-2].startswith(json.loads(reports["json"])["verdict"]["text"])


def test_every_string_of_the_json_report_is_printable(reports):
    def strings(value):
        if isinstance(value, dict | list):
            for each in value.values() if isinstance(value, dict) else value:
                yield from strings(each)
        if isinstance(value, str):
            yield value

    report = json.loads(reports["json"])
    lines = [line for each in strings(report.pop("exchanges")) for line in each.split("\n")]

    assert [each for each in [*strings(report), *lines] if not each.isprintable()] == []


@pytest.mark.parametrize("form", ["markdown", "summary"])
def test_markdown_has_the_text_of_the_endpoint_only_as_code(form, reports):
    parser = MarkdownIt("commonmark").enable("table")
    tokens = parser.parse(reports[form])
    tokens += [child for token in tokens for child in token.children or ()]
    kinds = {token.type for token in tokens}

    assert not kinds & {"html_block", "html_inline", "link_open", "image", "hr", "blockquote_open"}
    assert [token.content for token in tokens if token.type == "text" and "evil" in token.content] == []
    assert any("evil" in token.content for token in tokens if token.type == "code_inline")
    page = Tags(markdown.markdown(reports[form], extensions=["tables", "fenced_code"]))
    assert not set(page.tags) & {"a", "img", "script"}


class Tags(HTMLParser):
    """The tags of a page, and the addresses in their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.attributes = [], [], set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("href", "src", "action")]
        self.attributes |= {name for name, _ in attrs}


def test_html_has_no_tag_of_the_endpoint(reports):
    page = Tags(reports["html"])

    assert not set(page.tags) & {"img", "script", "link", "iframe", "form", "object", "base"}
    assert page.tags.count("h1") == page.tags.count("style") == 1
    assert [each for each in page.addresses if not re.fullmatch(r"#RR-[A-Z]+-\d+", each)] == []
    assert [name for name in page.attributes if name.startswith("on")] == []


def test_junit_is_xml_without_an_element_of_the_endpoint(reports):
    assert {each.tag for each in ET.fromstring(reports["junit"]).iter()} <= {
        *("testsuites", "testsuite", "testcase", "failure", "error", "skipped", "properties", "property")
    }


def test_a_reason_is_printable():
    outcome = outcome_of(PLAIN[0], Inconclusive("a message of a library\x1b\u202e"))

    assert outcome.reason == "a message of a library\\x1b\\u202e"


def test_the_reason_of_a_verdict_is_printable():
    session = ContractSession(Settings("http://127.0.0.1:1"))
    report = Report(session, [], Verdict.COULD_NOT_TELL, "a message of a library\x1b\u202e", [], dt.date.min)
    session.finish()

    for text in (report.as_text(), markdown_report.markdown(report), html.html(report), report.as_json()):
        assert all(line.isprintable() for line in text.split("\n"))
        assert "a message of a library" in text


def test_the_badge_has_only_the_verdict(reports):
    verdict = json.loads(reports["json"])["verdict"]["text"]

    assert json.loads(reports["badge"])["message"] == verdict
    assert "evil" not in reports["badge"]
