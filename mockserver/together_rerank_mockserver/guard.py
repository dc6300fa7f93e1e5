"""The guard of the control plane: it changes what tests see, so it is closed to all but this machine's owner."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence

from together_rerank_mockserver.call import Headers, credential
from together_rerank_mockserver.errors import Forbidden, Unauthorized
from together_rerank_spec.urls import is_loopback

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+))(?::[0-9]{1,5})?")


class Guard:
    """Lets in whoever may use the control plane.

    Args:
        token: opens it, and is needed to; None opens it to this machine.
        origins: whose pages may use it.
        host: the address that the mock listens on.
    """

    def __init__(self, token: str | None, origins: Sequence[str], host: str) -> None:
        self._token = token
        self._origins = frozenset(origins)
        self._listens_here = is_loopback(host)

    def check(self, headers: Headers, remote: str) -> None:
        """Let a request with *headers* from the address *remote* pass.

        Raises:
            Forbidden: it comes from a page of another origin, by another name, or the control plane is off.
            Unauthorized: the token is missing or wrong.
        """
        origin = headers.get("Origin")
        if origin is not None and origin not in self._origins and not _is_own(origin, headers.get("Host")):
            raise Forbidden(f"The control plane does not answer pages of {origin[:100]}; --cors lets an origin in")
        if self._token is None:
            self._check_local(headers.get("Host"), remote)
        elif not hmac.compare_digest(credential(headers).encode(), self._token.encode()):
            raise Unauthorized("The control plane needs the token of --admin-token, as Authorization: Bearer TOKEN")

    def _check_local(self, host: str | None, remote: str) -> None:
        if not self._listens_here or not is_loopback(remote):
            raise Forbidden("The control plane is off, for others than this machine can reach it; see --admin-token")
        # A page can have its own name resolve to 127.0.0.1 (DNS rebinding); what it cannot do is send another Host.
        if not is_loopback(_hostname(host)):
            raise Forbidden(f"The control plane answers to localhost, not to {(host or 'no Host')[:100]}")


def _is_own(origin: str, host: str | None) -> bool:
    return origin in (f"http://{host}", f"https://{host}")


def _hostname(host: str | None) -> str:
    found = _HOST.fullmatch(host or "")
    return (found[1] or found[2]) if found else ""
