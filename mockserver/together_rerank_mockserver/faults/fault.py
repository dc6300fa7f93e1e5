"""A fault: its name, its family, a description, and what it does to a reply."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from together_rerank_mockserver.api import rendering
from together_rerank_mockserver.api.errors import UnsupportedByServer
from together_rerank_mockserver.api.messages import Reply
from together_rerank_mockserver.ranking.score import Ranked

COMMON_PARAMETERS = ("delay", "jitter")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that the mock can simulate."""

    name: str
    family: str  # `status`, `wire`, `body` or `none`
    sentence: str  # what the client gets
    applies: str  # which calls it applies to
    parameters: tuple[str, ...] = ()  # besides those in COMMON_PARAMETERS
    server: str | None = None  # the only server that can produce it; None if every server can

    @property
    def as_dict(self) -> dict[str, Any]:
        """The description for users, as JSON."""
        shown = {name: getattr(self, name) for name in ("name", "family", "sentence", "applies")}
        more = {name: getattr(self, name) for name in ("documented", "breaks") if hasattr(self, name)}
        return {**shown, "parameters": [*self.parameters, *COMMON_PARAMETERS], "server": self.server or "any", **more}

    def check_server(self, *, raw_socket: bool) -> None:
        """Raise UnsupportedByServer if the fault needs the raw socket and the server has none."""
        if self.server and not raw_socket:
            raise UnsupportedByServer(
                f"`{self.name}` needs the raw socket, which only `serve --server {self.server}` has"
            )


# The values of the parameter `body`.
BODIES = ("json", "html", "text", "none")


@dataclass(frozen=True, kw_only=True)
class StatusFault(Fault):
    """Answers with a status from 300 to 599."""

    reply: Reply  # without headers that differ from call to call
    json: bytes  # the body for `body=json`
    reason: str  # why it is an error, for journal and log
    documented: bool  # whether the document lists the status
    family: str = "status"
    applies: str = "any call with a key"
    parameters: tuple[str, ...] = ("retry_after", "retry_after_ms", "body")

    def reply_with(self, parameters: Mapping[str, Any]) -> Reply:
        """Return the reply with the values of *parameters*."""
        headers, body = {**self.reply.headers}, self.reply.body
        if form := parameters.get("body"):
            body, media_type = self._body(form)
            headers.pop("Content-Type", None)
            headers |= {"Content-Type": media_type} if media_type else {}
        if "location" in parameters:
            headers["Location"] = parameters["location"]
        wait = parameters.get("retry_after")
        if (milliseconds := parameters.get("retry_after_ms")) is not None:
            headers["retry-after-ms"] = str(milliseconds)
            wait = parameters.get("retry_after", math.ceil(milliseconds / 1000))
        if wait is not None:
            headers["Retry-After"] = retry_after(wait)
        elif "retry_after" in parameters:
            headers.pop("Retry-After", None)
        if "x-ratelimit-reset" in headers and headers.get("Retry-After", "").isdigit():
            headers["x-ratelimit-reset"] = headers["Retry-After"]
        return replace(self.reply, body=body, headers=headers)

    def _body(self, form: str) -> tuple[bytes, str]:
        """Return the body in *form*, one of BODIES, and its media type."""
        title = f"{self.reply.status} {phrase(self.reply.status)}"
        if form == "json":
            return self.json, "application/json"
        if form == "html":
            return _PAGE.format(title=title).encode(), "text/html; charset=utf-8"
        return (f"{title}\n".encode(), "text/plain; charset=utf-8") if form == "text" else (b"", "")


# The error page of a gateway.
_PAGE = """<html>
<head><title>{title}</title></head>
<body>
<center><h1>{title}</h1></center>
<hr>
</body>
</html>
"""


def phrase(status: int) -> str:
    """Return the reason phrase of *status*."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return _CLOUDFLARE.get(status, "Unknown Error")


_CLOUDFLARE = {
    520: "Web Server Returned an Unknown Error",
    521: "Web Server Is Down",
    522: "Connection Timed Out",
    523: "Origin Is Unreachable",
    524: "A Timeout Occurred",
    525: "SSL Handshake Failed",
    526: "Invalid SSL Certificate",
    529: "Site Is Overloaded",
    530: "Origin DNS Error",
}


def retry_after(wait: float | str) -> str:
    """Return the value of Retry-After for *wait*: seconds, `date:SECONDS` from now, or `wrong`."""
    if wait == "wrong":
        return "soon"
    if isinstance(wait, str):
        from email.utils import formatdate  # slow to import

        return formatdate(math.ceil(time.time()) + int(wait.removeprefix("date:")), usegmt=True)
    return f"{wait:.3f}".rstrip("0").rstrip(".") if isinstance(wait, float) else str(wait)


@dataclass(frozen=True, kw_only=True)
class WireFault(Fault):
    """Changes how a finished reply is sent."""

    apply: Callable[[Reply], Reply]
    family: str = "wire"
    applies: str = "any call with a key"


@dataclass(frozen=True, slots=True)
class RankedRequest:
    """A valid request with its ranking: what an answer is rendered from, and the input of a body fault."""

    request: dict[str, Any]
    documents: list[Any]
    texts: list[str]  # the text of each document that is ranked
    ranking: list[Ranked]  # of all documents, best first

    def results(self, ranking: Sequence[Ranked], *, texts: bool | None = None) -> list[dict[str, Any]]:
        """Return `results` for *ranking*; *texts* overrides the request's `return_documents`."""
        returned = self.request.get("return_documents", True) if texts is None else texts
        return rendering.results(ranking, self.documents if returned else None)


@dataclass(frozen=True, kw_only=True)
class BodyFault(Fault):
    """Changes one thing in a 200."""

    breaks: str  # `contract`: what the document requires; or `habit`: what clients are known to rely on
    least: int  # how many results it needs at least
    # Returns the changed answer, or an equal one if the fault does not apply.
    apply: Callable[[Any, RankedRequest], Any]
    family: str = "body"


def top(ranking: Sequence[Ranked], top_n: float | None, more: int = 0) -> Sequence[Ranked]:
    """Return the first *top_n* plus *more* of *ranking*; all if *top_n* is None. In JSON Schema 2.0 is an integer."""
    return ranking if top_n is None else ranking[: max(0, int(top_n + more))]
