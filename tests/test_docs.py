"""What the pages in docs/ show is what happens."""

import os
import subprocess
import sys

import pytest

from mock_process import COMMAND, environment, running
from snippets import PORT, ROOT, snippets
from together_rerank_mockserver import admin

PAGES = sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def run(snippet, port):
    text = snippet.at(port) if PORT in snippet.text else snippet.text
    command = {"sh": ["bash", "-euo", "pipefail", "-c", text], "python": [sys.executable, "-c", text]}[snippet.language]
    path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(command, env=environment(PATH=path), check=False, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("page", [page for page in PAGES if "```" in (ROOT / "docs" / page).read_text()])
def test_the_snippets_of_a_page_print_what_is_printed_below_them_one_after_the_other(page):
    with running("-q") as mock:
        for snippet in snippets(f"docs/{page}"):
            ran = run(snippet, mock.port)
            assert ran.returncode == 0, ran.stderr
            assert ran.stdout.strip() == snippet.output.strip()


def test_what_real_clients_do_is_what_was_written_down():
    ran = subprocess.run(
        [sys.executable, ROOT / "tests/client_table.py"],
        env=environment(),
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == (ROOT / "docs/clients.md").read_text(), "run: make clients"


@pytest.mark.parametrize(("method", "rule"), admin.ROUTES)
def test_every_route_of_the_control_plane_is_described(method, rule):
    assert f"`{method} /__admin{rule}`" in (ROOT / "docs/control-plane.md").read_text()


def test_every_page_is_linked_from_the_readme():
    readme = (ROOT / "README.md").read_text()

    for page in PAGES:
        assert f"(docs/{page})" in readme
