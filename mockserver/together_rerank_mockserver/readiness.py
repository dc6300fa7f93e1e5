"""Announce the URL of a server process when it is ready, and stop it on signals."""

import errno
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from together_rerank_mockserver.call import HEALTH

PROGRAM = "together-rerank-mock"
# At a stop, calls in flight have this long to finish.
GRACE_S = 5
# First, a client that reuses its connection has this long to send one more request, whose answer ends the connection.
LINGER_S = 0.2
# SIGHUP is included because granian would restart on it.
STOP_SIGNALS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


@dataclass(frozen=True, slots=True)
class Readiness:
    """How to announce that the mock is ready."""

    as_json: bool = False  # the line on stdout is a JSON object
    ready_file: Path | None = None  # the file to write the URL to, atomically
    key: str | None = None  # the key in the client hints on stderr; None prints no hints

    def publish_when_healthy(self, url: str, pid: int) -> None:
        """Wait until a mock at *url* answers, then tell; *pid* is the process to stop."""
        while not is_healthy(url):
            time.sleep(0.001)
        try:
            self._publish(url, pid)
        except OSError as fault:  # nobody reads stdout or stderr, or the ready file's folder is gone
            with suppress(OSError):
                print(f"{PROGRAM}: cannot announce {url}: {fault}", file=sys.stderr, flush=True)

    def _publish(self, url: str, pid: int) -> None:
        if self.ready_file:
            _write_whole(self.ready_file, f"{url}\n")
        if self.key and sys.stderr:  # before the ready line: a reader may stop reading after that
            sdks = f"  Together's SDKs  TOGETHER_BASE_URL={url}  TOGETHER_API_KEY={self.key}"
            litellm = f"  LiteLLM          TOGETHER_AI_API_BASE={url}  TOGETHER_API_KEY={self.key}"
            print(sdks, litellm, sep="\n", file=sys.stderr, flush=True)
        ready = json.dumps({"event": "ready", "url": url, "port": int(url.rpartition(":")[2]), "pid": pid})
        print(ready if self.as_json else f"{PROGRAM} listening on {url}", flush=True)

    @contextmanager
    def ready_file_of(self, url: str) -> Iterator[None]:
        """See that the ready file can be written and is not there yet; at the end remove it, if it still says *url*."""
        path = self.ready_file
        if path is None:
            yield
            return
        if path.exists() and not path.is_file():
            raise OSError(errno.EEXIST, "it is there, and no regular file", str(path))
        _write_whole(path, "")
        path.unlink(missing_ok=True)
        try:
            yield
        finally:
            with suppress(OSError):
                if path.read_text().strip() == url:
                    path.unlink()


def is_healthy(url: str) -> bool:
    import http.client  # slow to import; what serves does so beside its first answers

    scheme, _, host = url.partition("://")
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    try:
        with closing(kind(host, timeout=1)) as connection:
            connection.request("GET", HEALTH)
            return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def _write_whole(path: Path, text: str) -> None:
    draft = path.parent / f".ready-{os.getpid()}"
    try:
        draft.write_text(text)
        if text:
            draft.replace(path)
    except OSError as fault:
        raise OSError(fault.errno, fault.strerror, str(path)) from fault
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


class ServerDied(Exception): ...


class StopSignals:
    """Inside a `with` block, stopping signals do not end the process; `wait` returns at the first one.

    A handler in Python runs only when the main thread wakes up, which a signal to another thread does not cause. So the
    handlers do nothing, and `wait` reads the byte that Python writes at a signal, whichever thread gets it.
    """

    def __init__(self) -> None:
        self._received, self._wakeup = socket.socketpair()
        self._wakeup.setblocking(False)

    def __enter__(self) -> Self:
        self.install()
        return self

    def install(self) -> None:
        signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)
        for each in STOP_SIGNALS:
            signal.signal(each, lambda *_: None)

    def wait(self) -> None:
        """Return at the first stopping signal; any thread can wait."""
        self._received.recv(1)

    def __exit__(self, *_: object) -> None:
        """Ignore signals from now on, because the process is about to exit."""
        for each in STOP_SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
