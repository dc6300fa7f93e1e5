"""A fault: its name, its family, a description, and what it does to a reply."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from together_rerank_mockserver.api import rendering
from together_rerank_mockserver.api.errors import InvalidRequest, UnsupportedByServer
from together_rerank_mockserver.api.messages import Reply
from together_rerank_mockserver.ranking.score import Ranked
from together_rerank_spec import Document, value_at

COMMON_PARAMETERS = ("delay", "jitter")
# Only the server with access to the raw socket can close a connection without an answer.
RAW_SOCKET = "threaded"
# How much of a call is stored: the characters of its query, and the number of its best documents.
_QUERY_START = 60
_MOST_STORED = 1_000


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


@dataclass(frozen=True, kw_only=True)
class WireFault(Fault):
    """Changes how a finished reply is sent."""

    apply: Callable[[Reply], Reply]
    family: str = "wire"
    applies: str = "any call with a key"


@dataclass(frozen=True, kw_only=True)
class ConditionalFault(Fault):
    """A fault that changes only some answers; it stays in a queue until it has changed one."""

    breaks: str  # `contract`: what the document requires; or `habit`: what clients are known to rely on


@dataclass(frozen=True, slots=True)
class StoredRanking:
    """What is stored of a call for the faults that mix up calls."""

    key: int  # a hash of the beginning of the query and of all texts
    ranking: Sequence[Ranked]  # the best documents


@dataclass(slots=True)
class RankedRequest:
    """A valid request with its ranking: what an answer is rendered from, and the input of a body fault.

    Treat as immutable; not frozen, for speed.
    """

    request: dict[str, Any]
    documents: list[Any]
    texts: list[str]  # the text of each document that is ranked
    ranking: list[Ranked]  # of all documents, best first
    other: StoredRanking | None = None  # of another call, for a fault that mixes up calls

    @property
    def stored(self) -> StoredRanking:
        """What is stored of this call, for later and concurrent calls."""
        key = hash((self.request["query"][:_QUERY_START], *self.texts))
        return StoredRanking(key, self.ranking[:_MOST_STORED])

    def results(self, ranking: Sequence[Ranked], *, texts: bool | None = None) -> list[dict[str, Any]]:
        """Return `results` for *ranking*; *texts* overrides the request's `return_documents`."""
        returned = self.request.get("return_documents", True) if texts is None else texts
        return rendering.results(ranking, self.documents if returned else None)


@dataclass(frozen=True, kw_only=True)
class BodyFault(ConditionalFault):
    """Changes one thing in a 200."""

    least: int  # how many results it needs at least
    # Returns the changed answer, or an equal one if the fault does not apply.
    apply: Callable[[Any, RankedRequest], Any]
    # For a fault that mixes up calls: how long it waits for a concurrent one; 0 if it needs an earlier one.
    window_s: float | None = None
    family: str = "body"


@dataclass(frozen=True, kw_only=True)
class ErrorFault(ConditionalFault):
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
    follows_unread: bool  # whether the request before it was refused before its body was read

    def has(self, name: str) -> bool:
        """Return whether the body has the canonical field *name*."""
        place = self.document.mapping.places["request"].get(name)
        return place is not None and value_at(self.body, place) is not None


@dataclass(frozen=True, kw_only=True)
class RequestFault(ConditionalFault):
    """Accepts a request that the API refuses, or refuses one that the API accepts."""

    # Returns whether to accept a refused key, by the value of its header, which is None if there is none.
    accepts_key: Callable[[str | None], bool] = lambda _: False
    # Returns the body to validate in place of an invalid one, or None to leave the error.
    accept: Callable[[Any, InvalidRequest, Document], Any] = lambda *_: None
    # Returns why a valid request is refused: the place in the canonical request and the problem; None to accept it.
    refuse: Callable[[ReceivedRequest], tuple[str, str] | None] = lambda _: None
    drops: bool = False  # whether a refusal is a closed connection in place of an error
    family: str = "request"


def top(ranking: Sequence[Ranked], top_n: float | None, more: int = 0) -> Sequence[Ranked]:
    """Return the first *top_n* plus *more* of *ranking*; all if *top_n* is None. In JSON Schema 2.0 is an integer."""
    return ranking if top_n is None else ranking[: max(0, int(top_n + more))]
