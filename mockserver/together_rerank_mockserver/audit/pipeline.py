"""Call a pipeline: sync or async, each call in a thread of its own, and watch what it declares."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any

from together_rerank_mockserver import clock
from together_rerank_mockserver.audit.outcome import Observed

NO_VALUE: Any = object()


@dataclass(frozen=True, slots=True)
class Declaration:
    """How a pipeline declares a fallback.

    Attributes:
        log: a log record declares a fallback if this matches its message.
        argument: the name of an argument of the pipeline; it gets a function, and calling it declares a fallback.
        value: what the pipeline returns for a fallback, or a function of what it returns that says whether it is one.
    """

    log: re.Pattern[str] | None = None
    argument: str | None = None
    value: Any = NO_VALUE

    def is_declared_by(self, returned: Any) -> bool:
        if self.value is NO_VALUE:
            return False
        with contextlib.suppress(Exception):  # a value that the function does not expect
            return bool(self.value(returned) if callable(self.value) else returned == self.value)
        return False


class _Running:
    """A call in progress."""

    def __init__(self) -> None:
        self.declared: str | None = None
        self.observed: Observed | None = None
        self.raised: BaseException | None = None  # ends the test, such as that of `pytest.fail`
        self.is_over = threading.Event()


_loop_lock = threading.Lock()
_loops: list[asyncio.AbstractEventLoop] = []
_current: ContextVar[_Running | None] = ContextVar("rerank_audit_call", default=None)


class Pipeline:
    """The callable *search* with its arguments `query` and `passages`; a call takes at most *patience_s* seconds.

    *read* turns what it returns into a list of passages or indexes.
    """

    def __init__(
        self,
        search: Callable[..., Any],
        patience_s: float,
        declaration: Declaration,
        read: Callable[[Any], Any] | None = None,
    ) -> None:
        self._search = search
        self._patience_s = patience_s
        self._declaration = declaration
        self._read = read
        self._tasks: list[Future[Any]] = []
        self._lock = threading.Lock()
        self._running: set[_Running] = set()
        # How many log records declared a fallback outside the context of a call, while several calls were running.
        self.unassigned = 0

    def call(self, query: str, passages: Sequence[str]) -> Observed:
        """Return what one call of the pipeline did; raise exceptions that end the test, such as that of pytest.fail."""
        running = _Running()
        began = clock.monotonic()
        context = copy_context()
        context.run(_current.set, running)
        with self._lock:
            self._running.add(running)
        work = threading.Thread(
            target=context.run, args=(self._run, running, query, list(passages)), daemon=True, name="rerank-audit"
        )
        work.start()
        running.is_over.wait(self._patience_s)
        with self._lock:
            self._running.discard(running)
        if running.raised is not None:
            raise running.raised
        return running.observed or Observed(seconds=clock.monotonic() - began, is_hung=True)

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """While active, log records can declare a fallback. Then cancel the async calls that are still running."""
        before = logging.getLogRecordFactory()
        log = self._declaration.log
        if log is not None:
            logging.setLogRecordFactory(self._factory(log, before))
        try:
            yield
        finally:
            if log is not None:
                logging.setLogRecordFactory(before)
            for task in self._tasks:
                task.cancel()

    def _run(self, running: _Running, query: str, passages: list[str]) -> None:
        began = clock.monotonic()
        returned: Any = None
        error: BaseException | None = None
        read_error: Exception | None = None

        def declare(*_: Any, **__: Any) -> None:
            running.declared = running.declared or "argument"

        arguments = {self._declaration.argument: declare} if self._declaration.argument else {}
        try:
            returned = self._search(query, passages, **arguments)
            if inspect.isawaitable(returned):
                returned = self._result(returned)
            if self._declaration.is_declared_by(returned):
                running.declared = "value"
            returned, read_error = self._read_from(returned)
        except (Exception, SystemExit, asyncio.CancelledError) as raised:  # noqa: BLE001  # an outcome
            error = raised
        except BaseException as raised:  # noqa: BLE001  # such as pytest's: raised again by `call`
            running.raised = raised
        seconds = clock.monotonic() - began
        running.observed = Observed(returned, error, seconds, declared=running.declared, read_error=read_error)
        running.is_over.set()

    def _read_from(self, returned: Any) -> tuple[Any, Exception | None]:
        """Return what `read` makes of *returned*; *returned* itself and the error if `read` fails."""
        if self._read is None or returned is None:
            return _listed(returned), None
        try:
            return _listed(self._read(returned)), None
        except Exception as error:  # noqa: BLE001  # a fallback can have another type, which `read` does not expect
            return returned, error

    def _result(self, awaitable: Any) -> Any:
        task = asyncio.run_coroutine_threadsafe(_awaited(awaitable), _event_loop())
        self._tasks.append(task)
        returned, error = task.result()
        if error is not None:
            raise error
        return returned

    def _factory(
        self, log: re.Pattern[str], before: Callable[..., logging.LogRecord]
    ) -> Callable[..., logging.LogRecord]:
        def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
            record = before(*args, **kwargs)
            with contextlib.suppress(Exception):  # a message whose arguments do not fit
                if log.search(record.getMessage()):
                    self._declare_by_log()
            return record

        return factory

    def _declare_by_log(self) -> None:
        running = _current.get()
        with self._lock:
            # The record comes from a thread or task without the context of a running call.
            if running is None or running.is_over.is_set():
                if len(self._running) != 1:
                    self.unassigned += 1
                    return
                (running,) = self._running
        running.declared = running.declared or "log"


def _event_loop() -> asyncio.AbstractEventLoop:
    """Return the loop of all async calls, which runs until the process ends.

    Clients belong to the loop of their first call, and several audits can use the same client.
    """
    with _loop_lock:
        if not _loops:
            _loops.append(asyncio.new_event_loop())
            threading.Thread(target=_loops[0].run_forever, daemon=True, name="rerank-audit-loop").start()
        return _loops[0]


async def _awaited(value: Any) -> tuple[Any, BaseException | None]:
    """Return what *value* returns or raises. SystemExit and the like would end the event loop if they were raised."""
    try:
        return await value, None
    except BaseException as error:  # noqa: BLE001  # raised by the caller
        return None, error


def _listed(returned: Any) -> Any:
    """Return a list of the items of *returned*; other values as they are."""
    if isinstance(returned, list) or returned is None or isinstance(returned, str | bytes | dict):
        return returned
    return list(returned) if hasattr(returned, "__iter__") else returned
