"""Access of a browser to the console: the same as to the control plane, with a cookie in place of the token."""

import hmac

from flask import Request, Response

from together_rerank_mockserver.api.errors import Forbidden, Unauthorized
from together_rerank_mockserver.http.access import AdminAccess, is_same_origin
from together_rerank_mockserver.settings import Settings


class SignIn:
    """Checks requests to the console, and signs a browser in with the token of *settings*.

    A browser cannot send the token as a header, so it gets a cookie. Its value is derived from the token, so that all
    replicas with one token accept it, and no replica stores it. It opens only the console.
    """

    def __init__(self, settings: Settings) -> None:
        self._access = AdminAccess(settings)
        self._token = (settings.admin_token or "").encode()
        # Cookies do not depend on the port, and two mocks on one host can have different tokens.
        self._cookie = f"together_rerank_mock_{self._derived('name')[:8]}"
        self._value = self._derived("value")

    def _derived(self, purpose: str) -> str:
        return hmac.new(self._token, f"together-rerank-mock console {purpose}".encode(), "sha256").hexdigest()

    def check(self, request: Request) -> None:
        """Check *request* as `AdminAccess` does, but accept the cookie in place of the token.

        Raises:
            Forbidden: as `AdminAccess`, or a page of another origin sends the cookie along.
            Unauthorized: the browser is not signed in.
        """
        try:
            self._access.check(request.headers, request.remote_addr or "")
        except Unauthorized:
            if not self.is_signed_in(request):
                raise
            if request.method not in ("GET", "HEAD") and not is_same_origin(request.headers):
                raise Forbidden("The console accepts this request from its own pages only") from None

    def check_form(self, request: Request) -> None:
        """Check that *request* can come from the form for the token; raise Forbidden if the console is closed to it."""
        try:
            self._access.check(request.headers, request.remote_addr or "")
        except Unauthorized:
            return

    def is_signed_in(self, request: Request) -> bool:
        return hmac.compare_digest(request.cookies.get(self._cookie, "").encode(), self._value.encode())

    def accepts(self, token: str) -> bool:
        return bool(self._token) and hmac.compare_digest(token.encode(), self._token)

    def set_cookie(self, response: Response, request: Request, path: str) -> None:
        """Add the cookie for the pages below *path* to *response*; it lasts until the browser is closed."""
        response.set_cookie(
            self._cookie, self._value, path=path, secure=is_https(request), httponly=True, samesite="Strict"
        )

    def delete_cookie(self, response: Response, path: str) -> None:
        response.delete_cookie(self._cookie, path=path, httponly=True, samesite="Strict")


def is_https(request: Request) -> bool:
    """Return whether the browser has used HTTPS, to the mock or to a proxy in front of it."""
    return request.is_secure or request.headers.get("X-Forwarded-Proto") == "https"
