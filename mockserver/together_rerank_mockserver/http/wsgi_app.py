"""The WSGI application that servers run. It loads Flask only when a request needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from typing import TYPE_CHECKING, Any

from together_rerank_mockserver.http import access
from together_rerank_mockserver.http.base_path import below_base_path
from together_rerank_mockserver.http.wsgi import OPERATION, Mock, application, move, path_of

if TYPE_CHECKING:
    from flask import Flask


class WsgiApp:
    """Answers rerank operations, health checks and metrics itself, and all other requests with Flask.

    Importing Flask takes a third of the start time, and the first requests rarely need it. So the first request that
    needs Flask imports it. A background thread does not, because a shutdown would have to wait for that thread.
    Code that answers a call must not import Flask or Werkzeug: if two threads import different modules of one package,
    Python can detect a deadlock and raise an error.
    """

    def __init__(self, mock: Mock) -> None:
        self.mock = mock
        self._flask: Flask | None = None
        self._lock = Lock()
        self._rerank = access.allow(mock.rerank_or_move, mock.settings.cors)
        self._views = {path: access.allow(application(view), mock.settings.cors) for path, view in mock.views.items()}
        self._below = below_base_path(self._route, mock)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        return self._below(environ, start_response)

    def _route(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], path_of(environ)
        if method == "POST" and (endpoint := self.mock.operations.at(path)):
            environ[OPERATION] = endpoint
            return self._rerank(environ, start_response)
        view = self._views.get(path) if method == "GET" else None
        if view and self.mock.settings.state is None:
            return view(environ, start_response)
        return move(lambda: (view or self.flask)(environ, start_response), environ)

    @property
    def flask(self) -> Flask:
        """The Flask application of the same mock; it answers all requests, the rerank operation included."""
        with self._lock:
            if self._flask is None:
                from together_rerank_mockserver.http.flask_app import build_app

                self._flask = build_app(self.mock)
            return self._flask
