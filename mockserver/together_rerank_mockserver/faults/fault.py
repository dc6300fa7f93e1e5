"""A fault: its name, its family, a description, and what it does to a reply."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from together_rerank_mockserver.api import rendering
from together_rerank_mockserver.api.errors import InvalidRequest, UnsupportedByServer
from together_rerank_mockserver.api.messages import Reply
from together_rerank_mockserver.ranking.score import Ranked
from together_rerank_spec import Document, value_at

COMMON_PARAMETERS = ("delay", "jitter")
# Only the server with access to the raw socket can close a connection without an answer.
RAW_SOCKET = "threaded"
# How much of a call is kept: the characters of its query, and the number of its best documents.
_QUERY_START = 60
_MOST_KEPT = 1_000


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that the mock can simulate."""

    name: str
    family: str  # `status`, `wire`, `body`, `error`, `request` or `none`
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


@dataclass(frozen=True, kw_only=True)
class WaitingFault(Fault):
    """Changes only some answers; in a queue, it waits for one of them."""

    breaks: str  # `contract`: what the document requires; or `habit`: what clients are known to rely on


@dataclass(frozen=True, slots=True)
class OtherRanking:
    """What is kept of a call for the faults that mix up calls."""

    key: int  # a hash of the beginning of the query and of all texts
    ranking: Sequence[Ranked]  # the best documents


@dataclass(frozen=True, slots=True)
class RankedRequest:
    """A valid request with its ranking: what an answer is rendered from, and the input of a body fault."""

    request: dict[str, Any]
    documents: list[Any]
    texts: list[str]  # the text of each document that is ranked
    ranking: list[Ranked]  # of all documents, best first
    other: OtherRanking | None = None  # of another call, for a fault that mixes up calls

    @property
    def kept(self) -> OtherRanking:
        """What later and concurrent calls may be mixed up with."""
        key = hash((self.request["query"][:_QUERY_START], *self.texts))
        return OtherRanking(key, self.ranking[:_MOST_KEPT])

    def results(self, ranking: Sequence[Ranked], *, texts: bool | None = None) -> list[dict[str, Any]]:
        """Return `results` for *ranking*; *texts* overrides the request's `return_documents`."""
        returned = self.request.get("return_documents", True) if texts is None else texts
        return rendering.results(ranking, self.documents if returned else None)


@dataclass(frozen=True, kw_only=True)
class BodyFault(WaitingFault):
    """Changes one thing in a 200."""

    least: int  # how many results it needs at least
    # Returns the changed answer, or an equal one if the fault does not apply.
    apply: Callable[[Any, RankedRequest], Any]
    # For a fault that mixes up calls: how long it waits for a concurrent one; 0 if it needs an earlier one.
    window_s: float | None = None
    family: str = "body"


@dataclass(frozen=True, kw_only=True)
class ErrorFault(WaitingFault):
    """Changes an error that the mock would send anyway."""

    # Returns the changed reply, or an equal one if the fault does not apply; the text is the reason of the error.
    apply: Callable[[Reply, str, Document], Reply]
    family: str = "error"


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A valid request as it arrived: the input of a fault that refuses it."""

    raw: bytes
    body: Any  # the JSON value of `raw`
    request: dict[str, Any]  # the canonical request
    document: Document
    follows_unread: bool  # whether an earlier request was refused before its body was read

    def has(self, name: str) -> bool:
        """Return whether the body has the canonical field *name*."""
        place = self.document.mapping.places["request"].get(name)
        return place is not None and value_at(self.body, place) is not None


@dataclass(frozen=True, kw_only=True)
class RequestFault(WaitingFault):
    """Accepts a request that the API refuses, or refuses one that the API accepts."""

    # Returns whether to accept a refused key, by the value of its header, which is None if there is none.
    accepts_key: Callable[[str | None], bool] = lambda _: False
    # Returns the body to validate in place of an invalid one, or None to leave the error.
    accept: Callable[[Any, InvalidRequest, Document], Any] = lambda *_: None
    keeps_documents: bool = False  # whether the documents of the invalid body are ranked, although they are not valid
    # Returns why a valid request is refused: the place in the canonical request and the problem; None to accept it.
    refuse: Callable[[ReceivedRequest], tuple[str, str] | None] = lambda _: None
    drops: bool = False  # whether a refusal is a closed connection in place of an error
    family: str = "request"


def top(ranking: Sequence[Ranked], top_n: float | None, more: int = 0) -> Sequence[Ranked]:
    """Return the first *top_n* plus *more* of *ranking*; all if *top_n* is None. In JSON Schema 2.0 is an integer."""
    return ranking if top_n is None else ranking[: max(0, int(top_n + more))]
