"""Announce the URL of a server process when it is ready."""

import errno
import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from together_rerank_mockserver import clock
from together_rerank_mockserver.api.messages import HEALTH
from together_rerank_mockserver.settings import Settings
from together_rerank_spec import TOGETHER, dialects

PROGRAM = "together-rerank-mock"


@dataclass(frozen=True, slots=True)
class Readiness:
    """How to announce that the mock is ready."""

    as_json: bool = False  # the line on stdout is a JSON object
    ready_file: Path | None = None  # the file to write the URL to, atomically
    key: str | None = None  # the key in the client hints on stderr; None prints no hints

    def publish_when_healthy(self, settings: Settings, port: int, pid: int) -> None:
        """Wait until the mock with *settings* on *port* answers, then announce it; *pid* is the process to stop."""
        url = settings.url(port)
        while why_unhealthy(url, verify=False):
            clock.sleep(0.001)
        try:
            self._publish(settings, url, port, pid)
        except OSError as error:  # stdout or stderr has no reader, or the folder of the ready file is gone
            with suppress(OSError):
                print(f"{PROGRAM}: cannot announce {url}: {error}", file=sys.stderr, flush=True)

    def _publish(self, settings: Settings, url: str, port: int, pid: int) -> None:
        if self.ready_file:
            _write_whole(self.ready_file, f"{url}\n")
        if self.key and sys.stderr:  # before the ready line, because a reader may stop after that line
            together = url if settings.dialect == TOGETHER else f"{url}/{TOGETHER}"
            sdks = f"  Together's SDKs  TOGETHER_BASE_URL={together}  TOGETHER_API_KEY={self.key}"
            litellm = f"  LiteLLM          TOGETHER_AI_API_BASE={together}  TOGETHER_API_KEY={self.key}"
            others = f"  Other APIs       {url}/{', /'.join(name for name in dialects() if name != settings.dialect)}"
            closed = settings.why_admin_is_closed
            admin = [f"  Control plane    {closed}"] if closed else []
            print(sdks, litellm, others, *admin, sep="\n", file=sys.stderr, flush=True)
        ready = json.dumps({"event": "ready", "url": url, "port": port, "pid": pid})
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


def why_unhealthy(url: str, *, verify: bool = True) -> str:
    """Return why the mock at *url* is not healthy; empty if it is. Without *verify*, any certificate is accepted."""
    import http.client  # slow to import
    import ssl

    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=1)
    if parts.scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if verify:
            context.load_default_certs()
        else:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(parts.netloc, timeout=1, context=context)
    try:
        with closing(connection):
            connection.request("GET", f"{parts.path}{HEALTH}")
            status = connection.getresponse().status
            return "" if status == 200 else f"the last answer was {status}"
    except ssl.SSLCertVerificationError as error:
        return f"the last error was: certificate verify failed: {error.verify_message}"
    except OSError as error:
        return f"the last error was: {error.strerror or error}"
    except http.client.HTTPException:
        return "the last answer was not HTTP"


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
