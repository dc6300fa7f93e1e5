"""The snippets of the pages in docs/ work, and the pages describe every public name."""

import inspect
import os
import re
import shutil
import socket
import subprocess
import sys

import pytest

from mock_process import ALONE, COMMAND, environment, running
from snippets import PORT, ROOT, Snippet, is_file, shown, snippets, write_project
from together_rerank_fixtures import strategies
from together_rerank_mockserver import RerankMock, resilience
from together_rerank_mockserver.http import admin_document
from together_rerank_mockserver.ranking import score

# Variables that an earlier snippet of a page exports.
EXPORTED = {"MY_KEY": "any-key"}
PAGES = sorted(path.name for path in (ROOT / "docs").glob("*.md"))
# Snippets that are not run: output of other tools, and files.
_NOT_RUN = ("ini", "json", "nginx", "text", "toml", "yaml")
INSTALL = "pip install together-rerank-kit"  # `make check` runs it with the wheel


def run(snippet, port, folder):
    text = snippet.at(port) if PORT in snippet.text else snippet.text
    command = {"sh": ["bash", "-euo", "pipefail", "-c", text], "python": [sys.executable, "-c", text]}[snippet.language]
    path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(PATH=path, **EXPORTED),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def is_session(page):
    """Return whether the snippets of a page are commands to run one after the other.

    `make clients-real` runs those of the page about programs, because they need Node.js, and `make test-redis` those of
    the page about load tests, because they need Locust.
    """
    return page not in ("quickstart.md", "audit-commands.md", "load-testing.md") and any(
        not is_file(each) for each in snippets(f"docs/{page}")
    )


@pytest.mark.served
@pytest.mark.parametrize(
    "page",
    # The page about the contract tests runs Schemathesis.
    [
        pytest.param(page, marks=pytest.mark.exhaustive if page == "contract.md" else ())
        for page in PAGES
        if is_session(page)
    ],
)
def test_the_snippets_of_a_page_print_the_output_below_them(page, tmp_path):
    write_project(f"docs/{page}", tmp_path)
    with running("-q") as mock:
        for snippet in snippets(f"docs/{page}"):
            if snippet.language in _NOT_RUN or is_file(snippet):
                continue
            ran = run(snippet, mock.port, tmp_path)
            assert ran.returncode == 0, ran.stderr
            assert shown(ran.stdout, mock.port) == shown(snippet.output or "", mock.port)


@pytest.mark.served
def test_the_quickstart_works_in_one_shell(tmp_path):
    install, *steps = snippets("docs/quickstart.md")
    (ready,) = [each.text for each in steps if each.language == "text"]
    steps = [each for each in steps if each.language != "text"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    run_by = {"sh": "{}", "python": "python - <<'END'\n{}END"}
    lines = [run_by[each.language].format(each.text) + "\necho" for each in steps[:-1]]  # curl ends without a newline
    script = Snippet(
        "sh", "\n".join(["trap 'kill $(jobs -p) 2>/dev/null || true' EXIT", *lines, steps[-1].text, "wait $!"]), None
    )

    ran = run(script, port, tmp_path)

    assert install.text.strip() == INSTALL
    assert ran.returncode == 0, ran.stderr
    printed = shown(ran.stdout, port).splitlines(keepends=True)
    assert ready in printed  # the position depends on when the mock prints it
    outputs = "".join(each.output for each in steps if each.output)
    assert "".join(line for line in printed if line != ready).split() == outputs.split()


def test_the_formula_matches_the_code():
    (formula,) = [each.text for each in snippets("docs/ranking.md") if each.text.startswith("score = ")]
    weights = (score.WHOLE, score.PART, score.ADJACENT, score.IN_ORDER)

    assert [f"{weight:g} x" in formula for weight in weights] == [True] * 4
    assert formula.splitlines()[0] in score.__doc__


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "files", "tests"),
    [
        ("pytest.md", 6, 20),
        ("import-time.md", 7, 3),
        pytest.param("strategies.md", 5, 120, marks=pytest.mark.exhaustive),
    ],
)
def test_the_tests_of_a_page_pass(page, files, tests, tmp_path):
    names = write_project(f"docs/{page}", tmp_path)
    assert len(names) == len(snippets(f"docs/{page}")) >= files

    output = run_tests(tmp_path)

    for name in names:
        assert not name.startswith("test_") or f"{name}::" in output
    assert output.count(" PASSED") >= tests


@pytest.mark.slow
def test_the_class_of_unittest_runs_without_pytest(tmp_path):
    write_project("docs/pytest.md", tmp_path)
    command = [sys.executable, "-W", "error", "-m", "unittest", "-v", "test_unittest"]

    ran = subprocess.run(command, cwd=tmp_path, env=environment(), check=False, capture_output=True, text=True)

    assert "test_a_rate_limit (test_unittest.TestSearch.test_a_rate_limit) ... ok" in ran.stderr
    assert ran.returncode == 0


def run_tests(folder):
    """Run the tests in *folder*, which must pass; return the output of pytest."""
    shutil.copy(ROOT / "conftest.py", folder / "profiles.py")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *ALONE, "-v", "-p", "profiles", "-W", "error", folder],
        cwd=folder,
        env=environment(HYPOTHESIS_PROFILE="dev"),
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


@pytest.mark.slow
def test_the_tests_of_the_readme_pass(tmp_path):
    assert write_project("README.md", tmp_path) == ["test_search.py", "test_audit.py"]

    output = run_tests(tmp_path)
    assert "test_search.py::test_a_rate_limit_is_retried PASSED" in output
    assert "test_audit.py::test_search_survives_its_reranker PASSED" in output


def test_every_method_and_attribute_is_described():
    page = (ROOT / "docs/pytest.md").read_text()
    public = [name for name in vars(RerankMock) if not name.startswith("_") and name != "close"]

    shown = [name for name in [*public, "base_url", "api_key"] if f"`{name}" in page or f"{name}(" in page]
    assert shown == [*public, "base_url", "api_key"]
    assert [name for name in resilience_rules() if f"| `{name}` |" not in page] == []


def test_every_strategy_and_argument_is_described():
    page = (ROOT / "docs/strategies.md").read_text()

    for name in ("requests", "invalid_requests", "texts", "rules"):
        assert f"| `{name}(" in page
    for name in inspect.signature(strategies.requests).parameters:
        assert re.search(rf"^\| [^|]*`{name}`", page, re.MULTILINE), name


def resilience_rules():
    return re.findall(r'_finding\(\s*"([a-z-]+)"', inspect.getsource(resilience))


@pytest.mark.parametrize(
    "route", [f"{method} {path}" for path, methods in admin_document.operations().items() for method in methods]
)
def test_every_route_of_the_control_plane_is_described(route):
    assert f"`{route}`" in (ROOT / "docs/control-plane.md").read_text()


def test_every_page_is_linked_from_the_index():
    index = (ROOT / "docs/index.md").read_text()

    for page in PAGES:
        assert page == "index.md" or f"({page})" in index
