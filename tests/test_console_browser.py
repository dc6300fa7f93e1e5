"""The console in a real browser: with the keyboard, with and without script, and for screen readers."""

import json
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe

from browser import chromium  # noqa: F401  # a fixture
from console_example import BODY, call, fill, pages
from mock_process import running
from snippets import ROOT

pytestmark = [pytest.mark.served, pytest.mark.slow]
CASE = {"case": "503", "fault": "The status is `503`", "outcome": "silent fallback", "fails": True, "accepted": None}
CASE |= {"did": "returned []", "seconds": 0.1, "answers": "503", "findings": [], "again": "pytest -k 503"}
GOOD_CASE = CASE | {"case": "429", "outcome": "right", "fails": False, "again": "pytest -k 429"}
REPORT = {"subject": "search", "query": "llamas", "failed": 1, "warnings": ["a warning"], "cases": [CASE, GOOD_CASE]}


@pytest.fixture(scope="module")
def url():
    with running("-q") as mock:
        fill(mock.url)
        yield mock.url


@pytest.fixture
def open_page(chromium, url):
    """Return a function that opens a page; no page may cause a message, an error or a request to another host."""
    contexts, events = [], []

    def opened(path="/__admin/", width=1280, base=url, **options):
        contexts.append(chromium.new_context(viewport={"width": width, "height": 900}, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: events.append(message.text))
        page.on("pageerror", lambda error: events.append(str(error)))
        page.on("request", lambda request: events.append(request.url) if not request.url.startswith(base) else None)
        page.goto(base + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    # Chromium reports the status of a page that a test asks for on purpose.
    assert [event for event in events if not event.startswith(("data:", "Failed to load resource"))] == []


def choose_report(page):
    page.get_by_label("the JSON file").set_input_files(
        {"name": "audit.json", "mimeType": "application/json", "buffer": json.dumps(REPORT).encode()}
    )
    with page.expect_navigation():
        page.get_by_role("button", name="show").click()


@contextmanager
def fault_in(url, namespace):
    """Reset *namespace*, and afterwards check that the next call gets a 429 from its queue."""
    call(url, f"/__admin/reset?namespace={namespace}", method="POST")
    yield
    assert call(url, body=BODY, key=namespace)[0] == 429
    assert call(url, body=BODY, key=namespace)[0] == 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1600])
