"""Run the requirements' tests in this process, by pytest alone: no file and no plugin of the user's has a say."""

from __future__ import annotations

import os

from together_rerank_contract_tests.catalogue import FOLDER, paths
from together_rerank_contract_tests.examination import Examination

# Of the environment: what would bring options or plugins in.
_OF_PYTEST = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
_OPTIONS = (
    *("-c", os.devnull, "--rootdir", str(FOLDER), "--noconftest", "--import-mode=importlib"),
    *("--assert=plain", "--capture=no"),
    *("-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:faulthandler", "-p", "no:warnings"),
)


def run(examination: Examination, expression: str | None = None, *, collect_only: bool = False) -> int:
    """Judge what is selected, by *expression* as pytest's `-k` has it; return pytest's status."""
    for name in _OF_PYTEST:
        os.environ.pop(name, None)
    # Of this process: half of the time of a start would go into plugins that happen to be installed.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    import pytest

    # In brackets, so that what begins with a dash is no option.
    chosen = ["-k", f"({expression})"] if expression else []
    listed = ["--collect-only"] if collect_only else []
    status = pytest.main([*_OPTIONS, *chosen, *listed, *map(str, paths())], plugins=[examination])
    examination.finish()
    return int(status)
