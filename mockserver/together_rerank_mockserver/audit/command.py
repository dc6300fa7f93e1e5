"""A command as a pipeline: it reads a query and passages as JSON from stdin, and prints passages or indexes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from together_rerank_mockserver.audit.outcome import CommandFailed, shown

# Errors of the code, as Python, JavaScript, Ruby and Go print them. A TypeError of JavaScript's fetch is none.
_CRASH = re.compile(
    r"^(?:Uncaught |panic: |\S+: )?(?:KeyError|IndexError|TypeError(?!: (?:fetch failed|terminated))|AttributeError"
    r"|NameError|AssertionError|UnboundLocalError|ZeroDivisionError|ReferenceError|RangeError|NoMethodError"
    r"|runtime error)\b",
    re.MULTILINE,
)
# The line that names an error.
_NAMED = re.compile(r"(?:Uncaught )?[\w.$]*(?:Error|Exception)\b")


class Command:
    """The command *arguments*, run once for each call with *environment*; killed a second after *patience_s*.

    A match of *fallback_log* on stderr declares a fallback. So does the field *fallback_field*, if stdout is an object
    with `passages` or `indexes`.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        patience_s: float,
        *,
        top_n: int | None = None,
        fallback_log: re.Pattern[str] | None = None,
        fallback_field: str | None = None,
    ) -> None:
        self._arguments = list(arguments)
        self._environment = {**os.environ, **environment}
        self._patience_s = patience_s
        self._top_n = top_n
        self._log = fallback_log
        self._field = fallback_field
        self._processes: set[subprocess.Popen[bytes]] = set()

    def __call__(self, query: str, passages: list[str], declare: Callable[[], None]) -> Any:
        """Return what the command prints.

        Raises:
            CommandFailed: its exit status is not 0, or its output is not JSON.
            OSError: it cannot be started.
        """
        given = json.dumps({"query": query, "passages": passages, "top_n": self._top_n}).encode()
        status, output, errors = self._run(given)
        if self._log is not None and self._log.search(errors):
            declare()
        if status:
            why = _last_line(errors)
            ended = f"ended with exit status {status}{f': {why}' if why else ''}"
            raise CommandFailed(ended, is_crash=_is_crash(status, errors))
        if not output.strip():
            return None  # a command that hides its error often prints nothing
        try:
            returned = json.loads(output.removeprefix("\ufeff"))
        except ValueError as error:
            raise CommandFailed(f"printed {shown(output)}, which is not JSON", is_crash=False) from error
        if isinstance(returned, dict) and ("passages" in returned or "indexes" in returned):
            if self._field is not None and returned.get(self._field):
                declare()
            return returned.get("passages", returned.get("indexes"))
        return returned

    def _run(self, given: bytes) -> tuple[int, str, str]:
        with subprocess.Popen(  # noqa: S603  # the user's own command
            self._arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment,
            start_new_session=True,
        ) as process:
            self._processes.add(process)
            try:
                output, errors = process.communicate(given, self._patience_s + 1)  # the audit gives up first
            finally:
                _kill(process)
                self._processes.discard(process)
        return process.returncode, output.decode(errors="replace"), errors.decode(errors="replace")

    def close(self) -> None:
        """Kill the processes that are still running."""
        for process in list(self._processes):
            _kill(process)
            process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill *process* and all processes that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _is_crash(status: int, errors: str) -> bool:
    return status < 0 or _CRASH.search(errors) is not None


def _last_line(text: str) -> str:
    """Return the line of *text* that names the error: the last one with an error's name, or else the last one."""
    lines = [line for line in text.splitlines() if line.strip()]
    named = [line for line in lines if _NAMED.match(line)]
    return (named or lines or [""])[-1][:200]
