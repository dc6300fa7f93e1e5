"""What the repository keeps of itself."""

import json
import re
import subprocess

from snippets import ROOT
from together_rerank_mockserver import __version__


def tracked(*patterns):
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / path for path in listed.splitlines()]


def test_every_module_says_what_it_is_for():
    assert [path.name for path in tracked("*.py") if not path.read_text().startswith('"""')] == []


def test_requirements_are_pinned_with_hashes_and_name_no_address():
    locks = tracked("requirements/*.txt")

    assert len(locks) == 7
    for lock in locks:
        text = lock.read_text()
        assert "://" not in text
        for entry in re.split(r"\n(?=[a-z])", text.replace("\\\n", "")):
            assert re.match(r"[a-z0-9._-]+==\S+.* --hash=sha256:[0-9a-f]{64}", entry), entry[:80]


def test_the_npm_lock_is_complete_and_has_no_addresses():
    (lock,) = tracked("requirements/*/package-lock.json")
    packages = json.loads(lock.read_text())["packages"]

    asked = packages.pop("")["dependencies"]
    assert asked == json.loads(lock.with_name("package.json").read_text())["dependencies"]
    for path in (lock, lock.with_name("package.json")):
        assert "://" not in path.read_text()
    for name, package in packages.items():
        assert package["version"], name
        assert package["integrity"].startswith("sha512-"), name


def test_the_changelog_knows_the_version():
    assert f"\n## {__version__}" in (ROOT / "CHANGELOG.md").read_text()
