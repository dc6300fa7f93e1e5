"""Fail a test, under pytest or another test runner."""

import sys
from typing import NoReturn


def fail(message: str, *, pytrace: bool = False) -> NoReturn:
    """Fail the test with *message*; under pytest without a traceback, unless *pytrace*."""
    # The message says all, so an error that led to it is not shown.
    if "pytest" not in sys.modules:
        raise AssertionError(message) from None
    import pytest

    # Not an Exception, so that the code under test does not catch it.
    raise pytest.fail.Exception(message, pytrace=pytrace) from None
