"""Cross-origin requests: browsers let pages of some origins read the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

_EXPOSED = ", ".join(
    (
        *("Preference-Applied", "Retry-After", "retry-after-ms", "x-mock-accepts", "x-mock-reply"),
        *("x-ratelimit-limit", "x-ratelimit-limit-dynamic", "x-ratelimit-limit-tokens"),
        *("x-ratelimit-remaining", "x-ratelimit-remaining-dynamic", "x-ratelimit-remaining-tokens"),
        *("x-ratelimit-reset", "x-request-id"),
    )
)
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def allow(app: Wsgi, origins: tuple[str, ...]) -> Wsgi:
    """Return *app* with the headers that let pages of *origins* read its answers; *app* itself when there are none."""
    if not origins:
        return app

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN")
        added = [("Vary", "Origin")]
        if origin in origins:
            added += [("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", _EXPOSED)]
            if environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
                start_response("204 NO CONTENT", [*added, *_preflight(environ)])
                return []
        return app(environ, lambda status, headers, *rest: start_response(status, [*headers, *added], *rest))

    return answer


def _preflight(environ: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE"),
        ("Access-Control-Allow-Headers", environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")),
        ("Access-Control-Max-Age", "600"),
    ]
