"""Serve with granian: a parent process, and a worker process that runs the application."""

import multiprocessing
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from together_rerank_mockserver import clock
from together_rerank_mockserver.api.messages import MAX_HEAD
from together_rerank_mockserver.http.wsgi import Mock
from together_rerank_mockserver.http.wsgi_app import WsgiApp
from together_rerank_mockserver.server.granian_calls import GranianCalls
from together_rerank_mockserver.server.granian_front import GranianFront
from together_rerank_mockserver.server.readiness import PROGRAM, Readiness, ServerDied
from together_rerank_mockserver.server.signals import GRACE_S, LINGER_S, StopSignals
from together_rerank_mockserver.server.thread_pool import ThreadPool
from together_rerank_mockserver.server.tls import check_certificate
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state.delay_limiter import MAX_WAITING, DelayLimiter

# More threads than calls that may wait for long, so that other calls move to a thread at once.
_WAITING_THREADS = MAX_WAITING + 112
# Longer than most calls compute, so that other threads rarely interrupt them.
_SWITCH_S = 0.05
# Many more connections than threads, because most of them are idle.
_CONNECTIONS = 8192
# The maximum delay between a signal and the thread that waits for it.
_SIGNAL_S = 0.5
# How long the worker waits for the SIGTERM of a parent that stops.
_SIGTERM_S = 1


def serve(settings: Settings, *, port: int, readiness: Readiness) -> None:
    """Serve until a stop signal, then let calls in flight finish, for at most `GRACE_S` seconds.

    Raises:
        DocumentError: the document cannot be read or served.
        OSError: the server cannot listen on the address, or cannot write the ready file.
        ServerDied: the worker ended without a stop signal.
        SettingsError: `fault` or `chaos` is invalid, or the certificate or its key cannot be used.
    """
    check_certificate(settings)
    with reserve(settings.host, port) as reserved:
        address, port = reserved.getsockname()[:2]
        settings = replace(settings, host=address)
        # Build the application in the parent, which can still report an error; the forked worker inherits it.
        front, _ = _application(settings)
        for fault in [spec.fault for spec in front.app.mock.operations.state.configured if spec.fault.server]:
            warning = f"calls get 501 instead of the fault `{fault.name}`, which needs --server {fault.server}"
            print(f"{PROGRAM}: {warning}", file=sys.stderr)
        server = granian(__name__, address, port, settings.tls_cert, settings.tls_key, settings.workers)
        lifeline, held = Pipe(duplex=False)
        turn, first = Pipe(duplex=False)
        first.send(None)  # for the one worker that announces the mock
        with readiness.ready_file_of(settings.url(port)), StopSignals() as signals:
            stopped = threading.Event()

            def stop() -> None:
                signals.wait()
                stopped.set()
                held.close()
                clock.sleep(LINGER_S)
                server.signal_handler_interrupt()

            server.on_startup(signals.install)  # again, because granian has installed handlers of its own
            threading.Thread(target=stop, daemon=True).start()
            try:
                loader = partial(_load, settings, port, readiness, lifeline, held, turn)
                server.serve(target_loader=loader, wrap_loader=False)
            except SystemExit as error:
                # A signal to all processes ends the worker, too, perhaps before `stop` has run.
                if not stopped.wait(_SIGNAL_S):
                    raise ServerDied("the server process died") from error


def granian(
    name: str, address: str, port: int, tls_cert: Path | None = None, tls_key: Path | None = None, workers: int = 1
) -> Any:
    """Return a Granian for the module *name* that does not serve yet."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces, Loops, SSLProtocols
    from granian.http import HTTP1Settings

    return Granian(
        name,
        address=address,
        port=port,
        interface=Interfaces.RSGI,  # unlike WSGI, it takes no thread for a call that waits
        loop=Loops.uvloop,  # a tenth less CPU than with asyncio's loop
        http=HTTPModes.http1,  # HTTP/2 would bypass the limits of GranianFront
        websockets=False,
        workers=workers,
        backpressure=_CONNECTIONS,
        log_enabled=False,
        http1_settings=HTTP1Settings(max_buffer_size=MAX_HEAD),
        workers_kill_timeout=GRACE_S,
        ssl_cert=tls_cert,
        ssl_key=tls_key,
        ssl_protocol_min=SSLProtocols.tls12,
    )


def set_up() -> None:
    """Change settings of the worker process; call it there."""
    sys.setswitchinterval(_SWITCH_S)


def reserve(host: str, port: int) -> socket.socket:
    """Return a socket that reserves *port*, or a free one for 0, without listening; granian can still listen on it.

    Granian binds with SO_REUSEPORT, which would silently let two mocks share a port. So the port is first bound without
    it, which raises OSError if another process listens there.
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
    settings: Settings, port: int, readiness: Readiness, lifeline: Connection, held: Connection, turn: Connection
) -> GranianCalls:
    """Return the application, in the worker: announce it when it answers, and stop it when the parent stops or dies."""
    held.close()  # the worker's copy would keep the lifeline open
    # A terminal signals the whole process group, but only the parent handles the signal and stops the worker.
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)  # otherwise a signal to the worker would stop the parent
    set_up()
    front, stopping = _application(settings)
    if _is_first(turn):
        publish = partial(readiness.publish_when_healthy, settings, port, os.getppid())
        threading.Thread(target=publish, daemon=True).start()
    threading.Thread(target=_follow_parent, args=(lifeline, stopping), daemon=True).start()
    return GranianCalls(front, ThreadPool(_WAITING_THREADS))


def _is_first(turn: Connection) -> bool:
    """Return whether this worker is the first to receive what *turn* contains once."""
    os.set_blocking(turn.fileno(), False)
    try:
        return bool(os.read(turn.fileno(), 64))  # all of it, so that no other worker reads a part
    except BlockingIOError:
        return False


def _follow_parent(lifeline: Connection, stopping: threading.Event) -> None:
    with suppress(EOFError):
        lifeline.recv()  # nothing is ever sent: it raises EOFError when the parent closes its end
    stopping.set()
    # The parent sends SIGTERM itself, and treats a worker that ends earlier as crashed. But Python does not handle a
    # signal that another thread receives, or that arrives just before the main thread blocks. So send it again later.
    if parent := multiprocessing.parent_process():
        parent.join(_SIGTERM_S)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)  # type: ignore[arg-type]
    clock.sleep(GRACE_S)
    os._exit(0)
