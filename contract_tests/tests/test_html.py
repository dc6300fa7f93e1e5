"""The HTML report, opened in a real browser."""

import pytest

from broken import AppliesTopNBeforeRanking
from browser import chromium, contrast, luminance, open_file  # noqa: F401  # fixtures
from commanding import MODEL_AND_KEY, contract
from test_hostile_endpoint import Hostile

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Return a function that judges a server, once, and returns the path of the HTML report."""
    folder = tmp_path_factory.mktemp("reports")

    def report(kind):
        path = folder / f"{kind.__name__}.html"
        if not path.exists():
            with kind() as server:
                contract(server.url, *MODEL_AND_KEY, "--level", "info", "--html", path)
        return path

    return report


@pytest.fixture
def opened(open_file, reports):
    """Return a function that opens the report about a server."""
    return lambda kind, *args, **options: open_file(reports(kind), *args, **options)


def test_the_failing_exchange_is_the_first_that_is_shown(opened):
    page = opened(AppliesTopNBeforeRanking)
    failed = page.locator("article").first
    messages = failed.locator("pre:visible")

    assert failed.locator("h2").inner_text().split() == ["failed", "RR-RESULT-005", "MUST"]
    assert messages.count() == 3
    assert messages.nth(0).inner_text().startswith("curl -sS -i ")
    assert messages.nth(1).inner_text().startswith("POST http://127.0.0.1:")
    assert '"top_n": 1' in messages.nth(1).inner_text()
    assert messages.nth(2).inner_text().startswith("HTTP 200\n")
    assert "Bearer $MINI_KEY" in messages.nth(1).inner_text()


def test_an_exchange_of_a_passed_requirement_is_shown_on_a_click(opened):
    page = opened(AppliesTopNBeforeRanking)
    passed = page.locator("#RR-RESPONSE-001")
    assert passed.locator("pre:visible").count() == 0

    passed.locator("summary").first.click()
    assert passed.locator("pre:visible").count() == 0
    passed.locator("details details summary").first.click()

    assert passed.locator("pre:visible").count() == 2


def test_the_filter_shows_the_requirements_with_one_outcome(opened):
    page = opened(AppliesTopNBeforeRanking)
    shown = page.locator("article:visible")
    everything = shown.count()

    page.get_by_label("failed").check()
    failed = shown.count()
    page.keyboard.press("ArrowRight")  # the next outcome
    passed = shown.count()
    page.get_by_label("all").check()

    assert failed == len(AppliesTopNBeforeRanking.breaks)
    assert failed + passed == shown.count() == everything > 50


@pytest.mark.parametrize("kind", [AppliesTopNBeforeRanking, Hostile])
def test_the_page_fits_a_phone(kind, opened):
    page = opened(kind, PHONE)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")

    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_text_has_enough_contrast_in_light_and_in_dark_mode(scheme, opened):
    page = opened(AppliesTopNBeforeRanking, color_scheme=scheme)

    assert (luminance(page, "body", "backgroundColor") > 0.5) is (scheme == "light")
    for text, ground in (("h1", ".card"), (".quiet", ".card"), (".state", ".card"), ("dt", ".card"), ("pre", "pre")):
        assert contrast(page, text, ground) > 4.5, text


def test_a_hostile_endpoint_runs_nothing_and_loads_nothing(opened):
    page = opened(Hostile)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")

    assert "onerror=evil()" in page.locator("main").inner_text()
    assert page.locator("img, script, iframe, form, a:not([href^='#RR-'])").count() == 0
    policy = page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")
    assert "default-src 'none'" in policy


class SendsALongText(AppliesTopNBeforeRanking):
    def document(self, index, request):
        return {"text": "x" * 5_000}


def test_a_long_body_is_cut(opened):
    page = opened(SendsALongText)
    message = page.locator("pre:visible").nth(2).inner_text()

    assert "[cut: 2,000 of " in message
    assert len(message) < 2_500
