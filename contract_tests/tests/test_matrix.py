"""The command `matrix`, and its page in a real browser."""

import json
import re
import shutil
import sys

import pytest

from broken import AppliesTopNBeforeRanking, ScoresDependOnOtherFields
from browser import chromium, contrast, luminance, open_file  # noqa: F401  # fixtures
from commanding import MODEL_AND_KEY, contract
from legitimate import Correct, RecordsRequests
from miniature import KEY, MODEL
from test_compare import reports  # noqa: F401  # a fixture
from test_hostile_endpoint import HOSTILE, Tags
from together_rerank_contract_tests.cli import command

pytestmark = pytest.mark.slow  # all tests together

_CELL = re.compile(
    r'<td><a class="[^"]*" id="cell-(\d+)-(RR-[A-Z]+-\d+)" href="#\1-\2"><span [^>]*>.</span>([^<]*)</a></td>'
)
NO_SUCH_SERVER = "http://127.0.0.1:9"


@pytest.fixture
def page(tmp_path):
    return tmp_path / "matrix.html"


def table(name, url, *lines):
    return "\n".join(
        [f"[{json.dumps(name)}]", f'url = "{url}"', f'model = "{MODEL}"', 'api-key-env = "MINI_KEY"', *lines, ""]
    )


def cells(page, column):
    """Return the text of each cell of a column, which is a link to an article, by the id of its requirement."""
    text = page.read_text()
    assert text.count("<td><a ") == len(_CELL.findall(text)) == text.count("<article ")
    found = {id_: label for number, id_, label in _CELL.findall(text) if number == str(column)}
    assert [id_ for id_ in found if text.count(f' id="{column}-{id_}"') != 1] == []
    return found


def rows(page):
    return re.findall(r'<th scope="row"><b>(RR-\S+)</b>', page.read_text())


def changed(path, folder, **members):
    """Write a copy of a report with other *members* into *folder*; return its path."""
    report = json.loads(path.read_text()) | members
    copy = folder / f"{path.stem}-changed.json"
    copy.write_text(json.dumps(report))
    return copy


def test_a_page_of_two_reports_has_a_cell_for_each_requirement(reports, page):
    ran = contract("matrix", *reports, "--html", page)

    assert (ran.returncode, ran.stderr) == (1, "")
    good, bad = (re.sub(" +", " ", line) for line in ran.stdout.splitlines())
    assert good == "good keeps the contract -- 70 passed"
    assert bad == "bad does not keep the contract -- 2 failed MUST, 1 failed SHOULD, 67 passed"
    ids = [row["id"] for row in json.loads(reports[0].read_text())["requirements"]]
    assert sorted(rows(page)) == sorted(cells(page, 1)) == sorted(cells(page, 2)) == sorted(ids)
    assert {*cells(page, 1).values()} == {"passed"}
    failed = {id_: label for id_, label in cells(page, 2).items() if label != "passed"}
    assert failed == {"RR-RESULT-005": "failed MUST", "RR-LIST-002": "failed MUST", "RR-USAGE-003": "failed SHOULD"}
    text = page.read_text()
    assert re.findall(r'class="topic"[^>]*>.*<span>(\w+)</span>', text)[:3] == ["response", "request", "result"]
    assert f"<p>{json.loads(reports[0].read_text())['endpoint']}</p>\n<p>model {MODEL}</p>" in text
    article = text.partition('id="2-RR-RESULT-005"')[2].partition("</article>")[0]
    for part in ("<dt>expected</dt>", "<dt>received</dt>", "<dt>why</dt>", "<pre>curl -sS -i ", "<pre>HTTP 200\n"):
        assert part in article


