"""The request: a body held to the document's schema, refused with the place and the reason."""

from __future__ import annotations

from typing import Any, cast

from together_rerank_mockserver import body
from together_rerank_mockserver.errors import InvalidRequest
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


class RequestParser:
    """Parses what *document* allows.

    Raises:
        DocumentError: its schema cannot be used, or does not allow what is ranked.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        try:
            self._schema = Validator(document.request_schema)
            self._check()
        except SchemaError as fault:
            raise DocumentError(f"{document.name}: {fault}") from fault

    def parse(self, content_type: str | None, content: body.Content) -> dict[str, Any]:
        """Return the request that *content* holds, as the document's schema allows it.

        Raises:
            InvalidRequest: it is not JSON, or not what the schema allows.
        """
        if content.raw:
            body.check_media_type(content_type, self._document.request_media_types)
        request = content.value
        if violations := self._schema.violations(request) or _RANKABLE.violations(request):
            sentences = (
                f"`{each.pointer}` {each.message}" if each.pointer else f"The body {each.message}"
                for each in violations
            )
            raise InvalidRequest("; ".join(sentences), param=violations[0].pointer)
        return cast(dict[str, Any], request)

    def _check(self) -> None:
        for violation in self._schema.violations({"model": "model", "query": "query", "documents": ["a"]}):
            if violation.pointer.startswith(("/query", "/documents")):
                raise DocumentError(
                    f"{self._document.name}: its request schema does not allow what is ranked: {violation}"
                )
