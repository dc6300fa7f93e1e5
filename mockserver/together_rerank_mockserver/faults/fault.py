"""What a fault is: a name, a family, one sentence, and what it does to a reply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from together_rerank_mockserver import rendering
from together_rerank_mockserver.call import Reply
from together_rerank_mockserver.ranking import Ranked

EVERYWHERE = ("delay", "jitter")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way to break.

    Attributes:
        family: `status`, `wire`, `body` or `none`.
        sentence: what the client meets.
        applies: to which calls.
        parameters: what can be set beside EVERYWHERE.
        server: the only one that can produce it; None when every one can.
    """

    name: str
    family: str
    sentence: str
    applies: str
    parameters: tuple[str, ...] = ()
    server: str | None = None

    @property
    def described(self) -> dict[str, Any]:
        """All that a user is told of it, as JSON."""
        told = {name: getattr(self, name) for name in ("name", "family", "sentence", "applies")}
        more = {name: getattr(self, name) for name in ("documented", "breaks") if hasattr(self, name)}
        return {**told, "parameters": [*self.parameters, *EVERYWHERE], "server": self.server or "any", **more}


@dataclass(frozen=True, kw_only=True)
class StatusFault(Fault):
    """Answers with an error status in the place of everything else.

    Attributes:
        reply: what it answers, without the headers that are of the single call.
        documented: whether the document lists the status.
    """

    reply: Reply
    documented: bool
    family: str = "status"
    applies: str = "any call with a key"


@dataclass(frozen=True, kw_only=True)
class WireFault(Fault):
    """Spoils how the reply that was earned goes out."""

    spoil: Callable[[Reply], Reply]
    family: str = "wire"
    applies: str = "any call with a key"


@dataclass(frozen=True, slots=True)
class Case:
    """One request about to be answered with 200, for a body fault to answer wrongly.

    Attributes:
        texts: what the documents are ranked by.
        ranking: of all documents, best first.
    """

    request: dict[str, Any]
    documents: list[Any]
    texts: list[str]
    ranking: list[Ranked]

    def results(self, ranking: Sequence[Ranked], *, texts: bool | None = None) -> list[dict[str, Any]]:
        """Return `results` for *ranking*, with texts as *texts* says, or as the request does."""
        returned = self.request.get("return_documents", True) if texts is None else texts
        return rendering.results(ranking, self.documents if returned else None)


@dataclass(frozen=True, kw_only=True)
class BodyFault(Fault):
    """Changes one thing about a 200.

    Attributes:
        breaks: `contract`, what the document says or its words mean; or `habit`, what a client is known to lean on.
        least: the fewest results that it can bend.
        bend: returns what is answered instead; the same again when this answer cannot be bent so.
    """

    breaks: str
    least: int
    bend: Callable[[Any, Case], Any]
    family: str = "body"
