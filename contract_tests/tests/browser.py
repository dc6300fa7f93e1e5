"""Fixtures that open a file in a real browser."""

import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DESKTOP = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def chromium():
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if path is None and "CI" not in os.environ:
        pytest.skip("no Chromium or Chrome is installed; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_file(chromium):
    """Return a function that opens a file; the page must cause no request, message or dialog."""
    contexts, events = [], []

    def opened(path, viewport=DESKTOP, color_scheme="light"):
        contexts.append(chromium.new_context(viewport=viewport, color_scheme=color_scheme))
        page = contexts[-1].new_page()
        url = path.as_uri()
        page.on("request", lambda request: events.append(request.url) if request.url.partition("#")[0] != url else None)
        for name in ("console", "dialog", "pageerror", "download"):
            page.on(name, lambda event: events.append(event))  # noqa: PLW0108  # Playwright needs a function
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert events == []


def contrast(page, text, ground):
    """Return the contrast of the text in one element on the background of another, as WCAG defines it."""
    values = luminance(page, text, "color"), luminance(page, ground, "backgroundColor")
    return (max(values) + 0.05) / (min(values) + 0.05)


def luminance(page, selector, name):
    """Return the relative luminance of a color, as WCAG defines it."""
    color = page.locator(selector).first.evaluate(f"each => getComputedStyle(each).{name}")
    channels = [int(each) / 255 for each in color[color.index("(") + 1 : -1].split(",")[:3]]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