def test_endpoints_are_judged_with_the_options_of_their_tables(reports, page, tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit('a module of the current folder')")
    with Correct() as good, ScoresDependOnOtherFields() as other:
        endpoints = tmp_path / "endpoints.toml"
        options = ("quick = true", "max-requests = 15", "timeout = 9.5", "fuzz = false", "header = ['A=1', 'B=2']")
        endpoints.write_text(table("vendor a", good.url, *options) + table("vendor-b", other.url, 'level = "should"'))
        sources = (endpoints, f"{good.url}/v1/rerank?version=hidden-value", reports[1])
        ran = contract("matrix", *sources, *MODEL_AND_KEY, "--html", page, "--keep", tmp_path / "kept", cwd=tmp_path)
        host = good.url.partition("://")[2]

    assert (ran.returncode, ran.stderr) == (1, "")
    lines = [re.sub("  +", "  ", line) for line in ran.stdout.splitlines()]
    assert lines == [
        "vendor a  keeps what --quick judges -- 22 passed",
        "vendor-b  does not keep the contract -- 1 failed SHOULD, 69 passed",
        f"{host}/v1/rerank  could not tell: {lines[2].partition('could not tell: ')[2]}",
        "bad  does not keep the contract -- 2 failed MUST, 1 failed SHOULD, 67 passed",
    ]
    assert len(cells(page, 1)) == 22
    assert len(rows(page)) == len(cells(page, 2)) == 70
    assert "hidden-value" not in page.read_text() + ran.stdout
    assert KEY not in page.read_text() + ran.stdout

    kept = [tmp_path / "kept" / name for name in ("vendor-a.json", "vendor-b.json")]
    assert sorted(each.name for each in (tmp_path / "kept").iterdir()) == sorted(
        ["vendor-a.json", "vendor-b.json", f"{host.replace(':', '-')}-v1-rerank.json"]
    )
    again = tmp_path / "again.html"
    assert contract("matrix", *kept, "--html", again).returncode == 1
    assert [cells(again, number) for number in (1, 2)] == [cells(page, number) for number in (1, 2)]


def test_a_url_without_a_table_is_judged_with_the_model_and_the_key_of_the_command(page):
    with Correct() as server:
        ran = contract("matrix", server.url, *MODEL_AND_KEY, "--html", page)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert {*cells(page, 1).values()} == {"passed"}


def test_an_endpoint_that_cannot_be_judged_has_a_column_with_the_reason(reports, page, tmp_path):
    (tmp_path / "endpoints.toml").write_text(
        table("nobody", NO_SUCH_SERVER, "quick = true") + f'[unset]\nurl = "{NO_SUCH_SERVER}"\napi-key-env = "UNSET"'
    )
    sources = (tmp_path / "endpoints.toml", reports[0])
    ran = contract("matrix", *sources, "--html", page, "--keep", tmp_path)
    failing = contract("matrix", *sources, reports[1], "--html", page)

    assert (ran.returncode, failing.returncode) == (3, 1)
    assert "nobody  could not tell: no complete response from " in ran.stdout
    assert "unset   could not be judged: the environment variable UNSET is not set or empty; it must" in ran.stdout
    assert {*cells(page, 1).values()} == {"not run"}
    assert cells(page, 2) == {}
    assert f"<p>{NO_SUCH_SERVER}</p>\n<p>the environment variable UNSET is not set" in page.read_text()
    assert not (tmp_path / "unset.json").exists()


def test_a_process_that_ends_without_a_message_is_reported_with_its_status(page, monkeypatch):
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    ran = contract("matrix", NO_SUCH_SERVER, "--html", page)

    assert (ran.returncode, ran.stdout) == (3, "127.0.0.1:9  could not be judged: exit status 1\n")


def test_columns_with_the_same_name_are_told_apart(reports, page, tmp_path):
    (tmp_path / "a.toml").write_text(table("a b", NO_SUCH_SERVER) + table("a-b", NO_SUCH_SERVER))
    ran = contract("matrix", tmp_path / "a.toml", reports[0], reports[0], "--html", page, "--keep", tmp_path)

    assert re.findall(r"<b>(\S[^<]*)</b><br>\n<span class=\"verdict", page.read_text()) == [
        *("a b", "a-b", "good", "good (2)")
    ]
    assert len(ran.stdout.splitlines()) == 4
    assert sorted(each.name for each in tmp_path.glob("*.json")) == ["a-b (2).json", "a-b.json"]


def test_a_report_without_exchanges_and_date_is_shown_without_them(reports, page, tmp_path):
    report = json.loads(reports[1].read_text())
    requirements = report["requirements"]
    del report["exchanges"], report["date"]
    for row in requirements:
        del row["exchange"]
    (tmp_path / "old.json").write_text(json.dumps(report))
    ran = contract("matrix", tmp_path / "old.json", "--html", page)

    assert (ran.returncode, ran.stderr) == (1, "")
    assert page.read_text().count("The report has no exchange for it.") == len(requirements)
    assert "<dt>expected</dt>" in page.read_text()


@pytest.mark.parametrize(
    ("state", "level", "label"),
    [
        *((each, "MUST", each) for each in ("known", "inconclusive", "skipped", "not run", "error")),
        ("failed", "INFO", "failed INFO"),
    ],
)
def test_a_cell_names_the_state(state, level, label, reports, page, tmp_path):
    row = json.loads(reports[0].read_text())["requirements"][0]
    row |= {"state": state, "level": level, "reason": "the reason"}
    contract("matrix", changed(reports[0], tmp_path, requirements=[row]), "--html", page)

    assert [*cells(page, 1).values()] == [label]
    assert '<p class="quiet">the reason</p>' in page.read_text()


def test_a_requirement_of_another_version_has_a_row_and_its_number_needs_no_exchange(reports, page, tmp_path):
    requirements = json.loads(reports[0].read_text())["requirements"]
    other = requirements[0] | {"id": "RR-AAA-001", "exchange": 999}
    ran = contract("matrix", changed(reports[0], tmp_path, requirements=[other]), *reports, "--html", page)

    assert (ran.returncode, ran.stderr) == (1, "")
    assert rows(page)[-1] == "RR-AAA-001"
    assert cells(page, 1) == {"RR-AAA-001": "passed"}
    assert page.read_text().count("<td></td>") == 2 + 70


def replaced(value, keep=()):
    """Return the JSON value *value* with other texts, except where only some are valid."""
    if isinstance(value, dict):
        return {key: each if key in keep else replaced(each, keep) for key, each in value.items()}
    if isinstance(value, list):
        return [replaced(each, keep) for each in value]
    return HOSTILE if isinstance(value, str) else value


@pytest.fixture(scope="module")
def hostile_page(reports, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    fixed = ("id", "level", "state", "kind", "counts", "reading", "date")
    report = changed(reports[1], folder, **replaced(json.loads(reports[1].read_text()), fixed))
    name = "<script>evil()</script>\x1b\u202e"
    (folder / "hostile.toml").write_text(table(name, NO_SUCH_SERVER, "quick = true"))
    ran = contract("matrix", report, folder / "hostile.toml", "--html", folder / "hostile.html")
    assert (ran.returncode, ran.stderr) == (1, "")
    assert all(line.isprintable() for line in ran.stdout.split("\n"))
    return folder / "hostile.html"


def test_the_text_of_a_report_is_printable_and_no_markup(hostile_page):
    text = hostile_page.read_text()
    page = Tags(text)

    assert [line for line in text.split("\n") if not line.isprintable()] == []
    assert text.count("evil") > 100
    assert not set(page.tags) & {"img", "script", "link", "iframe", "form", "object", "base"}
    assert page.tags.count("h1") == page.tags.count("style") == 1
    assert [each for each in page.addresses if not re.fullmatch(r"#(cell-)?\d-RR-[A-Z]+-\d+", each)] == []
    assert [name for name in page.attributes if name.startswith("on")] == []


INVALID = [
    (b"not toml", "endpoints.toml: not TOML: "),
    (b"", "endpoints.toml: it has no table; add one for each endpoint"),
    (b"a = 1", "endpoints.toml: [a]: must be a table with `url` and other options"),
    (b"[a]\nmodel='m'", "endpoints.toml: [a]: `url` is missing"),
    (b"[a]\nurl=1", "endpoints.toml: [a]: `url` must be a string"),
    (b"[a]\nurl='--help'", "endpoints.toml: [a]: '--help' is not a URL"),
    (b"[a]\nurl='http://u:a-secret@h'", "endpoints.toml: [a]: the URL must not contain a user or password"),
    (b"[a]\nurl='http://h'\nquick='yes'", "endpoints.toml: [a]: `quick` must be true or false"),
    (b"[a]\nurl='http://h'\nquick=1", "endpoints.toml: [a]: `quick` must be true or false"),
    (b"[a]\nurl='http://h'\nmax-requests='5'", "endpoints.toml: [a]: `max-requests` must be a number"),
    (b"[a]\nurl='http://h'\nmax-requests=true", "endpoints.toml: [a]: `max-requests` must be a number"),
    (b"[a]\nurl='http://h'\nmax-requests=0", "endpoints.toml: [a]: Invalid value for '--max-requests': 0 "),
    (b"[a]\nurl='http://h'\ntimeout=nan", "endpoints.toml: [a]: Invalid value for '--timeout': nan "),
    (b"[a]\nurl='http://h'\nmodel=1", "endpoints.toml: [a]: `model` must be a string"),
    (b"[a]\nurl='http://h'\nheader='A=1'", "endpoints.toml: [a]: `header` must be a list of strings"),
    (b"[a]\nurl='http://h'\nheader=[1]", "endpoints.toml: [a]: `header` must be a list of strings"),
    (b"[a]\nurl='http://h'\ndialect='teo'", "endpoints.toml: [a]: --dialect teo: neither the file of an OpenAPI "),
    (b"[a]\nurl='http://h'\nlevel='may'", "endpoints.toml: [a]: Invalid value for '--level': 'may' is not one of "),
    *(
        (
            f"[a]\nurl='http://h'\n{name}='a-secret'".encode(),
            f"[a]: `{name}` is not an option; the options are url, model,",
        )
        for name in ("api-key", "key", "json", "list", "version", "help", "api_key_env")
    ),
]


@pytest.mark.parametrize(("content", "message"), INVALID, ids=lambda each: str(each)[-40:])
def test_an_invalid_table_is_reported_in_one_line_before_anything_is_sent(content, message, page, tmp_path):
    (tmp_path / "endpoints.toml").write_bytes(content)
    with RecordsRequests() as server:
        ran = contract("matrix", server.url, "endpoints.toml", *MODEL_AND_KEY, "--html", page, cwd=tmp_path)

    assert (ran.returncode, ran.stdout, server.seen) == (2, "", [])
    assert message in ran.stderr
    assert ran.stderr.strip().count("\n") == 0
    assert "a-secret" not in ran.stderr
    assert not page.exists()


def test_a_table_can_have_every_option_of_the_command_that_does_not_replace_the_report(tmp_path, page):
    (tmp_path / "a.toml").write_text("[a]\nno-such-option = 1")
    ran = contract("matrix", tmp_path / "a.toml", "--html", page)

    names = {each.opts[-1].lstrip("-") for each in command.command.params} - {"json", "list", "version"}
    assert {*ran.stderr.strip().rpartition(" options are ")[2].split(", ")} == names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'SOURCE...'"),
        ((NO_SUCH_SERVER,), "Missing option '--html'"),
        (("no-such-report.json", "--html", "m.html"), "no-such-report.json: No such file"),
        (("no-such-file.toml", "--html", "m.html"), "no-such-file.toml: No such file"),
        (("ftp://127.0.0.1", "--html", "m.html"), "'ftp://127.0.0.1' is not a URL"),
        ((NO_SUCH_SERVER, "--html", "no/such/folder/m.html"), "does not name a file in an existing folder"),
        ((NO_SUCH_SERVER, "--html", "m.html", "--keep", "no/such/folder"), "no/such/folder: No such file"),
        (("report.json", "--html", "m.html"), "report.json: not a report that --json wrote: "),
    ],
)
def test_an_invalid_argument_is_reported_in_one_line(arguments, message, tmp_path):
    (tmp_path / "report.json").write_text("{}")
    ran = contract("matrix", *arguments, cwd=tmp_path)

    assert (ran.returncode, ran.stdout) == (2, "")
    assert message in ran.stderr
    assert ran.stderr.strip().count("\n") == 0


