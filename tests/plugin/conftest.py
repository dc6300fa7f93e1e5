"""Tests that should pass use the plugin of this run; for tests that should fail, `run_pytest` runs a project."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import plugin_client
from mock_process import ALONE

HOSTILE = ("spec", "fixtures", "mockserver", "contract_tests")
ONLY_OURS = " ".join([*ALONE, "-pno:xdist"])
# Unset the variables that the plugin sets.
for name in ("TOGETHER_API_KEY", "TOGETHER_BASE_URL", "TOGETHER_AI_API_BASE"):
    os.environ.pop(name, None)
HEAD = "import os\nimport pytest\nfrom plugin_client import BODY, order, post\n\n"
# A plugin for the run: writes the outcome of each test, by its id, and each collection error.
REPORTS = """
import json

reports = {}


def add(node, outcome, *text):
    entry = reports.setdefault(node, {"outcomes": [], "text": ""})
    entry["outcomes"] += [outcome] if outcome else []
    entry["text"] += "\\n".join(["", *text])


def pytest_configure(config):
    class Recorder:
        def pytest_collectreport(self, report):
            if report.failed:
                add(report.nodeid, "error", report.longreprtext)

        def pytest_runtest_logreport(self, report):
            outcome = config.hook.pytest_report_teststatus(report=report, config=config)[0]
            sections = [f"-- {title} --\\n{content}" for title, content in report.sections]
            add(report.nodeid, outcome, report.longreprtext, *sections)

    config.pluginmanager.register(Recorder())


def pytest_sessionfinish():
    with open("reports.json", "w") as file:
        json.dump(reports, file)
"""


class Run:
    """The result of a run of pytest: the status, the output, and the outcomes of each test by its id."""

    def __init__(self, process, reports):
        self.status = process.returncode
        self.output = process.stdout + process.stderr
        self.lines = pytest.LineMatcher(self.output.splitlines())
        self._reports = reports

    def outcomes(self, node):
        return self._report(node)["outcomes"]

    def text(self, node):
        return pytest.LineMatcher(self._report(node)["text"].splitlines())

    def all_outcomes(self):
        return [outcome for report in self._reports.values() for outcome in report["outcomes"]]

    def _report(self, node):
        assert node in self._reports, f"{node} did not run:\n{self.output}"
        return self._reports[node]


@pytest.fixture(scope="session")
def run_pytest(tmp_path_factory):
    """Return a function that runs pytest in a new project with *tests* and *files*."""

    def run(tests, *options, plugins=ONLY_OURS, ini="", files=None, **variables):
        folder = tmp_path_factory.mktemp("project")
        written = {
            **{
                f"{name}/__init__.py": "raise RuntimeError('a folder of the project was imported')\n"
                for name in HOSTILE
            },
            "plugin_client.py": Path(plugin_client.__file__).read_text(),
            "reporting.py": REPORTS,
            "pytest.ini": f"[pytest]\nfilterwarnings = error\naddopts = {plugins} -p reporting\n{ini}",
            "test_it.py": HEAD + tests,
            **(files or {}),
        }
        for name, content in written.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(content)
        process = subprocess.run(
            [sys.executable, "-m", "pytest", *options],
            cwd=folder,
            env={**os.environ, **variables},
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        reports = folder / "reports.json"
        return Run(process, json.loads(reports.read_text()) if reports.exists() else {})

    return run
