"""What the numbers depend on beside the servers: the machine, its system, and the programs that run them."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

# For each program how it tells its version, and where it is from.
_PROGRAMS = {
    "wrk": (["wrk", "-v"], "on Debian: apt-get install wrk"),
    "node": (["node", "--version"], "Node.js 20 or newer"),
    "java": (["java", "-version"], "a runtime of Java 11 or newer"),
}


class Missing(Exception):
    """A program is not there that the benchmark needs."""


def facts() -> dict[str, str]:
    """Return the facts, none of which names the machine.

    Raises:
        Missing: a program is not there.
    """
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return {
        "processor": f"{_line('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores",
        "memory": f"{int(_line('/proc/meminfo', 'MemTotal').split()[0]) / 1e6:.0f} GB",
        "system": f"{system}, Linux {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        **{name: _version(name, *about) for name, about in _PROGRAMS.items()},
    }


def _line(file: str, name: str) -> str:
    found = re.search(rf"^{name}\s*:\s*(.*)$", Path(file).read_text(), re.MULTILINE)
    return found[1] if found else "unknown"


def _version(name: str, command: list[str], source: str) -> str:
    if shutil.which(name) is None:
        raise Missing(f"{name} is missing; {source}")
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+", told.stdout + told.stderr)
    return found[0] if found else "unknown"
