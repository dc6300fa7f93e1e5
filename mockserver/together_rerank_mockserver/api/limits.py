"""Limits of what one request may contain."""

from collections.abc import Sequence
from dataclasses import dataclass

from together_rerank_mockserver.api.errors import LimitExceeded
from together_rerank_mockserver.api.rendering import usage


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a request; None for no limit. `Settings` describes the fields."""

    documents: int | None = None
    document_chars: int | None = None
    tokens: int | None = None
    status: int | None = None

    def check(self, model: str, query: str, texts: Sequence[str]) -> None:
        """Raise LimitExceeded if a request to rank *texts* exceeds a limit."""
        if self.documents is not None:
            problem = "The request has {number} documents; the maximum is {limit}"
            self._check("too_many_documents", problem, len(texts), self.documents, model)
        if self.document_chars is not None:
            problem = "A document has {number} characters; the maximum is {limit}"
            self._check("document_too_long", problem, max(map(len, texts), default=0), self.document_chars, model)
        if self.tokens is not None:
            problem = "The request has {number} tokens, and the maximum of {model} is {limit}"
            self._check("too_many_tokens", problem, usage(query, texts)["total_tokens"], self.tokens, model)

    def _check(self, kind: str, problem: str, number: int, limit: int, model: str) -> None:
        if number > limit:
            raise LimitExceeded(kind, problem, number, limit, model, self.status)
