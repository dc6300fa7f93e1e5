"""Find the clients that `make test` installs in their own environments."""

import os
from pathlib import Path

import pytest

TOGETHER_SDK = "RERANK_KIT_TOGETHER_SDK"  # the source of Together's SDK, with its tests
TOGETHER_1 = "RERANK_KIT_TOGETHER_1"  # an environment with the SDK's old major version


def folder(variable):
    """Return the folder that the environment variable names; fail the test if there is none."""
    path = os.environ.get(variable, "")
    if not (path and Path(path).is_dir()):
        pytest.fail(f"not set up: run make test, which sets {variable}")
    return Path(path)
