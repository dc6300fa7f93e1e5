"""The mock on granian: a process that listens, and a worker with the application."""

import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from together_rerank_mockserver.api.messages import MAX_HEAD
from together_rerank_mockserver.http.wsgi import Mock
from together_rerank_mockserver.http.wsgi_app import WsgiApp
from together_rerank_mockserver.server.granian_front import GranianFront
from together_rerank_mockserver.server.readiness import PROGRAM, Readiness, ServerDied
from together_rerank_mockserver.server.signals import GRACE_S, LINGER_S, StopSignals
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state.delay_limiter import MAX_WAITING, DelayLimiter
from together_rerank_spec.urls import url_of

# The calls that wait leave some for others; a thread starts, and costs, only when it is needed.
_THREADS = MAX_WAITING + 112
# A call computes for less than this, and finishes sooner if no other thread interrupts it.
_SWITCH_S = 0.05
# There may be many more connections than threads, most of them idle.
_CONNECTIONS = 8192
# A parent that stops has told its worker long before.
_TOLD_S = 1


def serve(settings: Settings, *, port: int, readiness: Readiness) -> None:
    """Serve until a signal, then finish what is in flight, for `GRACE_S` seconds at most.

    Raises:
        DocumentError: the document cannot be read, or not be honoured.
        OSError: the address cannot be listened on, or the ready file not be written.
        ServerDied: it ended without being told to.
    """
    with reserve(settings.host, port) as reserved:
        address, port = reserved.getsockname()[:2]
        settings = replace(settings, host=address)
        # Build it in the parent, which can still report an error; a forked worker inherits it.
        front, _ = _application(settings)
        for fault in [spec.fault for spec in front.app.mock.endpoint.selector.configured if spec.fault.server]:
            warning = f"`{fault.name}` will be answered with 501: it needs --server {fault.server}"
            print(f"{PROGRAM}: {warning}", file=sys.stderr)
        server = granian(__name__, address, port)
        lifeline, held = Pipe(duplex=False)
        url = url_of(address, port)
        with readiness.ready_file_of(url), StopSignals() as signals:
            stopped = threading.Event()

            def stop() -> None:
                signals.wait()
                stopped.set()
                held.close()
                time.sleep(LINGER_S)
                server.signal_handler_interrupt()

            server.on_startup(signals.install)  # again, because granian has installed handlers of its own
            threading.Thread(target=stop, daemon=True).start()
            try:
                loader = partial(_load, settings, url, readiness, lifeline, held)
                server.serve(target_loader=loader, wrap_loader=False)
            except SystemExit as fault:
                if not stopped.is_set():  # a signal to all processes also ends the worker
                    raise ServerDied("the server process died") from fault


def granian(name: str, address: str, port: int) -> Any:
    """Return a Granian for the module *name*, with one worker, that does not serve yet."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings

    return Granian(
        name,
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,  # HTTP/2 would go past the limits of GranianFront
        workers=1,
        blocking_threads=_THREADS,
        backpressure=_CONNECTIONS,
        log_enabled=False,
        http1_settings=HTTP1Settings(max_buffer_size=MAX_HEAD),
        workers_kill_timeout=GRACE_S,
    )


def set_up() -> None:
    """Change settings of the worker process; call it there."""
    # Granian copies the process environment into each request's environ, where HTTP_PROXY would be a header.
    os.environ.clear()
    sys.setswitchinterval(_SWITCH_S)


def reserve(host: str, port: int) -> socket.socket:
    """Return a socket that holds *port*, a free one for 0, without listening; granian can listen beside it.

    Granian binds with SO_REUSEPORT, which would silently let two mocks share a port; so the port is first bound
    without it, which raises OSError if another process listens there.
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
def _application(settings: Settings) -> tuple[GranianFront, threading.Event]:
    stopping = threading.Event()
    limiter = DelayLimiter(stopping)
    return GranianFront(WsgiApp(Mock(settings, limiter)), limiter, settings.read_timeout_s), stopping


def _load(
    settings: Settings, url: str, readiness: Readiness, lifeline: Connection, held: Connection
) -> Callable[..., Any]:
    """Return the application, in the worker; tell when it answers, and stop when the parent does, or is gone."""
    held.close()  # the worker's own copy, which would keep the lifeline open
    # What a terminal sends to all of its group is for the parent alone, which then ends the worker.
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)  # else a signal to the worker would stop the parent
    set_up()
    front, stopping = _application(settings)
    publish = partial(readiness.publish_when_healthy, url, os.getppid())
    threading.Thread(target=publish, daemon=True).start()
    threading.Thread(target=_follow_parent, args=(lifeline, stopping), daemon=True).start()
    return front


def _follow_parent(lifeline: Connection, stopping: threading.Event) -> None:
    with suppress(EOFError):
        lifeline.recv()  # nothing is ever sent: it ends when the parent closes its end
    stopping.set()
    # A parent that stops sends SIGTERM itself, and takes a worker that ends before for a crash. But Python does not
    # handle a signal that another thread gets, or that comes just before the main thread blocks.
    if parent := multiprocessing.parent_process():
        parent.join(_TOLD_S)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)  # type: ignore[arg-type]
    time.sleep(GRACE_S)
    os._exit(0)
