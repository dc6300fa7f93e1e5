"""A requirement: an id, a sentence, a level, a source, and which clients break if an endpoint fails it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial, wraps
from typing import Any, TypeVar, cast

from together_rerank_contract_tests.client.exchange import Exchange, excerpt
from together_rerank_contract_tests.client.transport import Inconclusive
from together_rerank_spec import Document

# How many runs of a test must fail before a confirmed requirement fails.
_RUNS = 3
# The most characters of an expected or a received value to show.
_MAX_SHOWN = 1_200
Test = TypeVar("Test", bound=Callable[..., None])


class Every(StrEnum):
    """The exchanges that a requirement is about, if it must hold for every one of a kind."""

    ANSWER = "every 200 to a valid request; the test gets an `Answer`"
    ERROR = "every response with a status from 400 on; the test gets an `Exchange`"
    RESPONSE = "every response to a POST of the operation; the test gets an `Exchange`"
    REFUSAL = "every response to a valid request that is not a 200; the test gets an `Exchange`"
    UNANSWERED = "every request without a complete response; the test gets an `Exchange` with the status 0"


# For each requirement about every exchange of a kind, by its id: the kind, and the test of one exchange.
TESTS_OF_EVERY: dict[str, tuple[Every, Callable[[Any, Any], None]]] = {}


class Level(StrEnum):
    """The level of a requirement: MUST and SHOULD as in RFC 2119; INFO is reported and never fails the run."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    INFO = "INFO"


@dataclass(frozen=True, slots=True)
class Source:
    kind: str
    text: str

    def of(self, document: Document) -> "Source":
        """Return the source, with the operation of *document* in place of Together's schemas."""
        if document.mapping.is_canonical:
            return self
        if self.kind != "document":
            return replace(self, text=document.mapping.in_words_of_the_api(self.text))
        is_request = self.text.startswith("/components/schemas/RerankRequest")
        status = self.text.removeprefix(f"{_OPERATION}/responses/")
        if self.text == "/security" and "security" not in document.operation:
            return self
        part = "requestBody" if is_request else "security" if self.text == "/security" else "responses"
        if status.isdigit() and int(status) in document.statuses:
            part = f"responses/{status}"
        return replace(self, text=f"{document.place_of_operation}/{part}")

    def __str__(self) -> str:
        return self.text if self.kind == "document" else f"{self.kind}: {self.text}"


