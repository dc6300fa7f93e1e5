"""The fixtures that requirements' tests ask for: what is judged."""

from __future__ import annotations

import pytest

from together_rerank_contract_tests.endpoint import Endpoint
from together_rerank_contract_tests.examination import KEY
from together_rerank_contract_tests.fuzzing import Fuzzing


@pytest.fixture(scope="session")
def endpoint(pytestconfig: pytest.Config) -> Endpoint:
    """The endpoint under judgement."""
    return pytestconfig.stash[KEY].endpoint


@pytest.fixture(scope="session")
def fuzzing(pytestconfig: pytest.Config) -> Fuzzing:
    """What Schemathesis finds; it runs when the first check asks."""
    return pytestconfig.stash[KEY].fuzzing
