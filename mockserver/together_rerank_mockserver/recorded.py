"""Recorded requests: journal entries as objects, and their comparison for `assert_called()`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypedDict

_NEAREST = 3
_LONGEST = 200
_LONGEST_QUERY = 60
_USUAL_PATHS = ("/v1/rerank", "/rerank")


class Headers(dict[str, str]):
    """Headers by name, ignoring case; secret headers are not included."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


def _field(name: str) -> Any:
    def value(request: RecordedRequest) -> Any:
        body = request.body if request.canonical is None else request.canonical
        return body.get(name) if isinstance(body, dict) else None

    return property(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """One request that the mock received, and its answer.

    Attributes:
        number: its position among the requests of the test, from 1.
        began: when it arrived, in seconds since 1970.
        ended: when its answer was ready, or its client had disconnected, in seconds since 1970.
        status: the status of the answer; None if there was no answer.
        reply: where the answer came from: the value of its `x-mock-reply`.
        reason: why the answer is an error; None for a success.
        retry_after: the seconds to wait before a retry, from the answer's headers; None without such a header.
        results: the indexes of the first ten results of a 200, best first; None if the answer has no such results.
        result_count: the number of all results, or None.
        retry_count: the number of the retry, as Together's SDKs send it; None for other clients.
        request_id: the `x-request-id` of the answer.
        headers: the headers of the request, without secrets.
        body: the JSON value of the request; None if it is not JSON, or was too long for the journal.
        text: the body as text if it is not JSON, else None.
        body_bytes: the length of the body in bytes.
        answer: the JSON value of the answer; None if it is not JSON, or was too long for the journal.
        canonical: the body with the names of Together's API, if it was sent to another API; else None.
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
    answer: Any = None
    canonical: Any = None
    results: list[Any] | None = None
    result_count: int | None = None

    # The fields of the canonical request; None if it does not have them.
    model = _field("model")
    query = _field("query")
    documents = _field("documents")
    top_n = _field("top_n")
    return_documents = _field("return_documents")
    rank_fields = _field("rank_fields")

    @property
    def fault(self) -> str | None:
        """The name of the fault that was applied to the answer; None without one."""
        if not self.reply.startswith(("forced", "chaos")):
            return None
        parts = dict(part.strip().partition("=")[::2] for part in self.reply.split(";"))
        return parts.get("fault")

    def __str__(self) -> str:
        why = f": {self.reason}" if self.reason else ""
        return f"#{self.number} {self._request} -> {self._answer}{why}"

    @property
    def _request(self) -> str:
        parts = [] if self.path in _USUAL_PATHS and self.query is not None else [self.method, self.path]
        if self.query is not None:
            parts.append(f"query={_shown(self.query, _LONGEST_QUERY)}")
        if isinstance(self.documents, list):
            parts.append(f"{len(self.documents)} doc{'' if len(self.documents) == 1 else 's'}")
        if self.top_n is not None:
            parts.append(f"top_n={_shown(self.top_n, _LONGEST_QUERY)}")
        return " ".join(parts)

    @property
    def _answer(self) -> str:
        parts = ["no answer" if self.status is None else str(self.status)]
        if self.results is not None:
            more = ["..."] if len(self.results) != self.result_count else []
            parts.append(f"[{','.join([*map(repr, self.results), *more])}]")
        parts.append(self.reply.partition(";")[0])
        if self.fault not in (None, parts[0]):
            parts.append(str(self.fault))
        return " ".join(parts)


def from_json(number: int, entry: dict[str, Any]) -> RecordedRequest:
    began = datetime.fromisoformat(entry["time"]).timestamp()
    changed = {"began": began, "ended": began + entry["ms"] / 1000, "headers": Headers(entry["headers"])}
    same = {each.name: entry.get(each.name) for each in fields(RecordedRequest)}
    return RecordedRequest(**{**same, "number": number, **changed})


def sort(entries: Iterable[dict[str, Any]], dropped: int) -> list[RecordedRequest]:
    """Return the *entries* of a journal that has *dropped* earlier ones, in the order of their arrival."""
    # The journal is sorted by the end of the requests; times are texts that sort in time order.
    in_order = sorted(entries, key=lambda each: each["time"])
    return [from_json(dropped + number, each) for number, each in enumerate(in_order, 1)]


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
            raise TypeError(f"assert_called() has no argument `{name}`; known: times, {', '.join(known)}")


def matching(requests: Sequence[RecordedRequest], expected: Mapping[str, Any]) -> list[RecordedRequest]:
    return [request for request in requests if not _differing(request, expected)]


def failure(requests: Sequence[RecordedRequest], expected: Mapping[str, Any], wanted: str) -> str:
    """Return the message of a failed `assert_called()`, with the requests most similar to *expected* first."""
    conditions = " with " + ", ".join(f"{name}={_shown(value)}" for name, value in expected.items()) if expected else ""
    found = len(matching(requests, expected))
    lines = [f"expected {wanted}{conditions}; {found} of {len(requests)} requests match"]
    others = [request for request in requests if _differing(request, expected)]
    if others:
        lines.append("most similar requests:")
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
    """Return *value* as its JSON form is parsed: a list for a tuple."""
    return list(value) if isinstance(value, tuple) else value


def _difference(expected: Any, got: Any) -> str:
    if isinstance(expected, list | tuple) and isinstance(got, list):
        if len(expected) != len(got):
            return f"expected {len(expected)} items, got {len(got)}: {_shown(got)}"
        place = next((place for place, pair in enumerate(zip(expected, got, strict=True)) if pair[0] != pair[1]), None)
        if place is not None:
            return f"item {place}: expected {_shown(expected[place])}, got {_shown(got[place])}"
    return f"expected {_shown(expected)}, got {_shown(got)}"


def _shown(value: Any, longest: int = _LONGEST) -> str:
    text = repr(value)
    return text if len(text) <= longest else f"{text[:longest]}..."
