"""The pytest options that run the requirements as tests: `--rerank-base-url` and the options for it.

pytest loads this module at every start if the kit is installed, so the heavy imports are inside the functions.
"""

from typing import Any

import pytest

_PACKAGE = "together_rerank_contract_tests"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rerank contract", f"contract tests of a rerank endpoint: pytest --pyargs {_PACKAGE}")
    add = group.addoption
    add("--rerank-base-url", metavar="URL", help="test the rerank endpoint at URL")
    add("--rerank-dialect", metavar="NAME", default="together", help="the API that the endpoint speaks")
    add("--rerank-model", metavar="M", help="the model that every request names")
    add("--rerank-api-key-env", metavar="NAME", help="the environment variable that holds the endpoint's key")
    add("--rerank-max-requests", type=int, metavar="N", help="send at most N requests")
    levels = ("must", "should", "info")
    add("--rerank-level", choices=levels, default="must", help="the lowest level that fails the run")
    add("--rerank-live", action="store_true", help="allow requests to the hosts of real APIs, which cost money")


def pytest_configure(config: pytest.Config) -> None:
    url = config.getoption("--rerank-base-url")
    if url is None:
        return
    try:
        from together_rerank_contract_tests import settings
        from together_rerank_contract_tests.run.session import ContractSession

        key, key_name = settings.key_for(url, config.getoption("--rerank-api-key-env"))
        values = {name: config.getoption(f"--rerank-{name}") for name in ("dialect", "model", "level", "live")}
        max_requests = config.getoption("--rerank-max-requests")
        session = ContractSession(
            settings.Settings(url, key=key, key_name=key_name, max_requests=max_requests, fuzz=True, **values)
        )
    except ModuleNotFoundError as error:
        raise pytest.UsageError(f"{error.name} is missing; install together-rerank-kit[contract]") from error
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(session, "rerank session")
    config.add_cleanup(session.finish)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Raise UsageError if requirements are collected, but no endpoint is named."""
    if config.getoption("--rerank-base-url") is None and any(_is_requirement(item) for item in items):
        raise pytest.UsageError(f"the tests of {_PACKAGE} need an endpoint; add --rerank-base-url URL")


def _is_requirement(item: Any) -> bool:
    return hasattr(getattr(item, "function", None), "requirement") and item.module.__name__.startswith(_PACKAGE)
