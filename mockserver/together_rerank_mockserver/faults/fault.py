"""A fault: its name, its family, a description, and what it does to a reply."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, kw_only=True)
class StatusFault(Fault):
    """Answers with an error status."""

    reply: Reply  # without headers that differ from call to call
    reason: str  # why it is an error, for journal and log
    documented: bool  # whether the document lists the status
    family: str = "status"
    applies: str = "any call with a key"
    parameters: tuple[str, ...] = ("retry_after", "retry_after_ms")

    def reply_with(self, parameters: Mapping[str, int | None]) -> Reply:
        """Return the reply with `retry_after` of *parameters* in s, None to omit it, or with `retry_after_ms`."""
        headers = {**self.reply.headers}
        milliseconds, seconds = parameters.get("retry_after_ms"), parameters.get("retry_after")
        if milliseconds is not None:
            headers["retry-after-ms"] = str(milliseconds)
            if "retry_after" not in parameters:
                seconds = math.ceil(milliseconds / 1000)
        if seconds is not None:
            headers["Retry-After"] = str(seconds)
        elif "retry_after" in parameters:
            headers.pop("Retry-After", None)
        if "Retry-After" in headers and "x-ratelimit-reset" in headers:
            headers["x-ratelimit-reset"] = headers["Retry-After"]
        return replace(self.reply, headers=headers)


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
