"""Recorded requests: journal entries as objects, and the comparison for `assert_called()`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypedDict

_NEAREST = 3
_LONGEST = 200


class Headers(dict[str, str]):
    """Headers by their names, in any case; those that are secret are left out."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


def _field(name: str) -> Any:
    return property(lambda request: request.body.get(name) if isinstance(request.body, dict) else None)


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

    # The fields of the request body; None if it does not have them.
    model = _field("model")
    query = _field("query")
    documents = _field("documents")
    top_n = _field("top_n")
    return_documents = _field("return_documents")
    rank_fields = _field("rank_fields")

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


def from_json(number: int, told: dict[str, Any]) -> RecordedRequest:
    began = datetime.fromisoformat(told["time"]).timestamp()
    changed = {"began": began, "ended": began + told["ms"] / 1000, "headers": Headers(told["headers"])}
    same = {each.name: told.get(each.name) for each in fields(RecordedRequest)}
    return RecordedRequest(**{**same, "number": number, **changed})


class Expected(TypedDict, total=False):
    model: Any
    query: Any
    documents: Any
    top_n: Any
    return_documents: Any
    rank_fields: Any
    status: int | None
    path: str


def check_names(expected: Mapping[str, Any]) -> None:
    known = Expected.__annotations__
    for name in expected:
        if name not in known:
            raise TypeError(f"assert_called() does not know `{name}`; known: times, {', '.join(known)}")


def matching(requests: Sequence[RecordedRequest], expected: Mapping[str, Any]) -> list[RecordedRequest]:
    return [request for request in requests if not _differing(request, expected)]


def failure(requests: Sequence[RecordedRequest], expected: Mapping[str, Any], wanted: str) -> str:
    """Return the message for a failed `assert_called()`, with the requests that are nearest to *expected* first."""
    as_dict = " with " + ", ".join(f"{name}={_shown(value)}" for name, value in expected.items()) if expected else ""
    found = len(matching(requests, expected))
    lines = [f"expected {wanted}{as_dict}; {found} of {len(requests)} {'is' if found == 1 else 'are'} such"]
    others = [request for request in requests if _differing(request, expected)]
    if others:
        lines.append("the nearest of the others:")
    for request in sorted(others, key=lambda request: len(_differing(request, expected)))[:_NEAREST]:
        lines.append(f"  {request}")
        differing = _differing(request, expected)
        lines += [f"    {name}: {_difference(expected[name], getattr(request, name))}" for name in differing]
    if found and not others:
        lines += [f"  {request}" for request in requests[-_NEAREST:]]
    return "\n".join(lines)


def _differing(request: RecordedRequest, expected: Mapping[str, Any]) -> list[str]:
    return [name for name, value in expected.items() if _as_json(value) != getattr(request, name)]


def _as_json(value: Any) -> Any:
    """Return *value* as JSON would give it back, with lists for tuples."""
    return list(value) if isinstance(value, tuple) else value


def _difference(expected: Any, got: Any) -> str:
    if isinstance(expected, list | tuple) and isinstance(got, list):
        if len(expected) != len(got):
            return f"expected {len(expected)} items, got {len(got)}: {_shown(got)}"
        place = next((place for place, pair in enumerate(zip(expected, got, strict=True)) if pair[0] != pair[1]), None)
        if place is not None:
            return f"item {place}: expected {_shown(expected[place])}, got {_shown(got[place])}"
    return f"expected {_shown(expected)}, got {_shown(got)}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
