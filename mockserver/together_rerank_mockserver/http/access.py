"""Access control: CORS headers for web pages, and access to the control plane."""

import hmac
import re
from collections.abc import Callable, Iterable
from typing import Any

from together_rerank_mockserver.api.errors import Forbidden, Unauthorized
from together_rerank_mockserver.api.messages import Headers, credential
from together_rerank_mockserver.settings import Settings
from together_rerank_spec.urls import is_loopback

_EXPOSED = ", ".join(
    (
        *("Preference-Applied", "Retry-After", "retry-after-ms", "x-mock-accepts", "x-mock-reply"),
        *("x-ratelimit-limit", "x-ratelimit-limit-dynamic", "x-ratelimit-limit-tokens"),
        *("x-ratelimit-remaining", "x-ratelimit-remaining-dynamic", "x-ratelimit-remaining-tokens"),
        *("x-ratelimit-reset", "x-request-id"),
    )
)
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+))(?::[0-9]{1,5})?")
# Headers that proxies add to the requests that they pass on.
_PROXY = re.compile(r"forwarded|x-forwarded.*|x-real-ip|via", re.IGNORECASE)


def allow(app: Wsgi, origins: tuple[str, ...]) -> Wsgi:
    """Add CORS headers for pages of *origins* to the answers of *app*; return *app* itself if there are no origins."""
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


def is_same_origin(headers: Headers) -> bool:
    """Return whether a page of this host sent the request.

    Over HTTPS and on localhost, browsers add `Sec-Fetch-Site`, which is right also if a proxy has changed `Host`.
    """
    own = [f"{scheme}://{headers.get('Host')}" for scheme in ("http", "https")]
    return headers.get("Sec-Fetch-Site") == "same-origin" or headers.get("Origin") in own


class AdminAccess:
    """Checks access to the control plane: with the token of *settings*, or else from this machine."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.admin_token
        self._origins = frozenset(settings.cors)
        self._why_closed = settings.why_admin_is_closed

    def check(self, headers: Headers, remote: str) -> None:
        """Check a request with *headers* from the address *remote*.

        Raises:
            Forbidden: the control plane is closed, the page has another origin, or the request can come from another
                machine.
            Unauthorized: the token is missing or wrong.
        """
        if self._why_closed:
            raise Forbidden(f"The control plane is {self._why_closed}")
        origin = headers.get("Origin")
        if origin is not None and origin not in self._origins and not is_same_origin(headers):
            raise Forbidden(f"The control plane rejects pages of {origin[:100]}; allow an origin with --cors")
        if self._token is None:
            self._check_local(headers, remote)
        elif not hmac.compare_digest(credential(headers).encode(), self._token.encode()):
            raise Unauthorized("The control plane needs the token of --admin-token, as Authorization: Bearer TOKEN")

    def _check_local(self, headers: Headers, remote: str) -> None:
        if not is_loopback(remote):
            raise Forbidden("The control plane accepts requests from this machine only; see --admin-token")
        if proxied := next((name for name, _ in headers.items() if _PROXY.fullmatch(name)), None):
            why = f"the header {proxied[:100]} shows that a proxy passes on the request, perhaps from another machine"
            raise Forbidden(f"The control plane rejects this request: {why}; see --admin-token")
        host = headers.get("Host")
        # DNS rebinding: a page can make its own name resolve to 127.0.0.1, but it cannot send another Host.
        if not is_loopback(_hostname(host)):
            raise Forbidden(f"The control plane accepts requests to localhost, not to {(host or 'no Host')[:100]}")


def _hostname(host: str | None) -> str:
    found = _HOST.fullmatch(host or "")
    return (found[1] or found[2]) if found else ""
