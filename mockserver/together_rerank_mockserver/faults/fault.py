"""What a fault is: a name, a family, one sentence, and what it does to a reply."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from together_rerank_mockserver import rendering
from together_rerank_mockserver.call import Reply
from together_rerank_mockserver.ranking import Ranked

EVERYWHERE = ("delay", "jitter")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way to break."""

    name: str
    family: str  # `status`, `wire`, `body` or `none`
    sentence: str  # what the client meets
    applies: str  # to which calls
    parameters: tuple[str, ...] = ()  # beside those that can be set EVERYWHERE
    server: str | None = None  # the only one that can produce it; None when every one can

    @property
    def described(self) -> dict[str, Any]:
        """All that a user is told of it, as JSON."""
        told = {name: getattr(self, name) for name in ("name", "family", "sentence", "applies")}
        more = {name: getattr(self, name) for name in ("documented", "breaks") if hasattr(self, name)}
        return {**told, "parameters": [*self.parameters, *EVERYWHERE], "server": self.server or "any", **more}


@dataclass(frozen=True, kw_only=True)
class StatusFault(Fault):
    """Answers with an error status in the place of everything else."""

    reply: Reply  # without the headers that are of the single call
    documented: bool  # whether the document lists the status
    family: str = "status"
    applies: str = "any call with a key"
    parameters: tuple[str, ...] = ("retry_after", "retry_after_ms")

    def reply_with(self, parameters: Mapping[str, int | None]) -> Reply:
        """Return the reply with the wait that *parameters* ask for: `retry_after` in s, None for none, or in ms."""
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

    spoil: Callable[[Reply], Reply]
    family: str = "wire"
    applies: str = "any call with a key"


@dataclass(frozen=True, slots=True)
class Case:
    """One request about to be answered with 200, for a body fault to answer wrongly."""

    request: dict[str, Any]
    documents: list[Any]
    texts: list[str]  # what the documents are ranked by
    ranking: list[Ranked]  # of all documents, best first

    def results(self, ranking: Sequence[Ranked], *, texts: bool | None = None) -> list[dict[str, Any]]:
        """Return `results` for *ranking*, with texts as *texts* says, or as the request does."""
        returned = self.request.get("return_documents", True) if texts is None else texts
        return rendering.results(ranking, self.documents if returned else None)


@dataclass(frozen=True, kw_only=True)
class BodyFault(Fault):
    """Changes one thing about a 200."""

    breaks: str  # `contract`, what the document says or its words mean; or `habit`, what a client is known to lean on
    least: int  # the fewest results that it can bend
    bend: Callable[[Any, Case], Any]  # returns what is answered instead; the same again when it cannot be bent so
    family: str = "body"
