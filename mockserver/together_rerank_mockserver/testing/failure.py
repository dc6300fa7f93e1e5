"""Fail a test, under pytest or another test runner."""

import sys
from typing import NoReturn


def fail(message: str, *, pytrace: bool = False) -> NoReturn:
    """Fail the test with *message*; under pytest without a traceback, unless *pytrace*."""
    if "pytest" not in sys.modules:
        raise AssertionError(message)
    import pytest

    # Not an Exception, so that the code under test does not catch it.
    pytest.fail(message, pytrace=pytrace)
