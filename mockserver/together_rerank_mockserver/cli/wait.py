"""The command `wait`: wait until a mock is healthy."""

import math
import sys
from threading import Thread

import click

from together_rerank_mockserver import clock
from together_rerank_mockserver.cli.options import COMMAND, Duration, option, url_argument
from together_rerank_mockserver.server.readiness import PROGRAM, why_unhealthy
from together_rerank_spec.progress_line import ProgressLine


@click.command(context_settings=COMMAND)
@url_argument
@option("--timeout", type=Duration("s"), default=10.0, metavar="S", help="Timeout in seconds.")
def wait(url: str, timeout: float) -> int:
    """Wait until the mock at URL is healthy: until URL/health answers 200.

    Exit status: 0 healthy, 1 the timeout expired.
    """
    if not 0 <= timeout < math.inf:
        raise click.BadParameter(f"must be seconds from 0, not {timeout}", param_hint="--timeout")
    deadline = clock.monotonic() + timeout
    with ProgressLine(lambda: (f"waiting at most {timeout:g} s for a healthy mock", 0)):
        while (why := _why_unhealthy(url, deadline)) and clock.monotonic() < deadline:
            clock.sleep(0.02)
    if why:
        print(f"{PROGRAM}: no healthy mock at {url} within {timeout:g} s; {why}", file=sys.stderr)
    return 1 if why else 0


def _why_unhealthy(base: str, deadline: float) -> str:
    """Call `why_unhealthy`, but return soon after *deadline*, because an answer may never end."""
    found = ["the last answer did not end"]
    probe = Thread(target=lambda: found.append(why_unhealthy(base)), daemon=True)
    probe.start()
    probe.join(max(1.5, deadline - clock.monotonic()))
    return found[-1]
