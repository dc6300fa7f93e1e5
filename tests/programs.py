"""Find the programs of the machine that some tests need."""

import os
import shutil
import subprocess

import pytest

# Debian installs servers in a folder that is not on the path of every user.
_PATH = f"{os.environ['PATH']}:/usr/sbin"


def program(name):
    """Return the path of a program; if it is missing, skip the test, and fail it in CI."""
    return shutil.which(name, path=_PATH) or _unavailable(f"{name} is not installed")


def namespaces():
    """Return the beginning of a command that runs the rest as process 1, on file systems of its own."""
    command = [program("unshare"), "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"]
    ran = subprocess.run([*command, "true"], check=False, capture_output=True, text=True)
    return _unavailable(f"this user cannot create namespaces: {ran.stderr}") if ran.returncode else command


def _unavailable(why):
    return pytest.fail(why) if "CI" in os.environ else pytest.skip(why)
