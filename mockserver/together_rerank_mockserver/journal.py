"""The journal: what was asked and what answered, without keys, and cut to a size."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from together_rerank_mockserver import body
from together_rerank_mockserver.errors import InvalidRequest
from together_rerank_mockserver.redaction import Redaction

_MAX_HEADERS = 64
_COUNT = re.compile("[0-9]{1,9}")
_MAX_TEXT = 2048
# What such an entry takes beside its texts, roughly.
_OVERHEAD = 600


@dataclass(slots=True)
class Entry:
    """One request; not to be changed, and not frozen only because that would double the time to make it.

    Attributes:
        time: when it came, in seconds since 1970.
        path: without its query.
        status: what was answered; None when the connection was left without an answer.
        body: its first bytes, as many as are kept.
        body_bytes: how many there were, of those that were read.
        reply: where the answer came from, as `x-mock-reply` says.
        request_id: the `x-request-id` of the answer.
        ms: until the answer was ready.
        reason: why it was an error, if it was.
        retry_after: in how many seconds the client was told to come again, if it was.
        size: about how many bytes the entry takes.
    """

    time: float
    method: str
    path: str
    status: int | None
    headers: dict[str, str]
    body: bytes
    body_bytes: int
    reply: str
    request_id: str
    ms: float
    reason: str | None = None
    retry_after: float | None = None
    size: int = field(init=False)

    def __post_init__(self) -> None:
        texts = sum(map(len, self.headers)) + sum(map(len, self.headers.values()))
        self.size = _OVERHEAD + len(self.body) + texts

    @property
    def described(self) -> dict[str, Any]:
        """The entry as JSON; `body` is the value when it is whole and JSON, else there is a `text`."""
        retry_count = self.headers.get("x-stainless-retry-count", "")
        shown: dict[str, Any] = {
            "time": datetime.fromtimestamp(self.time, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "reply": self.reply,
            "request_id": self.request_id,
            "ms": round(self.ms, 1),
            "reason": self.reason,
            "retry_after": self.retry_after,
            "retry_count": int(retry_count) if _COUNT.fullmatch(retry_count) else None,
            "headers": self.headers,
            "body_bytes": self.body_bytes,
            "body": None,
        }
        try:
            shown["body"] = body.exact(self.body, body.parse(self.body))
        except InvalidRequest:
            shown["text"] = self.body.decode(errors="replace")
        return shown


def entry(
    redaction: Redaction, *, method: str, path: str, body: bytes, most: int, reason: str | None = None, **facts: Any
) -> Entry:
    """Return the entry of a request, in which *redaction* leaves nothing that is secret; *facts* are as in Entry.

    Of *body* as many bytes are kept as *most* says.
    """
    headers = redaction.headers
    if len(headers) > _MAX_HEADERS or max(map(len, headers.values()), default=0) > _MAX_TEXT:
        first = list(headers.items())[:_MAX_HEADERS]
        headers = {name[:_MAX_TEXT]: value[:_MAX_TEXT] for name, value in first}
    return Entry(
        method=redaction.text(method)[:_MAX_TEXT],
        path=redaction.text(path)[:_MAX_TEXT],
        headers=headers,
        body=redaction.content(body, most),
        body_bytes=len(body),
        reason=redaction.message(reason)[:_MAX_TEXT] if reason else None,
        **facts,
    )
