"""The network guard of a Python process that a test starts: refuse the real APIs, and report it to the test.

Python imports this module at the start of such a process, whether the kit is installed there or not.
"""

import os
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent


def _guard(hosts: list[str], report: Path) -> None:
    """Install the guard against *hosts*, which writes each attempt as a line to the file *report*."""
    spec = spec_from_file_location("_rerank_mock_lookups", _FOLDER.parent / "lookups.py")
    assert spec is not None
    assert spec.loader is not None
    lookups = module_from_spec(spec)
    spec.loader.exec_module(lookups)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        name = lookups.name_of(lookups.host_in(event, arguments))
        if lookups.is_one_of(hosts, name):
            message = f"the process `{' '.join(sys.orig_argv)}` tried to connect to {name}, which rerank_mock replaces"
            with report.open("a", encoding="utf-8") as file:
                file.write(message.replace("\n", " ") + "\n")
            raise PermissionError(message)

    sys.addaudithook(audit)


def _import_the_hidden_one() -> None:
    """Import the module of this name that Python would import without this one."""
    this = sys.modules.pop("sitecustomize")
    sys.path[:] = [path for path in sys.path if Path(path) != _FOLDER]
    try:
        import_module("sitecustomize")
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
        sys.modules["sitecustomize"] = this


if __name__ == "sitecustomize":
    if "RERANK_MOCK_GUARDED" in os.environ:
        _guard(os.environ["RERANK_MOCK_GUARDED"].split(","), Path(os.environ["RERANK_MOCK_ATTEMPTS"]))
    _import_the_hidden_one()
