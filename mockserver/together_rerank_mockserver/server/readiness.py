"""Announce the URL of a server process when it is ready."""

import errno
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from together_rerank_mockserver.api.messages import HEALTH
from together_rerank_spec import TOGETHER, dialects

PROGRAM = "together-rerank-mock"


@dataclass(frozen=True, slots=True)
class Readiness:
    """How to announce that the mock is ready."""

    as_json: bool = False  # the line on stdout is a JSON object
    ready_file: Path | None = None  # the file to write the URL to, atomically
    key: str | None = None  # the key in the client hints on stderr; None prints no hints
    dialect: str = TOGETHER  # the API at the root

    def publish_when_healthy(self, url: str, pid: int) -> None:
        """Wait until the mock at *url* answers, then announce it; *pid* is the process to stop."""
        while not is_healthy(url):
            time.sleep(0.001)
        try:
            self._publish(url, pid)
        except OSError as error:  # stdout or stderr has no reader, or the folder of the ready file is gone
            with suppress(OSError):
                print(f"{PROGRAM}: cannot announce {url}: {error}", file=sys.stderr, flush=True)

    def _publish(self, url: str, pid: int) -> None:
        if self.ready_file:
            _write_whole(self.ready_file, f"{url}\n")
        if self.key and sys.stderr:  # before the ready line, because a reader may stop after that line
            together = url if self.dialect == TOGETHER else f"{url}/{TOGETHER}"
            sdks = f"  Together's SDKs  TOGETHER_BASE_URL={together}  TOGETHER_API_KEY={self.key}"
            litellm = f"  LiteLLM          TOGETHER_AI_API_BASE={together}  TOGETHER_API_KEY={self.key}"
            others = f"  Other APIs       {url}/{', /'.join(name for name in dialects() if name != self.dialect)}"
            print(sdks, litellm, others, sep="\n", file=sys.stderr, flush=True)
        ready = json.dumps({"event": "ready", "url": url, "port": int(url.rpartition(":")[2]), "pid": pid})
        print(ready if self.as_json else f"{PROGRAM} listening on {url}", flush=True)

    @contextmanager
    def ready_file_of(self, url: str) -> Iterator[None]:
        """Check that the ready file can be written, and remove an old one; remove it at the end if it has *url*."""
        path = self.ready_file
        if path is None:
            yield
            return
        if path.exists() and not path.is_file():
            raise OSError(errno.EEXIST, "it exists and is not a regular file", str(path))
        _write_whole(path, "")
        path.unlink(missing_ok=True)
        try:
            yield
        finally:
            with suppress(OSError):
                if path.read_text().strip() == url:
                    path.unlink()


def is_healthy(url: str) -> bool:
    import http.client  # slow to import

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
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


class ServerDied(Exception):
    """The server process ended without a stop signal."""
