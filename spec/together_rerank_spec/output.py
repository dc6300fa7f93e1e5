"""Flush the standard streams when a command exits."""

import os
import sys


def close_output() -> None:
    """Flush stdout and stderr; if that fails, redirect the stream to the null device.

    Otherwise Python's own flush at exit would print "Exception ignored ..." and turn the exit status into 120.
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