def test_each_page_fits_and_axe_finds_nothing_serious(scheme, width, open_page, url):
    axe = Axe()
    found = {}
    page = open_page("/__admin/console/sign-in", width, color_scheme=scheme)
    for name, path in pages(url).items():
        page.goto(url + path)
        if name == "report":
            choose_report(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        violations = axe.run(page).response["violations"]
        found[name] = [
            (each["id"], [node["html"][:200] for node in each["nodes"]])
            for each in violations
            if each["impact"] in ("serious", "critical")
        ]

    assert {name: each for name, each in found.items() if each} == {}


def test_a_fault_is_queued_with_the_keyboard_alone(open_page, url):
    page = open_page("/__admin/")
    with fault_in(url, "test-keyboard"):
        page.keyboard.press("Tab")
        assert page.locator(":focus").inner_text() == "Skip to the content"
        tab_to(page, "Faults")
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/faults*")
        tab_to(page, "Skip to the content")
        page.keyboard.press("Enter")
        assert page.locator(":focus").get_attribute("id") == "main"
        page.keyboard.press("Tab")
        page.keyboard.type("429")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.type("test-keyboard")
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/faults?namespace=test-keyboard#queue")
        assert page.get_by_text("429 for 1 call").is_visible()


def tab_to(page, name):
    """Press Tab until the element with the text *name* has the focus, which must be visible."""
    for _ in range(200):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.count() and focused.inner_text().strip() == name:
            assert focused.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
            return
    raise AssertionError(f"Tab does not reach {name}")


def test_a_click_queues_a_fault_of_the_catalogue_that_a_search_finds(open_page, url):
    page = open_page("/__admin/console/faults?namespace=test-click")
    with fault_in(url, "test-click"):
        page.get_by_label("search").type("429")
        page.get_by_text("1 fault", exact=True).wait_for()
        assert page.url.endswith("text=429")
        page.get_by_role("button", name="queue 429 once").click()
        page.wait_for_url("**#queue")


def test_the_pages_work_without_script(open_page, url):
    page = open_page("/__admin/console/faults?namespace=test-plain", java_script_enabled=False)
    with fault_in(url, "test-plain"):
        page.get_by_role("button", name="queue 429 once").click()
        page.wait_for_url("**#queue")
    page.goto(f"{url}/__admin/?namespace=test-plain")
    page.get_by_label("status").fill("429")
    page.get_by_role("button", name="filter").click()
    assert page.get_by_text("1 of 2 requests").is_visible()
    assert page.get_by_role("button", name="pause").count() == 0


def test_the_journal_shows_new_requests_until_it_is_paused(open_page, url):
    call(url, "/__admin/reset?namespace=test-live", method="POST")
    page = open_page("/__admin/?namespace=test-live")
    count = page.get_by_role("status")
    assert count.inner_text() == "0 of 0 requests"

    call(url, body=BODY, key="test-live")
    page.get_by_role("link", name="POST /v1/rerank").wait_for()
    assert count.inner_text() == "1 of 1 requests"

    page.get_by_role("button", name="pause").click()
    call(url, body=BODY, key="test-live")
    page.wait_for_timeout(2500)
    assert count.inner_text() == "1 of 1 requests"
    page.get_by_role("button", name="pause").click()
    page.get_by_text("2 of 2 requests").wait_for()


def test_the_journal_stays_as_it_is_while_somebody_is_in_it(open_page, url):
    call(url, "/__admin/reset?namespace=test-read", method="POST")
    call(url, body=BODY, key="test-read")
    page = open_page("/__admin/?namespace=test-read")
    page.get_by_role("link", name="POST /v1/rerank").focus()

    call(url, body=BODY, key="test-read")
    page.wait_for_timeout(2500)
    assert page.get_by_role("status").inner_text() == "1 of 1 requests"
    page.get_by_label("status").focus()
    page.get_by_text("2 of 2 requests").wait_for()


def test_the_journal_is_filtered_while_you_type(open_page):
    page = open_page()
    page.get_by_label("query or id").type("CAPITAL")
    page.get_by_text("20 of ").wait_for()

    assert page.url.endswith("text=CAPITAL")
    assert page.get_by_role("table").get_by_text("capital of Peru").count() == 20
    page.reload()
    assert page.get_by_label("query or id").input_value() == "CAPITAL"


def test_a_request_leads_to_its_explanation_and_its_command(open_page, url):
    page = open_page("/__admin/?status=429", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("link", name="POST /v1/rerank").first.click()
    page.get_by_role("button", name="copy").click()
    page.get_by_role("button", name="copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    page.get_by_role("link", name="explain this request").click()

    assert copied.startswith("curl -sS -i \\\n")
    assert copied.endswith(f"{url}/v1/rerank")
    best = page.locator("ol.documents > li").first
    assert best.locator("mark.whole").all_inner_texts() == ["Llamas", "in", "Peru"]
    assert page.locator("ol.documents > li").nth(1).locator("mark.part").all_inner_texts() == ["llama"]
    widths = best.locator("svg.stack rect").evaluate_all("all => all.map(each => each.getBoundingClientRect().width)")
    whole = best.locator("svg.stack").bounding_box()["width"]
    assert sum(widths) == pytest.approx(whole, abs=4)


def test_words_and_parts_are_marked_without_colour_too(open_page):
    page = open_page("/__admin/console/explain")
    page.get_by_role("button", name="explain").click()

    style = "each => getComputedStyle(each).borderBottomStyle + getComputedStyle(each).fontWeight"
    marks = page.locator("ol.documents")
    assert marks.locator("mark.whole").first.evaluate(style) == "solid600"
    assert marks.locator("mark.part").first.evaluate(style) == "dotted400"


def test_a_report_is_dropped_anywhere_and_searched(open_page):
    page = open_page("/__admin/console/report")
    drop = """text => {
      const data = new DataTransfer();
      data.items.add(new File([text], "audit.json", {type: "application/json"}));
      document.querySelector("h1").dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true}));
    }"""
    page.evaluate(drop, json.dumps(REPORT))
    page.get_by_role("heading", name="1 of 2 cases fail").wait_for()
    shown = page.locator("article:visible")

    assert shown.all_inner_texts()[0].startswith("silent fallback 503")
    page.get_by_label("find").type("pytest -k 429")
    assert page.get_by_role("status").inner_text() == "1 of 2 shown"
    assert shown.all_inner_texts()[0].startswith("right 429")


def test_a_browser_signs_in_queues_a_fault_and_signs_out(open_page):
    with running("-q", "--admin-token", "sesame", "--base-path", "/mock") as mock:
        base = mock.url.removesuffix("/mock") + "/mock"
        page = open_page("/__admin/console/faults?namespace=test-a", base=base)
        page.get_by_label("token").fill("wrong")
        page.keyboard.press("Enter")
        page.get_by_role("alert").wait_for()
        page.get_by_label("token").fill("sesame")
        page.keyboard.press("Enter")
        page.wait_for_url("**/mock/__admin/console/faults?namespace=test-a")
        page.get_by_role("button", name="queue 429 once").click()
        page.wait_for_url("**#queue")
        assert page.evaluate("document.cookie") == ""
        page.get_by_role("button", name="sign out").click()
        page.goto(f"{base}/__admin/")
        page.get_by_label("token").wait_for()
        status, _ = call(base, "/mock/v1/rerank", BODY, key="test-a")

    assert status == 429


def test_the_pictures_of_the_docs_are_small():
    pictures = [*(ROOT / "docs" / "console").glob("*.png")]

    assert 2 <= len(pictures) <= 4
    assert [path.name for path in pictures if path.stat().st_size > 120_000] == []
