"""The shortcut: calls of the operation are answered before Flask's own work on a request, which costs far more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, signals

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
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
        answer: a WSGI application as well, which answers as *app* does.
    """

    def __init__(self, app: Flask, routes: Iterable[str], answer: Application) -> None:
        self._app = app
        self._through_flask = app.wsgi_app
        self._routes = frozenset(routes)
        self._answer = answer
        self._own_hooks = [*app.before_request_funcs.get(None, ())]

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        is_call = environ.get("PATH_INFO") in self._routes and environ["REQUEST_METHOD"] == "POST"
        chosen = self._answer if is_call and not self._is_hooked() else self._through_flask
        return chosen(environ, start_response)

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
