"""Access control: CORS headers for web pages, and access to the control plane."""

import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from together_rerank_mockserver.api.errors import Forbidden, Unauthorized
from together_rerank_mockserver.api.messages import Headers, credential
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


class AdminAccess:
    """Checks access to the control plane: a request needs *token*; without a token, it must come from this machine."""

    def __init__(self, token: str | None, origins: Sequence[str], host: str) -> None:
        self._token = token
        self._origins = frozenset(origins)
        self._listens_here = is_loopback(host)

    def check(self, headers: Headers, remote: str) -> None:
        """Check a request with *headers* from the address *remote*.

        Raises:
            Forbidden: the page has another origin, the Host is not localhost, or the control plane is off.
            Unauthorized: the token is missing or wrong.
        """
        origin, own = headers.get("Origin"), [f"{scheme}://{headers.get('Host')}" for scheme in ("http", "https")]
        if origin is not None and origin not in self._origins and origin not in own:
            raise Forbidden(f"The control plane rejects pages of {origin[:100]}; allow an origin with --cors")
        if self._token is None:
            self._check_local(headers.get("Host"), remote)
        elif not hmac.compare_digest(credential(headers).encode(), self._token.encode()):
            raise Unauthorized("The control plane needs the token of --admin-token, as Authorization: Bearer TOKEN")

    def _check_local(self, host: str | None, remote: str) -> None:
        if not self._listens_here or not is_loopback(remote):
            raise Forbidden("The control plane is off because other machines can reach the mock; see --admin-token")
        # DNS rebinding: a page can make its own name resolve to 127.0.0.1, but it cannot send another Host.
        if not is_loopback(_hostname(host)):
            raise Forbidden(f"The control plane accepts requests to localhost, not to {(host or 'no Host')[:100]}")


def _hostname(host: str | None) -> str:
    found = _HOST.fullmatch(host or "")
    return (found[1] or found[2]) if found else ""
