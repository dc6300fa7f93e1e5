"""The endpoint, free of any framework: one call in, one reply out. The path of a request is `Endpoint.answer`."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from together_rerank_mockserver import body, rendering
from together_rerank_mockserver.errors import (
    ApiError,
    InvalidApiKey,
    InvalidRequest,
    MissingApiKey,
    ModelNotFound,
)
from together_rerank_mockserver.identifiers import Identifiers
from together_rerank_mockserver.ranking import Ranked, rank
from together_rerank_mockserver.settings import MAX_BODY
from together_rerank_spec import Document, DocumentError, Validator
from together_rerank_spec.validation import SchemaError

# What can be ranked at all, whatever a document allows.
_RANKABLE = Validator(
    {
        "type": "object",
        "required": ["model", "query", "documents"],
        "properties": {
            "model": {"type": "string"},
            "query": {"type": "string"},
            "documents": {"type": "array"},
            "top_n": {"type": ["integer", "null"]},
            "rank_fields": {"type": ["array", "null"], "items": {"type": "string"}},
        },
    }
)


class Headers(Protocol):
    """The headers of a request."""

    def get(self, name: str, /) -> str | None:
        """Return the header called *name*, in any case; None when it did not come."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the operation.

    Attributes:
        headers: looked up by name, in any case.
        read: returns up to so many bytes of what is left of the body.
    """

    headers: Headers
    read: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back.

    Attributes:
        reason: why it is an error, for the log; None for a success.
    """

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    reason: str | None = None


class Endpoint:
    """The rerank operation of one document, with what it remembers between calls.

    Args:
        document: what is promised.
        api_keys: the keys let in; none given lets in any.
        models: the models served; none given serves any.
        max_body: the most bytes of a body that are read.

    Raises:
        DocumentError: the document promises answers that this endpoint does not give.
    """

    def __init__(
        self, document: Document, *, api_keys: Sequence[str] = (), models: Sequence[str] = (), max_body: int = MAX_BODY
    ) -> None:
        if api_keys and not document.requires_key:
            raise DocumentError(f"{document.name}: it asks for no key, so no --api-key can be held to")
        self._document = document
        self._keys = [key.encode() for key in api_keys]
        self._models = frozenset(models)
        self._max_body = max_body
        self._identifiers = Identifiers()
        try:
            self._request = Validator(document.request_schema)
            _honour(document, self._request)
        except SchemaError as fault:
            raise DocumentError(f"{document.name}: {fault}") from fault

    def answer(self, call: Call) -> Reply:
        """Return the reply to *call*; whatever the API refuses becomes a reply too."""
        try:
            self._authenticate(call)
            raw = body.read(call.headers.get("Content-Length"), call.read, self._max_body)
        except ApiError as error:
            return self.refuse(error)
        try:
            return self._rerank(call, raw)
        except ApiError as error:
            return self.refuse(error, raw)

    def refuse(self, error: ApiError, raw: bytes = b"") -> Reply:
        """Return the reply that says *error*."""
        headers = {**error.headers, **_headers(self._identifiers.take(raw), "refused")}
        return Reply(error.status, rendering.to_json(error.data), headers, reason=str(error))

    def _rerank(self, call: Call, raw: bytes) -> Reply:
        request = self.understand(call.headers.get("Content-Type"), raw)
        self._know(request["model"])
        documents = body.exact(raw, request)["documents"]
        texts = [rendering.ranked_text(document, request.get("rank_fields")) for document in documents]
        ranking = top(rank(request["query"], texts), request.get("top_n"))
        request_id = self._identifiers.take(raw)
        returned = documents if request.get("return_documents", True) else None
        used = rendering.usage(request["query"], texts)
        answer = rendering.answer(request_id, request["model"], ranking, returned, used)
        return Reply(200, rendering.to_json(answer), _headers(request_id, "scored"))

    def understand(self, content_type: str | None, raw: bytes) -> dict[str, Any]:
        """Return the request that *raw* holds, as the document's schema allows it.

        Raises:
            InvalidRequest: it is not JSON, or not what the schema allows.
        """
        if raw:
            body.check_media_type(content_type, self._document.request_media_types)
        request = body.parse(raw)
        if violations := self._request.violations(request) or _RANKABLE.violations(request):
            sentences = (
                f"`{each.pointer}` {each.message}" if each.pointer else f"The body {each.message}"
                for each in violations
            )
            raise InvalidRequest("; ".join(sentences), param=violations[0].pointer)
        return cast(dict[str, Any], request)

    def _authenticate(self, call: Call) -> None:
        if not self._document.requires_key:
            return
        # Whatever follows is the key: "My API Key" is what the tests of Together's own SDK send.
        scheme, _, key = (call.headers.get("Authorization") or "").strip().partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise MissingApiKey
        sent = key.strip().encode()
        # A list, so that every key is compared: the time must not tell which one was near.
        if self._keys and not any([hmac.compare_digest(sent, known) for known in self._keys]):
            raise InvalidApiKey

    def _know(self, model: str) -> None:
        if not model or (self._models and model not in self._models):
            raise ModelNotFound(model)


def top(ranking: list[Ranked], top_n: float | None) -> list[Ranked]:
    """Return the first *top_n* of *ranking*, all when it is None; 2.0 is an integer too, in JSON Schema."""
    return ranking if top_n is None else ranking[: max(0, int(top_n))]


def _headers(request_id: str, origin: str) -> dict[str, str]:
    return {"Content-Type": "application/json", "x-request-id": request_id, "x-mock-reply": origin}


def _honour(document: Document, request: Validator) -> None:
    """Raise DocumentError unless *document* allows what is ranked, and promises the answers of every kind."""
    for violation in request.violations({"model": "model", "query": "query", "documents": ["a"]}):
        if violation.pointer.startswith(("/query", "/documents")):
            raise DocumentError(f"{document.name}: its request schema does not allow what is ranked: {violation}")
    ranking = [Ranked(1, 0.5), Ranked(0, 0.0)]
    used = rendering.usage("query", ["a", "b"])
    samples: list[tuple[int, Any]] = [
        (200, rendering.answer("id", "model", ranking, documents, used)) for documents in (["a", {"b": 1}], None)
    ]
    samples += [(status, InvalidRequest("message", param="/pointer").data) for status in document.error_statuses]
    for status, sample in samples:
        if status not in document.statuses:
            raise DocumentError(f"{document.name}: the operation has no answer with status {status}")
        schema = document.response_schema(status)
        if schema is None:
            raise DocumentError(f"{document.name}: the answer with status {status} is not JSON")
        if violations := Validator(schema).violations(sample):
            raise DocumentError(
                f"{document.name}: its schema for status {status} does not allow the mock's answer: {violations[0]}"
            )
