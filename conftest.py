"""Profiles of Hypothesis for every suite: `dev` is quick, `ci` is thorough and the same on every run."""

import os
from pathlib import Path

# What Hypothesis computes once of Unicode; each Schemathesis in a folder of its own would do so again.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(__file__).with_name(".hypothesis")))

from hypothesis import settings

settings.register_profile("dev", max_examples=25, deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
