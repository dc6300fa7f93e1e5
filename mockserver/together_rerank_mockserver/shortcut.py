"""The shortcut: calls of the operation are answered before Flask's own work on a request, which costs far more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from flask import Flask, signals
from werkzeug.http import HTTP_STATUS_CODES

from together_rerank_mockserver.delivery import Outgoing

_SIGNALS = (
    signals.request_started,
    signals.request_finished,
    signals.request_tearing_down,
    signals.appcontext_pushed,
    signals.appcontext_popped,
    signals.appcontext_tearing_down,
)


class Shortcut:
    """A WSGI application: *answer* for what is posted to *routes*, and *app* for all else.

    Whatever an embedding application hooks into every request of *app* (before, after or at its end, or by one of
    Flask's signals) must see these calls too: as soon as there is such a hook, they all go through *app*.

    Args:
        answer: returns what *app* would send.
    """

    def __init__(self, app: Flask, routes: Iterable[str], answer: Callable[[dict[str, Any]], Outgoing]) -> None:
        self._app = app
        self._through_flask = app.wsgi_app
        self._routes = frozenset(routes)
        self._answer = answer
        self._own_hooks = [*app.before_request_funcs.get(None, ())]

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        is_call = environ.get("PATH_INFO") in self._routes and environ["REQUEST_METHOD"] == "POST"
        if not is_call or self._is_hooked():
            return self._through_flask(environ, start_response)
        status, headers, body = self._answer(environ)
        start_response(_status_line(status), headers)
        return body

    def _is_hooked(self) -> bool:
        app = self._app
        return bool(
            app.before_request_funcs.get(None) != self._own_hooks
            or app.after_request_funcs.get(None)
            or app.teardown_request_funcs.get(None)
            or app.url_value_preprocessors.get(None)
            or app.teardown_appcontext_funcs
            or any([signal.receivers for signal in _SIGNALS])
        )


@lru_cache(maxsize=64)
def _status_line(status: int) -> str:
    """Return *status* with its reason, as Flask writes it."""
    return f"{status} {HTTP_STATUS_CODES.get(status, 'UNKNOWN').upper()}"