def test_a_file_that_cannot_be_written_is_named_and_the_others_are_written(page, tmp_path):
    (tmp_path / ".127.0.0.1-9.json.part").mkdir()
    late = contract("matrix", NO_SUCH_SERVER, "--html", page, "--keep", tmp_path)
    (tmp_path / ".127.0.0.1-9.json.part").rmdir()
    written = page.read_text()
    (tmp_path / ".matrix.html.part").mkdir()
    later = contract("matrix", NO_SUCH_SERVER, "--html", page, "--keep", tmp_path)

    assert (late.returncode, later.returncode) == (2, 2)
    assert late.stderr.endswith("127.0.0.1-9.json: Is a directory\n")
    assert later.stderr.endswith("matrix.html: Is a directory\n")
    assert page.read_text() == written
    assert json.loads((tmp_path / "127.0.0.1-9.json").read_text())["verdict"]["status"] == 3


# The page in a browser.

PHONE = {"width": 400, "height": 740}


@pytest.fixture(scope="module")
def written(reports, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "matrix.html"
    contract("matrix", *reports, *reports, *reports, "--html", path)
    return path


@pytest.mark.exhaustive
def test_a_click_on_a_failed_cell_shows_the_exchange_until_it_is_closed(written, open_file):
    page = open_file(written)
    shown = page.locator("article:visible")
    assert shown.count() == 0

    page.locator("#cell-2-RR-RESULT-005").click()
    assert shown.count() == 1
    assert shown.locator("h2").inner_text().split() == ["bad", "failed", "MUST", "RR-RESULT-005", "MUST"]
    messages = shown.locator("pre")
    assert messages.nth(0).inner_text().startswith("curl -sS -i ")
    assert '"top_n": 1' in messages.nth(1).inner_text()
    assert "Bearer $MINI_KEY" in messages.nth(1).inner_text()
    assert messages.nth(2).inner_text().startswith("HTTP 200\n")
    assert messages.nth(2).is_visible()

    page.locator("#cell-1-RR-RESULT-005").dispatch_event("click")
    assert shown.locator("h2").inner_text().split()[:2] == ["good", "passed"]
    assert shown.locator("pre").count() == 2

    shown.get_by_text("close").click()
    assert shown.count() == 0
    assert page.url.endswith("#cell-1-RR-RESULT-005")


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["written", "hostile_page"])
def test_on_a_phone_the_table_scrolls_inside_its_box(name, open_file, request):
    page = open_file(request.getfixturevalue(name), PHONE)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    box, head, first = page.locator(".box"), page.locator("thead th").nth(1), page.locator("tbody th").nth(5)
    before = head.bounding_box()["y"], first.bounding_box()["x"]

    box.evaluate("each => each.scrollTo(100, 300)")

    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert box.evaluate("each => [each.scrollLeft, each.scrollTop]") == [100, 300]
    assert (head.bounding_box()["y"], first.bounding_box()["x"]) == before


