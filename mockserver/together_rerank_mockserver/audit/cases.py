"""The cases of an audit: the calls of the pipeline, and what the mock answers to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from together_rerank_mockserver.faults.catalogue import Catalogue
from together_rerank_mockserver.faults.fault import Fault
from together_rerank_spec import load

MIN_PASSAGES = 3
# A passage is recognised by so many characters of its beginning, so that it can be cut or split.
_BEGINNINGS = tuple(30 * 2**power for power in range(9))
_LONG = 12_000
# A ranking override names up to 100 texts, two for a passage; all other passages have the score 0.
_MAX_SCORED = 50
_RETRY_AFTER_S = 1
# Faults that are no cases: no client can tell the answer from a right one, or the requests here cannot show them.
_PLAUSIBLE = {
    *("document-dropped", "duplicates-removed", "rank-fields-ignored", "query-ignored", "position-bias"),
    *("text-field-only", "first-batch-only", "top-n-first-batch", "cache-collision", "calls-mixed-up"),
    *("index-is-rank", "score-equal", "score-halved", "score-above-one", "score-negative"),
}
_QUICK = {
    *("ranking", "ties", "same-query", "two-at-once", "no-passages", "one-passage", "recovery"),
    *("401", "429", "500", "503", "503-html", "reset", "truncate", "malformed-json", "html-200", "empty-body"),
    *("unsorted", "index-out-of-range", "index-negative", "results-empty", "results-missing", "error-200"),
    *("score-nan", "text-swapped", "many-documents-refused"),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the pipeline.

    Attributes:
        passages: what it gets beside the query.
        scores: the score that the mock gives to each passage.
        fault: the fault of its requests, as JSON; None for none.
        suffix: what to add to the query of the case, so that it differs from that of another call.
        is_judged: False for a call that only prepares the next one.
    """

    passages: list[str]
    scores: list[float]
    fault: dict[str, Any] | None = None
    suffix: str = ""
    is_judged: bool = True

    @property
    def ranking(self) -> dict[str, Any] | None:
        """The ranking override for the mock; None if no passage has a text to recognise it by."""
        texts = _beginnings(self.passages)
        scores = {
            form: score
            for text, score in zip(texts, self.scores, strict=True)
            for form in (text, " ".join(text.split()))  # a pipeline can change white space
            if form.strip() and score
        }
        # The longest first, because a passage can contain another.
        ordered = sorted(scores, key=len, reverse=True)
        return {"text_scores": {text: scores[text] for text in ordered}} if ordered else None


@dataclass(frozen=True, slots=True)
class Case:
    """One case: its calls, and what the mock does.

    Attributes:
        group: `ranking`, `input`, `status`, `wire`, `body`, `slow`, `limit` or `outage`.
        is_concurrent: whether the calls are made at the same time.
        waits: whether a pipeline without a timeout waits until the audit gives up.
    """

    name: str
    group: str
    sentence: str
    calls: tuple[Call, ...]
    is_concurrent: bool = False
    waits: bool = False


