"""The public names of the package, which are imported when they are first used."""

import subprocess
import sys

import pytest

import together_rerank_mockserver
from mock_process import environment

HEAVY = {"flask", "werkzeug", "granian", "yaml", "orjson", "jsonschema_rs", "h11", "click", "httpx", "hypothesis"}


@pytest.mark.parametrize("module", ["together_rerank_mockserver", "together_rerank_mockserver.pytest_plugin"])
def test_an_import_loads_nothing_heavy(module):
    program = f"import sys, {module}; print(*(name for name in sys.modules if '.' not in name))"
    ran = subprocess.run([sys.executable, "-c", program], env=environment(), check=True, capture_output=True, text=True)

    assert HEAVY & set(ran.stdout.split()) == set()


@pytest.mark.parametrize("name", together_rerank_mockserver.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(together_rerank_mockserver, name).__name__ == name
    assert name in dir(together_rerank_mockserver)


def test_an_unknown_name_is_an_error():
    with pytest.raises(AttributeError, match="module 'together_rerank_mockserver' has no attribute 'MockSever'"):
        _ = together_rerank_mockserver.MockSever
