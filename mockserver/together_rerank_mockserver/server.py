"""The mock as a process: granian around the application, with one line when it is ready."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from together_rerank_mockserver.app import HEALTH, create_app
from together_rerank_mockserver.settings import Settings

# How many requests can be slow at once; more threads than this cost throughput at every load measured.
THREADS = 256
STOP_S = 5
# Granian would start over at a hangup.
_STOPPING = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is told once the mock answers, and where.

    Attributes:
        as_json: the line on stdout is a JSON object.
        ready_file: gets the URL, all of it or nothing.
        key: what stderr says to send as a key when it says how to point a client here; None says nothing.
    """

    as_json: bool = False
    ready_file: Path | None = None
    key: str | None = None

    def make(self, url: str) -> None:
        """Tell that the mock answers at *url*."""
        if self.ready_file:
            _write_whole(self.ready_file, f"{url}\n")
        ready = json.dumps({"event": "ready", "url": url, "port": int(url.rpartition(":")[2]), "pid": os.getppid()})
        print(ready if self.as_json else f"together-rerank-mock listening on {url}", flush=True)
        if self.key and sys.stderr:
            print(
                f"  Together's SDKs  TOGETHER_BASE_URL={url}  TOGETHER_API_KEY={self.key}\n"
                f"  LiteLLM          TOGETHER_AI_API_BASE={url}  TOGETHER_API_KEY={self.key}",
                file=sys.stderr,
                flush=True,
            )


def serve(settings: Settings, *, host: str, port: int, announcement: Announcement) -> None:
    """Serve until SIGINT or SIGTERM, then finish what is in flight, for STOP_S seconds at most.

    Raises:
        DocumentError: the document cannot be read, or not be honoured.
        OSError: the address cannot be listened on, or the ready file not be written.
        ServerDied: it ended without being told to.
    """
    _application(settings)  # in the parent, where a fault still has a reader; a forked worker inherits it
    from granian import Granian
    from granian.constants import Interfaces

    with reserve(host, port) as reserved:
        address, port = reserved.getsockname()[:2]
        server = Granian(
            __name__,
            address=address,
            port=port,
            interface=Interfaces.WSGI,
            workers=1,
            blocking_threads=THREADS,
            log_enabled=False,
            workers_kill_timeout=STOP_S,
        )
        server.on_startup(partial(_stop_at_a_signal, server.signal_handler_interrupt))
        url = f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
        with _ready_file(announcement.ready_file, url):
            try:
                server.serve(target_loader=partial(_load, settings, url, announcement), wrap_loader=False)
            except SystemExit as fault:
                raise ServerDied("the server process died") from fault


class ServerDied(Exception):
    """The process that answers was killed, or crashed."""


@contextmanager
def _ready_file(path: Path | None, url: str) -> Iterator[None]:
    """See that *path* can be written and is not there yet; at the end remove it, if another mock has not taken it."""
    if path is None:
        yield
        return
    _write_whole(path, "")
    path.unlink(missing_ok=True)
    try:
        yield
    finally:
        with suppress(OSError):
            if path.read_text().strip() == url:
                path.unlink()


def _stop_at_a_signal(stop: Callable[[], None]) -> None:
    """Have the first of the stopping signals call *stop*, and let those after it pass.

    Granian's own handler takes a lock that the interrupted thread may hold: of two signals in a row (make passes
    on what the terminal has sent already) the second would block for ever. A thread of its own only waits.
    """

    def handle(_signal: int, _frame: object) -> None:
        for each in _STOPPING:
            signal.signal(each, signal.SIG_IGN)
        threading.Thread(target=stop).start()

    for each in _STOPPING:
        signal.signal(each, handle)


def reserve(host: str, port: int) -> socket.socket:
    """Return a socket that holds *port*, a free one for 0, without listening; granian can listen beside it.

    Granian binds with SO_REUSEPORT, which would let two mocks share a port in silence; so the port is
    first bound without it, which fails when anybody listens there.

    Raises:
        OSError: the port is taken, or *host* is no address of this machine.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        free = probe.getsockname()
    held = socket.socket(family, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(free)
    return held


@lru_cache(maxsize=1)
def _application(settings: Settings) -> Callable[..., Any]:
    return create_app(settings)


def _load(settings: Settings, url: str, announcement: Announcement) -> Callable[..., Any]:
    """Return the application, in the worker; tell when it answers, and stop when the parent is gone."""
    threading.Thread(target=_announce, args=(url, announcement), daemon=True).start()
    threading.Thread(target=_follow_parent, daemon=True).start()
    return _application(settings)


def _announce(url: str, announcement: Announcement) -> None:
    while not is_healthy(url):
        time.sleep(0.005)
    try:
        announcement.make(url)
    except OSError as fault:  # stdout was closed, or the ready file's folder is gone: nobody can learn of it
        print(f"together-rerank-mock: cannot announce {url}: {fault}", file=sys.stderr)


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(STOP_S)
        os._exit(0)


def is_healthy(url: str, timeout: float = 1.0) -> bool:
    """Return whether a mock at *url*, scheme and host, answers that it is well."""
    scheme, _, host = url.partition("://")
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    try:
        with closing(kind(host, timeout=timeout)) as connection:
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
