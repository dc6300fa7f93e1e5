"""Open the standard streams of a command at its start, and flush them at its end."""

import os
import sys


def open_output() -> None:
    """Open the null device for each standard descriptor that is closed.

    Otherwise a socket could get the number of the closed descriptor, and output to stderr would go to another program.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def close_output() -> None:
    """Flush stdout and stderr; if that fails, redirect the stream to the null device.

    Otherwise Python's own flush at exit would print "Exception ignored ..." and turn the exit status into 120.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is None:  # it was already closed when the command started
            continue
        try:
            stream.flush()
        except OSError:
            null_device = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null_device, stream.fileno())
            os.close(null_device)