class CaseBuilder:
    """Builds the cases for *passages*, of which the pipeline returns *top_n*; None for all.

    *slow_s* is the delay of an answer that no pipeline should wait for, in seconds.
    """

    def __init__(self, passages: Sequence[str], top_n: int | None, slow_s: float) -> None:
        self._passages = list(passages)
        self._top_n = top_n
        self._slow_s = slow_s
        self._faults = {fault.name: fault for fault in Catalogue(load())}

    def build(self, *, quick: bool = False) -> list[Case]:
        """Return the cases in the order in which to run them: those that wait are last."""
        every = [*self._rankings(), *self._inputs(), *self._failures(), *self._bodies(), *self._limits()]
        every += [*self._outages(), *self._slow()]
        return [each for each in every if not quick or each.name in _QUICK]

    def call(
        self, passages: Sequence[str] | None = None, *, turned: bool = False, fault: Any = None, **more: Any
    ) -> Call:
        """Return a call whose best passages are at the end of *passages*, which are by default the user's."""
        given = self._passages if passages is None else list(passages)
        return Call(given, _designed(len(given), self._top_n, turned=turned), fault, **more)

    def _rankings(self) -> Iterator[Case]:
        turned = (self.call(), self.call(turned=True, suffix=" again"))
        yield Case("ranking", "ranking", "The best passages are the last ones, and then in another order", turned)
        equal = Call(self._passages, [0.5 if score else 0.0 for score in self.call().scores])
        yield Case("ties", "ranking", "The passages have the same score", (equal,))
        others = [f"{passage} (2)" for passage in self._passages[::-1]]
        other = (self.call(), self.call(others, turned=True))
        yield Case("same-query", "ranking", "The same query is sent with other passages", other)
        both = (self.call(), self.call(others, turned=True, suffix=" too"))
        yield Case("two-at-once", "ranking", "Two calls are made at the same time", both, is_concurrent=True)

    def _inputs(self) -> Iterator[Case]:
        first, *rest = self._passages
        scripts = ["リャマはペルーに住んでいます。", "اللاما تعيش في بيرو.", "Ламы живут в Перу.", "🦙🇵🇪 łąka"]
        inputs = {
            "no-passages": ("There are no passages", []),
            "one-passage": ("There is one passage", [first]),
            "duplicates": ("Some passages are equal", [*self._passages, first, rest[-1]]),
            "blanks": ("Some passages are blank", ["", first, "  ", *rest]),
            "long-passage": (f"One passage has {_LONG:,} characters", [*rest, _long(first)]),
            "other-scripts": ("Passages are in other scripts", [*self._passages, *scripts]),
            "many-passages": ("There are 120 passages", self._many(120)),
        }
        for name, (sentence, passages) in inputs.items():
            yield Case(name, "input", sentence, (self._scored_by_text(passages),))

    def _scored_by_text(self, passages: list[str]) -> Call:
        """Return a call in which equal passages have equal scores, and blank ones the lowest."""
        scores = dict(zip(passages, self.call(passages).scores, strict=True))
        return Call(passages, [scores[each] if each.strip() else 0.0 for each in passages])

    def _many(self, count: int) -> list[str]:
        return [f"{number:03}. {self._passages[number % len(self._passages)]}" for number in range(count)]

    def _failures(self) -> Iterator[Case]:
        """Yield the cases of statuses and of the wire."""
        for fault in self._faults.values():
            if fault.family == "status":
                yield self._of(fault)
                once = {"fault": fault.name, "retry_after": _RETRY_AFTER_S}
                sentence = f"{fault.sentence}, once, with Retry-After"
                yield Case(f"{fault.name}-retry-after", "status", sentence, (self.call(fault=once),))
        for body in ("html", "text", "none"):
            failing = {"fault": "503", "body": body, "times": "always"}
            yield Case(f"503-{body}", "status", f"Overloaded (503), body: {body}", (self.call(fault=failing),))
        for fault in self._faults.values():
            if fault.family == "wire" and fault.name not in ("delay", "hang", "drip"):
                yield self._of(fault)
        # No client has to give up during this.
        drip = {"fault": "drip", "pause": min(200, round(self._slow_s * 20)), "times": "always"}
        yield Case("drip", "wire", self._faults["drip"].sentence, (self.call(fault=drip),))

    def _bodies(self) -> Iterator[Case]:
        for fault in self._faults.values():
            if fault.family == "body" and fault.name not in _PLAUSIBLE:
                # The turned ranking has the last passage among the best, whose index is then too high.
                yield self._of(fault, turned=fault.name == "index-off-by-one")

    def _of(self, fault: Fault, *, turned: bool = False, waits: bool = False) -> Case:
        failing = {"fault": fault.name, "times": "always"}
        calls = (self.call(turned=turned, fault=failing),)
        return Case(fault.name, fault.family, fault.sentence, calls, waits=waits)

    def _limits(self) -> Iterator[Case]:
        first, *rest = self._passages
        for name, passages in (
            ("many-documents-refused", self._many(30)),
            ("long-document-refused", [*rest, _long(first)]),
        ):
            fault = {"fault": name, "times": "always"}
            yield Case(name, "limit", self._faults[name].sentence, (self.call(passages, fault=fault),))

    def _outages(self) -> Iterator[Case]:
        down = {"fault": "503", "times": "always"}
        calls = tuple(self.call(fault=down, suffix=f" {number}") for number in (1, 2, 3))
        yield Case("outage", "outage", "Three calls get nothing but 503", calls)
        before = self.call(fault=down, is_judged=False)
        yield Case("recovery", "outage", "The call before got 503, this one gets an answer", (before, self.call()))

    def _slow(self) -> Iterator[Case]:
        delay = {"fault": "delay", "delay": round(self._slow_s * 1000)}
        once = f"The first answer takes {self._slow_s:g} s"
        yield Case("slow-once", "slow", once, (self.call(fault=delay),), waits=True)
        always = f"Every answer takes {self._slow_s:g} s"
        yield Case("slow", "slow", always, (self.call(fault={**delay, "times": "always"}),), waits=True)
        yield self._of(self._faults["hang"], waits=True)


def _designed(count: int, top_n: int | None, *, turned: bool) -> list[float]:
    """Return scores by which the last of *count* passages are the best; if *turned*, in another order."""
    best = list(range(count))[::-1]
    # The last one is not the best: a client that reads the index -1 would find it by chance.
    best[:2] = best[:2][::-1]
    if turned:
        # Those beyond the first `top_n` stay the best, and both parts turn around.
        beyond = max(2, min(top_n or count, count - (top_n or count)))
        best = best[:beyond][::-1] + best[beyond:][::-1]
    scores = [0.0] * count
    for place, index in enumerate(best[:_MAX_SCORED]):
        scores[index] = round(0.99 - 0.5 * place / max(count, 1), 6)  # high enough for a usual threshold
    return scores


def _beginnings(passages: list[str]) -> list[str]:
    """Return for each passage a short beginning that no other contains."""
    folded = {passage.casefold() for passage in passages}

    def is_its_own(passage: str, length: int) -> bool:
        text = passage[:length].casefold()
        return not any(text in other for other in folded if other != passage.casefold())

    return [
        passage[: next((length for length in _BEGINNINGS if is_its_own(passage, length)), _BEGINNINGS[-1])]
        for passage in passages
    ]


def _long(passage: str) -> str:
    return (passage + " " + "and so on " * _LONG)[:_LONG]
