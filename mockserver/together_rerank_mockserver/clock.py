"""The clocks of the mock. They are real even in a test that replaces the functions of `time`.

The pytest plugin imports this module when pytest starts, before a test can replace them.
"""

import sys
import time
from contextlib import suppress
from functools import partial

# Wrapped, because freezegun replaces the functions of `time` under any name in any module.
monotonic = partial(time.monotonic)
sleep = partial(time.sleep)
_now = partial(time.time)


def now() -> float:
    """Return the seconds since 1970."""
    # time-machine changes `time.time` itself, so that a wrapper does not help.
    time_machine = sys.modules.get("time_machine")
    if time_machine and time_machine.escape_hatch.is_travelling():
        with suppress(ValueError):  # the test has just ended its travel
            return float(time_machine.escape_hatch.time.time())
    return _now()
