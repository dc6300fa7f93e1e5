"""Run the real command as a process, for the tests of every package."""

import http.client
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

COMMAND = Path(sys.executable).with_name("together-rerank-mock")
READY = "together-rerank-mock listening on "

KEY = {"Authorization": "Bearer key", "Content-Type": "application/json"}
BODY = json.dumps({"model": "m", "query": "llama", "documents": ["panda", "llama"]})
# Options for a run of pytest: disable other plugins, whose imports take a second.
_OTHERS = ("anyio", "asyncio", "cacheprovider", "hypothesispytest", "pytest_httpserver", "respx", "schemathesis")
ALONE = [f"-pno:{name}" for name in (*_OTHERS, "fakefs", "time_machine")]


# Which server the next mock runs on; the fixture below changes it.
_server = ["granian"]


@pytest.fixture(scope="module", params=["granian", "threaded"])
def server(request):
    """Run the tests of a module on each server."""
    _server[0] = request.param
    yield request.param
    _server[0] = "granian"


def environment(**changes):
    """Return the environment for a process of a test.

    It has no TOGETHER... and GITHUB... variables, no CI, with which pytest prints longer lines, no PYTHONUNBUFFERED,
    which hides missing flushes, and no COVERAGE..., because the measurement of every process takes as long as the
    tests.
    """
    left_out = ("TOGETHER", "GITHUB", "CI", "BUILD_NUMBER", "PYTHONUNBUFFERED", "COV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return {**kept, **changes}


class MockProcess:
    """A running mock: its address, and the lines that it has written to stderr."""

    def __init__(self, process, url):
        self.process = process
        self.url = url
        self.port = urlsplit(url).port
        self.lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        self.lines.extend(iter(self.process.stderr.readline, ""))

    def stop(self, signal_number, timeout=20):
        """Send a signal, read the rest of stderr, and return the exit status."""
        self.process.send_signal(signal_number)
        status = self.process.wait(timeout)
        self.read_to_the_end()
        return status

    def read_to_the_end(self):
        self._reader.join(20)


def start(*arguments, start_new_session=False, **changes):
    return subprocess.Popen(
        [COMMAND, "serve", "--port", "0", "--server", _server[0], *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**changes),
        start_new_session=start_new_session,
    )


@contextmanager
def running(*arguments, **changes):
    """Start a mock on a free port; kill it at the end."""
    with start(*arguments, **changes) as process:
        line = process.stdout.readline()
        if not line.startswith(READY):
            process.kill()
            raise RuntimeError(f"the mock did not start: {line}{process.stderr.read()}")
        mock = MockProcess(process, line.removeprefix(READY).strip())
        try:
            yield mock
        finally:
            process.kill()
            mock.read_to_the_end()


def post(mock, body=BODY, headers=KEY, path="/v1/rerank"):
    connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=20)
    connection.request("POST", path, body, headers, encode_chunked="Transfer-Encoding" in headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, content
