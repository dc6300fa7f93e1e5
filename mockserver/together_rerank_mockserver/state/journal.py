"""The journal's entry of one request, without secrets and of limited size."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from sys import getsizeof
from typing import Any

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
    results: tuple[list[Any], int] | None = None  # the indexes of the first results, and how many there are
    # Returns the canonical form of a body that was sent to a path; None if all bodies have it.
    read: Callable[[Any, str], Any] | None = None
    size: int = field(init=False)  # about how many bytes the entry takes

    def __post_init__(self) -> None:
        texts = [self.method, self.path, self.reply, self.request_id, self.reason or ""]
        texts += [*self.headers, *self.headers.values()]
        self.size = _OVERHEAD + getsizeof(self.body) + getsizeof(self.headers) + _size(texts)

    @property
    def as_dict(self) -> dict[str, Any]:
        """The entry as JSON: `body` is the JSON value, or `text` the text if the stored bytes are not JSON.

        If the API has another form than the canonical one, `canonical` is the canonical request.
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
            "body": None,
        }
        try:
            shown["body"] = json_text.exact(self.body, json_text.parse(self.body))
        except InvalidRequest:
            shown["text"] = self.body.decode(errors="replace")
        if self.read and isinstance(shown["body"], dict):
            shown["canonical"] = self.read(shown["body"], self.path)
        return shown


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
    redaction: Redaction, *, method: str, path: str, body: bytes, max_body: int, reason: str | None = None, **facts: Any
) -> Entry:
    """Return the entry of a request: secrets redacted, *body* cut to *max_body* bytes; *facts* are other fields."""
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
        reason=redaction.message(reason)[:_MAX_TEXT] if reason else None,
        **facts,
    )
