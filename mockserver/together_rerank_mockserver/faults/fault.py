"""What a fault is: a name, a family, one sentence, and what it does to a reply."""

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
    """One way in which the mock can misbehave."""

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
    """Answers with an error status and nothing else."""

    reply: Reply  # without headers that differ from call to call
    reason: str  # why it is an error, for journal and log
    documented: bool  # whether the document lists the status
    family: str = "status"
    applies: str = "any call with a key"
    parameters: tuple[str, ...] = ("retry_after", "retry_after_ms")

    def reply_with(self, parameters: Mapping[str, int | None]) -> Reply:
        """Return the reply with the wait in *parameters*: `retry_after` in s, None for none, or `retry_after_ms`."""
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
    """Spoils how the reply that was earned goes out."""

    apply: Callable[[Reply], Reply]
    family: str = "wire"
    applies: str = "any call with a key"


@dataclass(frozen=True, slots=True)
class RankedRequest:
    """One request that gets a 200, as the input of a body fault."""

    request: dict[str, Any]
    documents: list[Any]
    texts: list[str]  # the text of each document that is ranked
    ranking: list[Ranked]  # of all documents, best first

    def results(self, ranking: Sequence[Ranked], *, texts: bool | None = None) -> list[dict[str, Any]]:
        """Return `results` for *ranking*, with texts as *texts* says, or as the request does."""
        returned = self.request.get("return_documents", True) if texts is None else texts
        return rendering.results(ranking, self.documents if returned else None)


@dataclass(frozen=True, kw_only=True)
class BodyFault(Fault):
    """Changes one thing about a 200."""

    breaks: str  # `contract`: what the document says or means; or `habit`: what clients are known to rely on
    least: int  # the fewest results that it needs
    apply: Callable[
        [Any, RankedRequest], Any
    ]  # returns the changed answer; the same answer if the fault does not apply
    family: str = "body"


def top(ranking: Sequence[Ranked], top_n: float | None, more: int = 0) -> Sequence[Ranked]:
    """Return the first *top_n* of *ranking* and *more*, or all if *top_n* is None; 2.0 is an integer in JSON Schema."""
    return ranking if top_n is None else ranking[: max(0, int(top_n + more))]
