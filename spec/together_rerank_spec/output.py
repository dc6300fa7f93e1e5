"""The standard streams of a command: whole at its start, flushed at its end."""

import os
import sys


def open_output() -> None:
    """Open the null device for each standard descriptor that is closed.

    Otherwise the next socket would get its number, and what is written to stderr would go to another program.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


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
