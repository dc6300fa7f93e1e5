"""The mock as a server of its own runs it: calls and the health at once, and Flask for the rest, once it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from typing import TYPE_CHECKING, Any

from together_rerank_mockserver import health
from together_rerank_mockserver.delivery import Outgoing, outgoing
from together_rerank_mockserver.operation import Operation
from together_rerank_mockserver.paths import HEALTH

if TYPE_CHECKING:
    from flask import Flask


class Served:
    """A WSGI application that answers as the Flask application around *operation* does, without waiting for Flask.

    To import Flask takes a third of a start, and what a client asks first needs none of it. It is imported for the
    first request that needs it, not by a thread of its own: one that a stop finds importing would hold it up. Nothing
    on the way of a call may import Flask or Werkzeug by itself: two threads that enter a package by different modules
    wait for each other, and Python ends that with an error.
    """

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._flask: Flask | None = None
        self._lock = Lock()
        self._direct: dict[tuple[str, str], Callable[[dict[str, Any]], Outgoing]] = {}
        if not operation.settings.cors:  # of which every answer says something
            self._direct = {("POST", route): operation.answer for route in operation.document.routes}
            self._direct["GET", HEALTH] = self._health

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        answer = self._direct.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if answer is None:
            return self.flask()(environ, start_response)
        status, headers, body = answer(environ)
        start_response(f"{status} ", headers)  # Granian writes a reason of its own
        return body

    def flask(self) -> Flask:
        """Return the Flask application, built when it is first asked for."""
        with self._lock:
            if self._flask is None:
                from together_rerank_mockserver.app import around

                self._flask = around(self._operation)
            return self._flask

    def _health(self, _: dict[str, Any]) -> Outgoing:
        return outgoing(health.reply(), self._operation.waiting)
