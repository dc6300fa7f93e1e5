"""The options of pytest with which the requirements run as tests: `--rerank-base-url` and what belongs to it.

Whoever has the kit installed loads this at every start of pytest: what is heavy is imported by who uses it.
"""

from __future__ import annotations

from typing import Any

import pytest

_PACKAGE = "together_rerank_contract_tests"
_OPTIONS = (
    ("--rerank-base-url", "URL", "judge the rerank endpoint at URL"),
    ("--rerank-model", "M", "the model that every request names"),
    ("--rerank-api-key-env", "NAME", "the environment variable that holds the endpoint's key"),
    ("--rerank-max-requests", "N", "send no more requests than so many"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what can be chosen."""
    group = parser.getgroup("rerank contract", f"the contract of a rerank endpoint: pytest --pyargs {_PACKAGE}")
    for name, shown, words in _OPTIONS:
        group.addoption(name, metavar=shown, help=words, type=int if name.endswith("-requests") else str)
    group.addoption(
        "--rerank-level", choices=("must", "should", "info"), default="must", help="the lowest level that fails"
    )
    group.addoption(
        "--rerank-live", action="store_true", help="send requests to Together's own hosts, which cost money"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Judge, where an endpoint is given."""
    url = config.getoption("--rerank-base-url")
    if url is None:
        return
    try:
        from together_rerank_contract_tests import settings
        from together_rerank_contract_tests.examination import Examination

        key, key_name = settings.key_for(url, config.getoption("--rerank-api-key-env"))
        given = settings.Settings(
            url,
            model=config.getoption("--rerank-model"),
            key=key,
            key_name=key_name,
            level=config.getoption("--rerank-level"),
            max_requests=config.getoption("--rerank-max-requests"),
            live=config.getoption("--rerank-live"),
            fuzz=True,
        )
    except ModuleNotFoundError as fault:
        raise pytest.UsageError(f"{fault.name} is missing; install together-rerank-kit[contract]") from fault
    except ValueError as fault:
        raise pytest.UsageError(str(fault)) from fault
    examination = Examination(given)
    config.pluginmanager.register(examination, "rerank examination")
    config.add_cleanup(examination.finish)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse to run the requirements against nothing."""
    if config.getoption("--rerank-base-url") is None and any(_is_requirement(item) for item in items):
        raise pytest.UsageError(f"the tests of {_PACKAGE} judge an endpoint; name it by --rerank-base-url URL")


def _is_requirement(item: Any) -> bool:
    return hasattr(getattr(item, "function", None), "requirement") and item.module.__name__.startswith(_PACKAGE)