# Together's operation in its document.
_OPERATION = "/paths/~1rerank/post"
# The text of a source is a JSON Pointer into the document, a citation of traffic, or a reason by the kit.
document, observed, kit = (partial(Source, kind) for kind in ("document", "observed", "kit"))


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement for an endpoint.

    Attributes:
        why: which clients break if an endpoint fails it.
        why_at_together: which clients of Together's API do.
        requests: how many requests it sends that no earlier requirement of the run has sent.
        quick: whether `--quick` runs it.
        every: the kind of exchanges that it must hold for; None if it sends its own requests.
        needs: what the API must have so that it can be judged, as for `lacking`.
    """

    id: str
    sentence: str
    level: Level
    source: Source
    why: str
    why_at_together: str
    requests: int
    quick: bool
    every: Every | None = None
    needs: tuple[str, ...] = ()

    @property
    def topic(self) -> str:
        return self.id.split("-")[1].lower()

    @property
    def fuzz(self) -> bool:
        return self.topic == "fuzz"

    def of(self, document: Document) -> "Requirement":
        """Return the requirement in the words of the API of *document*, with the source there."""
        words, is_together = document.mapping.in_words_of_the_api, document.mapping.is_canonical
        why = f"{self.why} {self.why_at_together}".strip() if is_together else words(self.why)
        return replace(self, sentence=words(self.sentence), source=self.source.of(document), why=why)

    def counts(self, level: str) -> bool:
        """Return whether a run at *level* fails if this requirement fails."""
        return self.level is Level.MUST or (self.level is Level.SHOULD and level != "must")


class RequirementFailed(AssertionError):
    """The endpoint fails a requirement.

    Attributes:
        exchange: the smallest of *times* exchanges that show it.
        index: the index of the document that shows it; None if it is unknown.
    """

    def __init__(
        self, expected: str, received: str, exchange: Exchange, *, times: int = 1, index: int | None = None
    ) -> None:
        words = exchange.document.mapping.in_words_of_the_api
        # Mask the secrets before the text is cut: a secret that is cut in two is not recognised.
        self.expected = excerpt(exchange.mask.text(words(expected)), _MAX_SHOWN)
        self.received = excerpt(exchange.mask.text(words(received)), _MAX_SHOWN)
        self.exchange = exchange
        self.times = times
        self.index = index
        super().__init__(f"expected {self.expected}; received {self.received}")


class PrerequisiteFailed(Exception):
    """A requirement cannot be judged because another one fails, which is one of `requirement_ids`."""

    def __init__(self, reason: str, *requirement_ids: str) -> None:
        super().__init__(f"{reason} ({', '.join(requirement_ids)})")
        self.requirement_ids = requirement_ids


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
    every: Every | None = None,
    needs: tuple[str, ...] = (),
) -> Callable[[Test], Test]:
    """Return a decorator that turns a test into a requirement; its docstring has one sentence, and why it matters.

    A third paragraph of the docstring is about clients of Together's API. *needs* is as for `lacking`.
    If *confirmed*, the requirement fails only if the test fails three times, each time with new responses.
    With *every*, the test judges one exchange, and the requirement fails if the test fails for any exchange of the run.
    """

    def attach(test: Test) -> Test:
        able = _with_needs(test, needs) if needs else test
        check = _with_confirmation(able) if confirmed else able
        if every is not None:
            TESTS_OF_EVERY[id] = every, able
            check = _for_every(id, test)
        sentence, why, *together = (" ".join(part.split()) for part in (test.__doc__ or "").split("\n\n"))
        vars(check)["requirement"] = Requirement(
            id, sentence, level, source, why, " ".join(together), requests, quick, every, needs
        )
        return check

    return attach


must, should, info = (partial(_requirement, level) for level in Level)


def requirement_of(test: Any) -> Requirement | None:
    """Return the requirement that *test* checks; None if it is not a requirement."""
    requirement = getattr(test, "requirement", None)
    return requirement if isinstance(requirement, Requirement) else None


def lacking(document: Document, needs: Iterable[str]) -> str:
    """Return why the API of *document* does not have all *needs*, so that a requirement cannot be judged; "" if it has.

    A need is a place of the mapping, such as `request.top_n`, or one of these:

    - `objects`: documents can be texts or objects
    - `whole objects`: objects are ranked by all their fields
    - `object`: the response has this member
    - `sorted`: the best result comes first
    """
    return next((reason for need in needs if (reason := _lacking(document, need))), "")


def _lacking(document: Document, need: str) -> str:
    mapping = document.mapping
    section, _, name = need.partition(".")
    if need == "sorted":
        return "" if mapping.places["response"].get("sorted", True) else "the API does not sort the results"
    if name:
        return "" if name in mapping.places[section] else f"the API has no `{name}` in a {section}"
    if need == "object":
        example = document.example_of_success
        return "" if isinstance(example, dict) and need in example else "the API has no `object` in a response"
    if need == "objects":
        is_known = document.takes_texts and document.takes_objects
        return "" if is_known else "the API takes documents of one kind only"
    is_known = document.takes_objects and "text" not in mapping.places["request"]
    return "" if is_known else "the API does not rank an object by all its fields"


def _with_needs(test: Test, needs: tuple[str, ...]) -> Test:
    """Return *test* changed to raise NotApplicable if the API lacks one of *needs*."""

    @wraps(test)
    def check(endpoint: Any, *rest: Any) -> None:
        reason = lacking(endpoint.document, needs)
        if reason:
            raise NotApplicable(reason)
        test(endpoint, *rest)

    return cast("Test", check)


def _for_every(requirement_id: str, test: Test) -> Test:
    def check(sampling: Any) -> None:
        sampling.judge(requirement_id)

    check.__name__, check.__module__ = test.__name__, test.__module__
    return cast("Test", check)


def _with_confirmation(test: Test) -> Test:
    """Return *test* changed to fail only if it fails three times, each time with new responses.

    A coarsely rounded score sometimes jumps by one step, which the measured noise may not show.
    """

    @wraps(test)
    def check(endpoint: Any) -> None:
        try:
            test(endpoint)
        except RequirementFailed as failure:
            passed = sum(_passes(test, endpoint.without_cache()) for _ in range(_RUNS - 1))
            if passed == 0:
                raise
            if passed < _RUNS - 1:
                raise Inconclusive(f"the failure did not repeat every time: {failure}") from None

    return cast("Test", check)


def _passes(test: Callable[..., None], endpoint: Any) -> bool:
    try:
        test(endpoint)
    except RequirementFailed:
        return False
    return True
