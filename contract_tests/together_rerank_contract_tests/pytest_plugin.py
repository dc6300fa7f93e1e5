"""The options of pytest with which the requirements run as tests: `--rerank-base-url` and what belongs to it.

Whoever has the kit installed loads this at every start of pytest: what is heavy is imported by who uses it.
"""

from typing import Any

import pytest

_PACKAGE = "together_rerank_contract_tests"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rerank contract", f"the contract of a rerank endpoint: pytest --pyargs {_PACKAGE}")
    add = group.addoption
    add("--rerank-base-url", metavar="URL", help="judge the rerank endpoint at URL")
    add("--rerank-model", metavar="M", help="the model that every request names")
    add("--rerank-api-key-env", metavar="NAME", help="the environment variable that holds the endpoint's key")
    add("--rerank-max-requests", type=int, metavar="N", help="send at most N requests")
    levels = ("must", "should", "info")
    add("--rerank-level", choices=levels, default="must", help="the lowest level that fails")
    add("--rerank-live", action="store_true", help="send requests to Together's own hosts, which cost money")


def pytest_configure(config: pytest.Config) -> None:
    url = config.getoption("--rerank-base-url")
    if url is None:
        return
    try:
        from together_rerank_contract_tests import settings
        from together_rerank_contract_tests.run.session import ContractSession

        key, key_name = settings.key_for(url, config.getoption("--rerank-api-key-env"))
        values = {name: config.getoption(f"--rerank-{name}") for name in ("model", "level", "live")}
        most = config.getoption("--rerank-max-requests")
        given = settings.Settings(url, key=key, key_name=key_name, max_requests=most, fuzz=True, **values)
        session = ContractSession(given)
    except ModuleNotFoundError as fault:
        raise pytest.UsageError(f"{fault.name} is missing; install together-rerank-kit[contract]") from fault
    except ValueError as fault:
        raise pytest.UsageError(str(fault)) from fault
    config.pluginmanager.register(session, "rerank session")
    config.add_cleanup(session.finish)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse to run the requirements against nothing."""
    if config.getoption("--rerank-base-url") is None and any(_is_requirement(item) for item in items):
        raise pytest.UsageError(f"the tests of {_PACKAGE} judge an endpoint; name it by --rerank-base-url URL")


def _is_requirement(item: Any) -> bool:
    return hasattr(getattr(item, "function", None), "requirement") and item.module.__name__.startswith(_PACKAGE)
