"""The worker of granian: how many threads and connections it has, whatever application it serves."""

from __future__ import annotations

import os
import sys
from typing import Any

from together_rerank_mockserver import stopping

# How many requests can be kept waiting at once; threads are started as they are needed, and cost nothing before.
# What fewer would save, and what it would cost, stands in docs/benchmarks.md.
THREADS = 512
# A call computes for less than this, and is done sooner if it is not made to let others in.
_SWITCH_S = 0.05
# Connections may be many more, most of them idle.
_CONNECTIONS = 8192


def granian(name: str, address: str, port: int) -> Any:
    """Return granian for the module *name*, with one worker, and serving nothing yet."""
    from granian import Granian
    from granian.constants import Interfaces

    return Granian(
        name,
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=THREADS,
        backpressure=_CONNECTIONS,
        log_enabled=False,
        workers_kill_timeout=stopping.GRACE_S,
    )


def set_up() -> None:
    """Change what all that runs in the process of the worker has; to be called there."""
    # Granian puts the environment of the process into that of each request, where HTTP_PROXY is a header.
    os.environ.clear()
    sys.setswitchinterval(_SWITCH_S)
