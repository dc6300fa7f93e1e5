"""The site is built with valid links, and loads nothing from other hosts."""

import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from mock_process import environment
from snippets import ROOT

# The elements and attributes with URLs that a browser loads automatically.
_LOADED = {
    ("audio", "src"),
    ("embed", "src"),
    ("iframe", "src"),
    ("img", "src"),
    ("img", "srcset"),
    ("link", "href"),
    ("script", "src"),
    ("source", "src"),
    ("source", "srcset"),
    ("video", "src"),
}
_IN_STYLES = re.compile(r"url\(\s*['\"]?(?:https?:)?//|@import\s+['\"](?:https?:)?//")


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.foreign = []

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            is_loaded = (tag, name) in _LOADED and re.match(r"(https?:)?//", value or "")
            if is_loaded or (name == "style" and _IN_STYLES.search(value or "")):
                self.foreign.append((tag, value))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site in another folder with the commands of `make docs`; return the folder."""
    (commands,) = re.findall(r"^docs: .*\n((?:\t.+\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    folder = tmp_path_factory.mktemp("site")
    assert "build/site" in commands
    commands = commands.replace("build/site", str(folder)).replace("$(BIN)/", f"{sys.executable} -m ")
    ran = subprocess.run(
        ["bash", "-ec", commands],
        cwd=ROOT,
        env=environment(),
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.mark.slow
def test_every_page_is_in_the_site(site):
    pages = [path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")]

    assert len(pages) > 10
    assert [page for page in pages if not (site / page).is_file()] == []


@pytest.mark.slow
def test_llms_txt_is_at_the_root_of_the_site(site):
    assert (site / "llms.txt").read_text() == (ROOT / "llms.txt").read_text()


@pytest.mark.slow
def test_no_page_loads_anything_from_another_host(site):
    for path in site.rglob("*.html"):
        page = _Page()
        page.feed(path.read_text())
        assert page.foreign == [], path


@pytest.mark.slow
def test_no_style_loads_anything_from_another_host(site):
    styles = [*site.rglob("*.css")]

    assert styles
    for path in styles:
        assert not _IN_STYLES.search(path.read_text()), path
