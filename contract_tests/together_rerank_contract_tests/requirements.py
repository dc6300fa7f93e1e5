"""A requirement: an id, one sentence, a level, where it comes from, and what breaks where it is not kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from typing import Any, TypeVar, cast

from together_rerank_contract_tests.findings import Inconclusive, Unmet

# How often a difference of scores must be seen.
_TIMES = 3
Test = TypeVar("Test", bound=Callable[..., None])


class Level(StrEnum):
    """How much it weighs: RFC 2119's MUST and SHOULD, and INFO, which is told and never counts."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    INFO = "INFO"


@dataclass(frozen=True, slots=True)
class Source:
    """What a requirement rests on.

    Attributes:
        kind: `document` (a JSON Pointer into it), `observed` (a citation), or `kit` (a reason).
    """

    kind: str
    text: str

    def __str__(self) -> str:
        return self.text if self.kind == "document" else f"{self.kind}: {self.text}"


def document(pointer: str) -> Source:
    """Return the source that is a place in the document."""
    return Source("document", pointer)


def observed(citation: str) -> Source:
    """Return the source that is traffic somebody saw."""
    return Source("observed", citation)


def kit(reason: str) -> Source:
    """Return the source that is this kit's reading of the document's words."""
    return Source("kit", reason)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that is asked of an endpoint.

    Attributes:
        sentence: what is required, as a whole sentence.
        why: which clients break where it is not kept.
        requests: how many requests it adds to a run that has sent those of the requirements before it.
        quick: it is one of the few of `--quick`.
        fuzz: it is judged by Schemathesis.
    """

    id: str
    sentence: str
    level: Level
    source: Source
    why: str
    requests: int = 0
    quick: bool = False
    fuzz: bool = False


def requirement(
    id: str,  # noqa: A002
    sentence: str,
    level: Level,
    source: Source,
    *,
    why: str,
    requests: int = 0,
    quick: bool = False,
    fuzz: bool = False,
    confirmed: bool = False,
) -> Callable[[Test], Test]:
    """Make a test the judge of one requirement; where it is *confirmed*, what is seen once is looked at again."""

    def attach(test: Test) -> Test:
        judge = _confirming(test) if confirmed else test
        vars(judge)["requirement"] = Requirement(id, sentence, level, source, why, requests, quick, fuzz)
        return judge

    return attach


def _confirming(test: Test) -> Test:
    """Return *test* as one that accuses only when it finds the same three times, with new answers each time.

    A score that is rounded coarsely jumps by a step once in a while, which no measurement before shows.
    """

    @wraps(test)
    def judge(endpoint: Any) -> None:
        try:
            test(endpoint)
        except Unmet as unmet:
            again = sum(_is_met(test, endpoint.afresh()) for _ in range(_TIMES - 1))
            if again == 0:
                raise
            if again < _TIMES - 1:
                raise Inconclusive(f"it was not the same each time: {unmet}") from None

    return cast("Test", judge)


def _is_met(test: Callable[..., None], endpoint: Any) -> bool:
    try:
        test(endpoint)
    except Unmet:
        return False
    return True


def of(test: Any) -> Requirement | None:
    """Return the requirement that *test* judges, if it judges one."""
    found = getattr(test, "requirement", None)
    return found if isinstance(found, Requirement) else None
