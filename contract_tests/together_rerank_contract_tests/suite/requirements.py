"""A requirement: an id, one sentence, a level, where it comes from, and what breaks where it is not kept."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial, wraps
from typing import Any, TypeVar, cast

from together_rerank_contract_tests.client.exchange import Exchange, excerpt
from together_rerank_contract_tests.client.transport import Inconclusive

# How often a difference of scores must be seen.
_TIMES = 3
# The most characters of an endpoint's answer to show.
_LONGEST = 1_200
Test = TypeVar("Test", bound=Callable[..., None])


class Level(StrEnum):
    """How much it weighs: RFC 2119's MUST and SHOULD, and INFO, which is told and never counts."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    INFO = "INFO"


@dataclass(frozen=True, slots=True)
class Source:
    kind: str
    text: str

    def __str__(self) -> str:
        return self.text if self.kind == "document" else f"{self.kind}: {self.text}"


# The text is a JSON Pointer into the document; a citation of traffic; or a reason for the kit's reading.
document, observed, kit = (partial(Source, kind) for kind in ("document", "observed", "kit"))


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that is asked of an endpoint.

    Attributes:
        why: which clients break where it is not kept.
        requests: how many requests it adds to a run that has sent those of the requirements before it.
        quick: it is one of the few of `--quick`.
    """

    id: str
    sentence: str
    level: Level
    source: Source
    why: str
    requests: int
    quick: bool

    @property
    def topic(self) -> str:
        return self.id.split("-")[1].lower()

    @property
    def fuzz(self) -> bool:
        return self.topic == "fuzz"

    def counts(self, level: str) -> bool:
        """Return whether a run at *level* fails if this requirement is unmet."""
        return self.level is Level.MUST or (self.level is Level.SHOULD and level != "must")


class RequirementFailed(AssertionError):
    """The endpoint breaks a requirement; `exchange` is the smallest that shows it, of *times* such exchanges."""

    def __init__(self, expected: str, received: str, exchange: Exchange, *, times: int = 1) -> None:
        self.expected = excerpt(expected, _LONGEST)
        self.received = excerpt(received, _LONGEST)
        self.exchange = exchange
        self.times = times
        super().__init__(f"expected {self.expected}; received {self.received}")


class PrerequisiteFailed(Exception):
    """A requirement cannot be judged until another is met; `by` has the ids of the possible ones."""

    def __init__(self, reason: str, *by: str) -> None:
        super().__init__(f"{reason} ({', '.join(by)})")
        self.by = by


class NotApplicable(Exception):
    """A requirement does not apply: the endpoint lacks the feature, or the settings exclude it."""


def _requirement(
    level: Level,
    id: str,  # noqa: A002
    source: Source,
    *,
    requests: int = 0,
    quick: bool = False,
    confirmed: bool = False,
) -> Callable[[Test], Test]:
    """Return a decorator that makes a requirement of a test; its docstring has one sentence, and then the reason.

    A *confirmed* requirement is unmet only if the test fails again with new answers.
    """

    def attach(test: Test) -> Test:
        judge = _confirming(test) if confirmed else test
        sentence, why = (" ".join(part.split()) for part in (test.__doc__ or "").split("\n\n"))
        vars(judge)["requirement"] = Requirement(id, sentence, level, source, why, requests, quick)
        return judge

    return attach


must, should, info = (partial(_requirement, level) for level in Level)


def of(test: Any) -> Requirement | None:
    found = getattr(test, "requirement", None)
    return found if isinstance(found, Requirement) else None


def _confirming(test: Test) -> Test:
    """Return *test* as one that accuses only when it finds the same three times, with new answers each time.

    A score that is rounded coarsely jumps by a step once in a while, which no measurement before shows.
    """

    @wraps(test)
    def judge(endpoint: Any) -> None:
        try:
            test(endpoint)
        except RequirementFailed as unmet:
            again = sum(_is_met(test, endpoint.without_cache()) for _ in range(_TIMES - 1))
            if again == 0:
                raise
            if again < _TIMES - 1:
                raise Inconclusive(f"it was not the same each time: {unmet}") from None

    return cast("Test", judge)


def _is_met(test: Callable[..., None], endpoint: Any) -> bool:
    try:
        test(endpoint)
    except RequirementFailed:
        return False
    return True
