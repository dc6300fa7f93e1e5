"""Read the body of a request within a limit, and validate it by the document."""

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from together_rerank_mockserver.api.errors import BodyTooLarge, InvalidRequest, UnsupportedEncoding
from together_rerank_mockserver.api.json_text import exact, parse
from together_rerank_mockserver.api.messages import Headers
from together_rerank_spec import Document, DocumentError, Validator, value_at
from together_rerank_spec.validation import SchemaError

_JSON_CHARSETS = ("", "utf-8", "utf8")
_UNREAD = object()
# The kind of a violation, by whether it is of the list of documents, and by its keyword.
_KINDS = {
    (True, "minItems"): "no_documents",
    (True, "maxItems"): "too_many_documents",
    (False, "additionalProperties"): "unknown_field",
}
# Schema of the canonical requests that the mock can rank, even if a document allows more.
_RANKABLE = Validator(
    {
        "type": "object",
        "required": ["query", "documents"],
        "properties": {
            "model": {"type": "string"},
            "query": {"type": "string"},
            "documents": {"type": "array"},
            "top_n": {"type": ["integer", "null"]},
            "rank_fields": {"type": ["array", "null"], "items": {"type": "string"}},
        },
    }
)


def read(headers: Headers, read: Callable[[int], bytes], limit: int, setting: str = "--max-body") -> bytes:
    """Return the body of a request with *headers*, reading at most one byte beyond *limit*, which *setting* sets.

    Raises:
        BodyTooLarge: it is longer than *limit*, by its Content-Length or as it is read.
        InvalidRequest: it is shorter than its Content-Length.
        UnsupportedEncoding: it has a Content-Encoding.
    """
    coding = headers.get("Content-Encoding")
    if coding and coding.strip().lower() != "identity":
        raise UnsupportedEncoding(coding)
    declared = headers.get("Content-Length")
    length = int(declared[:20]) if declared and declared.isascii() and declared.isdigit() else 0
    if length > limit:
        raise BodyTooLarge(limit, setting)
    body = read(limit + 1)
    if len(body) < length:
        raise InvalidRequest(f"The body ended after {len(body)} of {length} bytes")
    if len(body) > limit:
        raise BodyTooLarge(limit, setting)
    return body


class Content:
    """The body of one request. It is parsed when `value` is first read."""

    __slots__ = ("_value", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._value: Any = _UNREAD

    @property
    def value(self) -> Any:
        """The JSON value; raises InvalidRequest as `parse` does."""
        # Do not store an error: the frames of its traceback would keep the body alive.
        if self._value is _UNREAD:
            self._value = parse(self.raw)
        return self._value


class RequestParser:
    """Parses and validates requests by *document*.

    Raises DocumentError if the document does not allow a plain rerank request.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        try:
            self._schema = Validator(document.request_schema)
            self._check()
            _ = document.default_model  # now, because the document may be malformed
        except SchemaError as error:
            raise DocumentError(f"{document.name}: {error}") from error

    def parse(self, content_type: str | None, content: Content, path: str = "") -> dict[str, Any]:
        """Return the canonical request to *path* in *content*; raise InvalidRequest if it does not match the schema."""
        if content.raw:
            check_media_type(content_type, self._document.request_media_types)
        body, place = content.value, self._document.mapping.place
        if violations := self._schema.violations(body):
            kind = _KINDS.get((violations[0].pointer == place("/documents"), violations[0].keyword), "")
            error = invalid([(each.pointer, each.message) for each in violations], kind)
            if kind == "too_many_documents":
                (limit,) = re.findall("[0-9]+", violations[0].message)
                error.values = {"number": str(len(value_at(body, place("/documents")))), "limit": limit}
            raise error
        request = self._document.request(body, path)
        if violations := _RANKABLE.violations(request):
            raise invalid([(place(each.pointer), each.message) for each in violations])
        # The documents are returned with every integer as it was written.
        exact_body = exact(content.raw, body)
        if exact_body is body:
            return request
        return {**request, "documents": self._document.request(exact_body)["documents"]}

    def _check(self) -> None:
        mapping = self._document.mapping
        query, documents = map(mapping.place, ("/query", "/documents"))
        plain = self._document.write_request({"model": "model", "query": "query", "documents": ["a"]})
        for violation in self._schema.violations(plain):
            if violation.pointer.startswith((query, documents)):
                problem = f"its request schema rejects a plain rerank request: {violation}"
                raise DocumentError(f"{self._document.name}: {problem}")


def invalid(violations: list[tuple[str, str]], kind: str = "") -> InvalidRequest:
    """Return the error about *violations*, each with its place in the body, "" for the body itself."""
    sentences = [f"`{pointer}` {message}" if pointer else f"The body {message}" for pointer, message in violations]
    return InvalidRequest("; ".join(sentences), param=violations[0][0], kind=kind)


# A client sends the same header each time.
@lru_cache(maxsize=64)
def check_media_type(header: str | None, accepted: tuple[str, ...]) -> None:
    """Raise InvalidRequest unless *header*, a Content-Type, names one of *accepted*, in UTF-8."""
    media, *parameters = [part.strip().lower() for part in (header or "").split(";")]
    if not any(fnmatchcase(media, each.partition(";")[0].strip().lower()) for each in accepted):
        sent = f"not {media[:100]}" if media else "and the request has none"
        raise InvalidRequest(f"The Content-Type must be {' or '.join(accepted)}, {sent}")
    charset = next((p.removeprefix("charset=").strip('"') for p in parameters if p.startswith("charset=")), "")
    if charset not in _JSON_CHARSETS:
        raise InvalidRequest(f"The body must be UTF-8, but the Content-Type has charset={charset[:40]}")
