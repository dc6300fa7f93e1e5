"""Hypothesis profiles for all test suites: `dev` is quick, `ci` is thorough and repeats the same examples."""

import os
import signal
from pathlib import Path

# A shell can start a background command with SIGINT ignored. The processes that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Share Hypothesis's Unicode tables: each Schemathesis process in its own folder would compute them again.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(__file__).with_name(".hypothesis")))

from hypothesis import settings

settings.register_profile("dev", max_examples=25, deadline=None)
settings.register_profile("ci", max_examples=50, deadline=None, derandomize=True, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
