"""The standard streams of a command, at the end of its process."""

import os
import sys


def close_output() -> None:
    """Flush stdout and stderr; what nobody can read goes nowhere, so that Python's own flush at exit cannot fail.

    That flush would print "Exception ignored ..." and turn the exit status into 120.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is None:  # closed before the start
            continue
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
