"""The journal's entry of one request, without secrets and of limited size."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from sys import getsizeof
from typing import Any, Self

import orjson

from together_rerank_mockserver.api import json_text
from together_rerank_mockserver.api.errors import InvalidRequest
from together_rerank_mockserver.api.messages import utc
from together_rerank_mockserver.state.redaction import Redaction

_COUNT = re.compile("[0-9]{1,9}")
# Approximate bytes of a journal entry without its texts and headers.
_OVERHEAD = 400


@dataclass(slots=True)
class Entry:
    """One request in a journal. Treat as immutable; not frozen, for speed."""

    time: float  # when the request arrived, in seconds since 1970
    method: str
    path: str
    status: int | None  # None if the client got no answer
    headers: dict[str, str]
    body: bytes  # the first bytes, up to the journal's limit
    body_bytes: int  # how many bytes were read
    reply: str  # the value of `x-mock-reply`: where the answer comes from
    request_id: str
    ms: float  # until the answer was ready
    reason: str | None = None
    retry_after: float | None = None  # the seconds in the answer's Retry-After or retry-after-ms
    answer: bytes = b""  # the first bytes of the answer's body, up to the journal's limit
    answer_bytes: int = 0  # how many bytes were sent
    results: tuple[list[Any], int] | None = None  # the indexes of the first results, and how many there are
    size: int = field(init=False)  # about how many bytes the entry takes

    def __post_init__(self) -> None:
        texts = [self.method, self.path, self.reply, self.request_id, self.reason or ""]
        texts += [*self.headers, *self.headers.values()]
        self.size = _OVERHEAD + sum(map(getsizeof, (self.body, self.answer, self.headers))) + _size(texts)

    @property
    def as_bytes(self) -> bytes:
        """The entry as `from_bytes` reads it: a line of JSON, the body and the answer."""
        fields = [len(self.body), *(getattr(self, name) for name in _FIELDS)]
        return orjson.dumps(fields) + b"\n" + self.body + self.answer

    @classmethod
    def from_bytes(cls, stored: bytes) -> Self:
        line, _, rest = stored.partition(b"\n")
        length, *values = orjson.loads(line)
        entry = cls(body=rest[:length], answer=rest[length:], **dict(zip(_FIELDS, values, strict=True)))
        entry.results = entry.results and (entry.results[0], entry.results[1])  # JSON has no tuples
        return entry

    def shown(self, read: Callable[[Any, str], Any] | None) -> dict[str, Any]:
        """Return the entry as JSON.

        `body` and `answer` are JSON values, or `text` and `answer_text` the texts if the stored bytes are not JSON.

        *read* returns the canonical form of a body that was sent to a path; None if all bodies have it.
        """
        retry_count = self.headers.get("x-stainless-retry-count", "")
        shown: dict[str, Any] = {
            "time": utc(self.time),
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "reply": self.reply,
            "request_id": self.request_id,
            "ms": round(self.ms, 1),
            "reason": self.reason,
            "retry_after": self.retry_after,
            "results": self.results and self.results[0],
            "result_count": self.results and self.results[1],
            "retry_count": int(retry_count) if _COUNT.fullmatch(retry_count) else None,
            "headers": self.headers,
            "body_bytes": self.body_bytes,
            **_content(self.body, "body", "text"),
            "answer_bytes": self.answer_bytes,
            **_content(self.answer, "answer", "answer_text"),
        }
        if read and isinstance(shown["body"], dict):
            shown["canonical"] = read(shown["body"], self.path)
        return shown


_FIELDS = tuple(each.name for each in fields(Entry) if each.name not in ("body", "answer", "size"))


def _content(stored: bytes, name: str, text: str) -> dict[str, Any]:
    """Return the JSON value of *stored* as *name*; if it is not JSON, None, and its text as *text*."""
    try:
        return {name: json_text.exact(stored, json_text.parse(stored))}
    except InvalidRequest:
        return {name: None, text: stored.decode(errors="replace")}


def _size(texts: list[str]) -> int:
    """Return how many bytes *texts* take, with the UTF-8 forms that Python caches once they are written as JSON."""
    joined = "".join(texts)
    if joined.isascii():
        return getsizeof("") * len(texts) + len(joined)
    encoded = [text.encode(errors="replace") for text in texts if not text.isascii()]
    return sum(map(getsizeof, texts)) + sum(map(len, encoded))


_MAX_HEADERS = 64
_MAX_TEXT = 2048


def entry(
    redaction: Redaction,
    *,
    method: str,
    path: str,
    body: bytes,
    max_body: int,
    answer: bytes = b"",
    reason: str | None = None,
    **facts: Any,
) -> Entry:
    """Return the entry of a request: secrets redacted, *body* and *answer* cut to *max_body* bytes.

    *facts* are other fields.
    """
    headers = redaction.headers
    if len(headers) > _MAX_HEADERS or max(map(len, headers.values()), default=0) > _MAX_TEXT:
        first = list(headers.items())[:_MAX_HEADERS]
        headers = {name[:_MAX_TEXT]: value[:_MAX_TEXT] for name, value in first}
    return Entry(
        method=redaction.text(method)[:_MAX_TEXT],
        path=redaction.text(path)[:_MAX_TEXT],
        headers=headers,
        body=redaction.content(body, max_body),
        body_bytes=len(body),
        answer=redaction.content(answer, max_body),
        answer_bytes=len(answer),
        reason=redaction.message(reason)[:_MAX_TEXT] if reason else None,
        **facts,
    )
