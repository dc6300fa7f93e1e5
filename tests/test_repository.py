"""Rules for the files of the repository."""

import json
import re
import subprocess

import pytest

from snippets import ROOT, snippets
from together_rerank_mockserver import __version__

EXPECTED = (
    ".dockerignore",
    ".github/ISSUE_TEMPLATE/bug.yml",
    ".github/ISSUE_TEMPLATE/config.yml",
    ".github/ISSUE_TEMPLATE/feature.yml",
    ".github/dependabot.yml",
    ".github/pull_request_template.md",
    ".github/workflows/release.yml",
    ".github/workflows/test.yml",
    ".pre-commit-config.yaml",
    ".pre-commit-hooks.yaml",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Dockerfile",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "action.yml",
    "llms.txt",
    "tests/typing/public_api.py",
)


def tracked(*patterns):
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / path for path in listed.splitlines()]


def test_every_module_has_a_docstring():
    assert [path.name for path in tracked("*.py") if not path.read_text().startswith('"""')] == []


def test_requirements_are_pinned_with_hashes_and_contain_no_url():
    locks = tracked("requirements/*.txt")

    assert len(locks) == 12
    for lock in locks:
        text = lock.read_text()
        assert "://" not in text
        for entry in re.split(r"\n(?=[a-z])", text.replace("\\\n", "")):
            assert re.match(r"[a-z0-9._-]+==\S+.* --hash=sha256:[0-9a-f]{64}", entry), entry[:80]


@pytest.mark.parametrize("folder", ["clients-npm", "peers"])
def test_an_npm_lock_is_complete_and_contains_no_url(folder):
    lock = ROOT / "requirements" / folder / "package-lock.json"
    packages = json.loads(lock.read_text())["packages"]

    dependencies = packages.pop("")["dependencies"]
    assert dependencies == json.loads(lock.with_name("package.json").read_text())["dependencies"]
    for path in (lock, lock.with_name("package.json")):
        assert "://" not in path.read_text()
    for name, package in packages.items():
        assert package["version"], name
        assert package["integrity"].startswith("sha512-"), name


def test_no_file_names_a_package_index():
    index = re.compile(rb"pypi\.org/simple|files\.pythonhosted\.org|registry\.npmjs\.org")

    assert [path for path in tracked() if index.search(path.read_bytes())] == []


@pytest.mark.parametrize("path", EXPECTED)
def test_an_expected_file_is_tracked(path):
    assert tracked(path) == [ROOT / path]


def test_the_code_in_contributing_is_in_the_repository():
    examples = [each for each in snippets("CONTRIBUTING.md") if each.language == "python"]

    assert len(examples) > 5
    for each in examples:
        source = (ROOT / each.first_line.removeprefix("# ")).read_text().splitlines()
        assert [line for line in each.text.splitlines()[1:] if line not in source] == []


def test_the_changelog_has_the_version():
    assert f"\n## {__version__}" in (ROOT / "CHANGELOG.md").read_text()
