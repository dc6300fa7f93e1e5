"""Matching: which requests are the ones that a test asserts, and how far off the others are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from together_rerank_mockserver.testing.recorded import RecordedRequest

_NEAREST = 3
_LONGEST = 200


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
    """Return what to say when not as many of *requests* as *wanted* are as *expected*, the nearest ones first."""
    described = " with " + ", ".join(f"{name}={_shown(value)}" for name, value in expected.items()) if expected else ""
    found = len(matching(requests, expected))
    lines = [f"expected {wanted}{described}; {found} of {len(requests)} {'is' if found == 1 else 'are'} such"]
    others = [request for request in requests if _differing(request, expected)]
    if others:
        lines.append("the nearest of the others:")
    for request in sorted(others, key=lambda request: len(_differing(request, expected)))[:_NEAREST]:
        lines.append(f"  {request}")
        lines += [
            f"    {name}: {_difference(expected[name], getattr(request, name))}"
            for name in _differing(request, expected)
        ]
    if found and not others:
        lines += [f"  {request}" for request in requests[-_NEAREST:]]
    return "\n".join(lines)


def _differing(request: RecordedRequest, expected: Mapping[str, Any]) -> list[str]:
    return [name for name, value in expected.items() if _as_json(value) != getattr(request, name)]


def _as_json(value: Any) -> Any:
    """Return *value* as it comes out of JSON, where there are no tuples."""
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
