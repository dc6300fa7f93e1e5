"""The cases of an audit: the calls of the pipeline, and what the mock answers to them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from together_rerank_mockserver.faults.catalogue import Catalogue
from together_rerank_mockserver.faults.fault import Fault
from together_rerank_spec import load

MIN_PASSAGES = 3
# Words with single spaces between them. They stay together if a pipeline cuts a passage or removes its markup.
_WORDS = re.compile(r"[^\W_]+(?: [^\W_]+)*")
# The characters by which the mock recognises a passage: at least _LEAST, or those of a shorter run of words.
_LEAST = 20
_SHORTEST = 4
_MOST = 9_000
_RUNS = 20  # how many runs of words are tried at the beginning and at the end of a passage
_LONG = 12_000
# A ranking override names up to 100 texts, two for a passage; all other passages have the score 0.
_MAX_SCORED = 50
_RETRY_AFTER_S = 1
# Faults that are not cases: no client can tell the answer from a right one, or no request of an audit shows them.
_PLAUSIBLE = {
    *("document-dropped", "duplicates-removed", "rank-fields-ignored", "query-ignored", "position-bias"),
    *("text-field-only", "first-batch-only", "top-n-first-batch", "cache-collision", "calls-mixed-up"),
    *("index-is-rank", "score-equal", "score-halved", "score-above-one", "score-negative"),
}
QUICK = {
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
        every = "\0".join({each.casefold() for each in self.passages})
        own: dict[str, float] = {}
        shared: dict[str, float] = {}
        for passage, score in zip(self.passages, self.scores, strict=True):
            if score:
                texts = _own_texts(passage, every)
                own |= dict.fromkeys(texts, score)
                shared |= {} if texts else dict.fromkeys(_shared_texts(passage), score)
        # The first text that a document contains counts, so the longest of the shared ones comes first.
        scores = own | {text: shared[text] for text in sorted(shared, key=len, reverse=True)}
        return {"text_scores": scores} if scores else None


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

    def build(self) -> list[Case]:
        """Return the cases in the order in which to run them: those that wait are last."""
        cases = [*self._rankings(), *self._inputs(), *self._statuses(), *self._wire(), *self._bodies(), *self._limits()]
        return [*cases, *self._outages(), *self._slow()]

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
        return [f"Number {number:03} {self._passages[number % len(self._passages)]}" for number in range(count)]

    def _statuses(self) -> Iterator[Case]:
        for fault in self._of_family("status"):
            yield self._of(fault)
            once = {"fault": fault.name, "retry_after": _RETRY_AFTER_S}
            sentence = f"{fault.sentence}, once, with Retry-After"
            yield Case(f"{fault.name}-retry-after", "status", sentence, (self.call(fault=once),))
        overloaded = self._faults["503"]
        for body in ("html", "text", "none"):
            failing = {"fault": overloaded.name, "body": body, "times": "always"}
            sentence = f"{overloaded.sentence}, body: {body}"
            yield Case(f"{overloaded.name}-{body}", "status", sentence, (self.call(fault=failing),))

    def _wire(self) -> Iterator[Case]:
        for fault in self._of_family("wire"):
            if fault.name not in ("delay", "hang", "drip"):
                yield self._of(fault)
        # Slow, but faster than a usual timeout.
        drip = {"fault": "drip", "pause": min(200, round(self._slow_s * 20)), "times": "always"}
        yield Case("drip", "wire", self._faults["drip"].sentence, (self.call(fault=drip),))

    def _bodies(self) -> Iterator[Case]:
        for fault in self._of_family("body"):
            if fault.name not in _PLAUSIBLE:
                # The turned ranking has the last passage among the best, whose index is then too high.
                yield self._of(fault, turned=fault.name == "index-off-by-one")

    def _of_family(self, family: str) -> Iterator[Fault]:
        return (fault for fault in self._faults.values() if fault.family == family)

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
        # The passages beyond the first `top_n` stay the best; the order within both parts is reversed.
        beyond = max(2, min(top_n or count, count - (top_n or count)))
        best = best[:beyond][::-1] + best[beyond:][::-1]
    scores = [0.0] * count
    for place, index in enumerate(best[:_MAX_SCORED]):
        scores[index] = round(0.99 - 0.5 * place / max(count, 1), 6)  # high enough for a usual threshold
    return scores


def _own_texts(passage: str, every: str) -> list[str]:
    """Return texts that only *passage* has: one near its beginning, and one near its end; none if it has no such text.

    *every* has all passages, in lower case.
    """
    folded = passage.casefold()

    def is_its_own(text: str) -> bool:
        is_usable = _SHORTEST <= len(text) <= _MOST
        return is_usable and every.count(text.casefold()) == folded.count(text.casefold())

    runs = [found[0] for found in itertools.islice(_WORDS.finditer(passage), 2 * _MOST)]
    first = (text for run in runs[:_RUNS] for text in (_start(run), run))
    last = (text for run in runs[: -_RUNS - 1 : -1] for text in (_start(run[::-1])[::-1], run))
    return [text for candidates in (first, last) for text in itertools.islice(filter(is_its_own, candidates), 1)]


def _shared_texts(passage: str) -> Iterator[str]:
    """Yield texts of *passage* that another passage contains, too."""
    texts = [passage, " ".join(passage.split())] if len(passage) <= _MOST else [_start(passage[::-1])[::-1]]
    return filter(str.strip, texts)


def _start(run: str) -> str:
    """Return the first words of *run*, at least _LEAST characters."""
    end = run.find(" ", _LEAST)
    return run if end < 0 else run[:end]


def _long(passage: str) -> str:
    return (passage + " " + "and so on " * _LONG)[:_LONG]