@pytest.mark.exhaustive
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_text_has_enough_contrast_in_light_and_in_dark_mode(scheme, written, open_file):
    page = open_file(written, color_scheme=scheme)

    assert (luminance(page, "body", "backgroundColor") > 0.5) is (scheme == "light")
    for text, ground in (
        ("td .failed-MUST", "td .failed-MUST"),
        *((each, ".box") for each in ("td .failed-SHOULD", "td .passed", "th .verdict", "th .quiet", "td p")),
        (".topic span", ".topic th"),
    ):
        assert contrast(page, text, ground) > 4.5, text


@pytest.mark.exhaustive
def test_on_paper_the_failures_are_below_the_whole_table(written, open_file):
    page = open_file(written, PHONE)
    page.emulate_media(media="print")

    assert page.locator("article:visible").count() == 3 * len(AppliesTopNBeforeRanking.breaks)
    assert page.locator("article:visible").first.evaluate("each => getComputedStyle(each).position") == "static"
    assert page.locator(".box").evaluate("each => each.scrollHeight == each.clientHeight")


@pytest.mark.exhaustive
def test_a_hostile_report_runs_nothing_and_loads_nothing(hostile_page, open_file):
    page = open_file(hostile_page)
    page.locator("td a").first.click()

    assert "evil()" in page.locator("article:visible").inner_text()
    assert page.locator("img, script, iframe, form").count() == 0
    assert "default-src 'none'" in page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")
