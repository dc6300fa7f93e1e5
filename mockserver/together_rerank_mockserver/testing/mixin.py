"""The mock for classes of `unittest`, whatever runs their tests."""

from __future__ import annotations

import atexit
import os
import sys
import unittest
from collections.abc import Callable
from functools import cache
from typing import Any
from unittest import mock

from together_rerank_mockserver.testing import session
from together_rerank_mockserver.testing.rerank_mock import RerankMock


def _fixture(method: Callable[[Any, RerankMock], None]) -> Any:
    """Return *method* as a fixture for each test under pytest, which other runners need not have."""
    pytest = sys.modules.get("pytest")
    return pytest.fixture(autouse=True)(method) if pytest else method


class RerankMockMixin(unittest.TestCase):
    """Gives each test of a class the mock as `self.rerank_mock`, as the fixture of pytest does.

    Under pytest it is that fixture. Write it before other base classes.
    """

    rerank_mock: RerankMock

    @_fixture
    def _take_rerank_mock(self, rerank_mock: RerankMock) -> None:
        self.rerank_mock = rerank_mock

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        if hasattr(self, "rerank_mock"):  # from pytest
            return super().run(result)
        running = _session()
        self.rerank_mock = RerankMock(running.client({}, session.DEFAULT_ADDRESS))
        self.rerank_mock.reset()
        self.addCleanup(self._check)
        self.addCleanup(self.rerank_mock.close)
        variables = running.variables(self.rerank_mock.admin)
        with running.network_guard.active(), mock.patch.dict(os.environ, variables):
            return super().run(result)

    def doCleanups(self) -> None:  # noqa: N802  # unittest's name
        outcome: Any = self._outcome  # type: ignore[attr-defined]  # no public name has it before the cleanups
        self._has_passed = outcome.success and not outcome.expectedFailure
        super().doCleanups()

    def _check(self) -> None:
        """Fail a test that passed, as the fixture does."""
        if self._has_passed:
            _session().check(self.rerank_mock)


@cache
def _session() -> session.Session:
    """Return the mocks of this process, which a runner without pytest does not end."""
    running = session.Session(None, "unittest")
    atexit.register(running.close)
    return running
