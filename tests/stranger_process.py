"""Servers that somebody else wrote, as processes that a test starts and ends."""

import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

from mock_process import environment


@contextmanager
def started(command, port, log, **changes):
    """Run a server until the test is over; it answers when the test begins."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment(**changes), stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 120
        while not answers(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(port):
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
