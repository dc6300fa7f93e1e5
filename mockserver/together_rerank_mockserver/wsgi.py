"""The mock as a server runs it: one WSGI callable in front, and the Flask application once it is needed."""

from __future__ import annotations

import http
from collections.abc import Callable, Iterable
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from together_rerank_mockserver import access
from together_rerank_mockserver.call import HEALTH
from together_rerank_mockserver.delivery import Outgoing
from together_rerank_mockserver.mock import Mock

if TYPE_CHECKING:
    from flask import Flask


class WsgiApp:
    """A WSGI application that answers the operation and the health itself, and has Flask answer all else.

    Importing Flask takes a third of a start, and what a client sends first needs none of it. It is imported for the
    first request that needs it, not by a thread of its own: one that a stop finds importing would hold the stop up.
    Nothing on the way of a call may import Flask or Werkzeug by itself: two threads that enter a package by different
    modules wait for each other, and Python ends that with an error.
    """

    def __init__(self, mock: Mock) -> None:
        self.mock = mock
        self._flask: Flask | None = None
        self._lock = Lock()
        self._direct: dict[tuple[str, str], Callable[[dict[str, Any]], Outgoing]] = {("GET", HEALTH): mock.health}
        self._direct |= {("POST", route): mock.rerank for route in mock.endpoint.document.routes}
        self._answer_directly = access.allow(self._answer, mock.settings.cors)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        is_direct = (environ["REQUEST_METHOD"], environ["PATH_INFO"]) in self._direct
        return (self._answer_directly if is_direct else self.flask)(environ, start_response)

    @property
    def flask(self) -> Flask:
        """The Flask application of the same mock; it answers everything, the operation too."""
        with self._lock:
            if self._flask is None:
                from together_rerank_mockserver.app import flask_app

                self._flask = flask_app(self.mock)
            return self._flask

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, headers, body = self._direct[environ["REQUEST_METHOD"], environ["PATH_INFO"]](environ)
        start_response(_status_line(status), headers)
        return body


@lru_cache(maxsize=64)
def _status_line(status: int) -> str:
    """Return *status* with its reason, as Flask writes it."""
    try:
        return f"{status} {http.HTTPStatus(status).phrase.upper()}"
    except ValueError:
        return f"{status} UNKNOWN"
