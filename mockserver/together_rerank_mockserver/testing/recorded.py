"""A recorded request: an entry of the journal as an object, for tests to look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


class Headers(dict[str, str]):
    """Headers by their names, in any case; those that are secret are left out."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """One request that came, and what it was answered.

    Attributes:
        number: from 1, in the order in which they came.
        began: when it came, in seconds since 1970.
        ended: when its answer was ready, or its client had left.
        status: None when the connection was left without an answer.
        reply: where the answer came from, as its `x-mock-reply` says.
        reason: why it was an error, if it was.
        retry_after: in how many seconds the client was told to come again, if it was.
        retry_count: which retry it is, as Together's SDKs say; None for other clients.
        body: the JSON value; None when it is not JSON, or was too long to be kept.
        text: what came, where it is not JSON.
    """

    number: int
    began: float
    ended: float
    method: str
    path: str
    status: int | None
    reply: str
    reason: str | None
    retry_after: float | None
    retry_count: int | None
    request_id: str
    headers: Headers
    body: Any
    text: str | None
    body_bytes: int

    @property
    def model(self) -> Any:
        return self._field("model")

    @property
    def query(self) -> Any:
        return self._field("query")

    @property
    def documents(self) -> Any:
        return self._field("documents")

    @property
    def top_n(self) -> Any:
        return self._field("top_n")

    @property
    def return_documents(self) -> Any:
        return self._field("return_documents")

    @property
    def rank_fields(self) -> Any:
        return self._field("rank_fields")

    @property
    def fault(self) -> str | None:
        """The name of the fault that the answer shows, if it shows one."""
        if not self.reply.startswith(("forced", "chaos")):
            return None
        said = dict(part.strip().partition("=")[::2] for part in self.reply.split(";"))
        return said.get("fault")

    def __str__(self) -> str:
        answer = "no answer" if self.status is None else str(self.status)
        why = f": {self.reason}" if self.reason else ""
        return f"#{self.number} {self.method} {self.path} -> {answer} ({self.reply}){why}"

    def _field(self, name: str) -> Any:
        return self.body.get(name) if isinstance(self.body, dict) else None


def from_json(number: int, told: dict[str, Any]) -> RecordedRequest:
    began = datetime.fromisoformat(told["time"]).timestamp()
    return RecordedRequest(
        number=number,
        began=began,
        ended=began + told["ms"] / 1000,
        headers=Headers(told["headers"]),
        text=told.get("text"),
        **{
            name: told[name]
            for name in (
                "method",
                "path",
                "status",
                "reply",
                "reason",
                "retry_after",
                "retry_count",
                "request_id",
                "body",
                "body_bytes",
            )
        },
    )
