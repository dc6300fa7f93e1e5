"""llms.txt has the form of llmstxt.org, its links exist, and it has every page."""

import re

from snippets import ROOT

TEXT = (ROOT / "llms.txt").read_text()
BASE = "https://raw.githubusercontent.com/together-rerank-kit/together-rerank-kit/main/"
_LINK = re.compile(rf"- \[[^]]+\]\({re.escape(BASE)}(\S+)\): \S.*")


def test_it_has_a_title_a_summary_and_sections_of_links():
    head, *sections = TEXT.split("\n## ")

    assert re.match(r"# together-rerank-kit\n\n> .+\n\n", head)
    assert sections[-1].startswith("Optional\n")
    for section in sections:
        title, blank, *lines = section.rstrip("\n").split("\n")
        assert title
        assert blank == ""
        assert [line for line in lines if not _LINK.fullmatch(line)] == []


def test_it_links_files_that_exist_and_every_page_once():
    linked = _LINK.findall(TEXT)

    assert [path for path in linked if not (ROOT / path).is_file()] == []
    pages = [f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md") if path.name != "index.md"]
    assert sorted(path for path in linked if path.startswith("docs/")) == sorted(pages)


def test_it_describes_a_page_as_the_index_does():
    described = TEXT.replace(f"{BASE}docs/", "").splitlines()

    pages = [line for line in (ROOT / "docs/index.md").read_text().splitlines() if line.startswith("- [")]
    assert [line for line in pages if line not in described] == []
