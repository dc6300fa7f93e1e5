"""What a pipeline makes of a case: the outcome of each of its calls, by what it returned or raised."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from together_rerank_mockserver.audit.cases import Call

_SHOWN = 80
_SHOWN_INDEXES = 10


class Outcome(Enum):
    """What a pipeline makes of a case, from good to bad."""

    RIGHT = "right"
    NOT_SHOWN = "not shown"  # no answer could show the fault
    DECLARED = "declared fallback"
    LOUD = "loud error"
    CRASH = "crash"
    SILENT = "silent fallback"
    WRONG = "wrong passages"
    HANG = "hang"
    NO_EFFECT = "no effect"

    @property
    def is_failure(self) -> bool:
        return self in (Outcome.SILENT, Outcome.WRONG, Outcome.HANG, Outcome.NO_EFFECT)

    @property
    def severity(self) -> int:
        return list(Outcome).index(self)


@dataclass(frozen=True, slots=True)
class Observed:
    """What one call of the pipeline did.

    Attributes:
        returned: the passages or indexes that it returned; any other value if it cannot be read.
        error: what it raised; None if it returned.
        seconds: how long it took.
        is_hung: whether it was still running when the audit gave up.
        declared: how it declared a fallback: `log`, `argument` or `value`; None if it did not.
        read_error: why the user's function could not read what it returned.
    """

    returned: Any = None
    error: BaseException | None = None
    seconds: float = 0.0
    is_hung: bool = False
    declared: str | None = None
    read_error: Exception | None = None


class CommandFailed(Exception):
    """A command failed; the message says what it did. *is_crash* if an error of its own code ended it."""

    def __init__(self, message: str, *, is_crash: bool) -> None:
        super().__init__(message)
        self.is_crash = is_crash


# Errors of the code, which say nothing about the reranker. A subclass of them that a library defines is not one.
_CRASHES = (LookupError, TypeError, AttributeError, NameError, ArithmeticError, AssertionError, SystemExit)


def judge(call: Call, top_n: int | None, observed: Observed, *, has_answer: bool) -> tuple[Outcome, str]:
    """Return the outcome of one call, and a sentence with what it did.

    *has_answer* is whether the pipeline got results that it could rank by.
    """
    if observed.is_hung:
        return Outcome.HANG, f"was still running after {observed.seconds:.1f} s"
    if observed.error is not None:
        crash = _is_crash(observed.error)
        did = (
            str(observed.error) if isinstance(observed.error, CommandFailed) else f"raised {error_text(observed.error)}"
        )
        return (Outcome.CRASH if crash else Outcome.LOUD), did
    return _judge_returned(call, top_n, observed, has_answer=has_answer)


def _judge_returned(call: Call, top_n: int | None, observed: Observed, *, has_answer: bool) -> tuple[Outcome, str]:
    if observed.declared == "value":
        return Outcome.DECLARED, f"returned {shown(observed.returned)}"
    indexes = indexes_of(observed.returned, call.passages)
    if isinstance(indexes, str):
        return Outcome.WRONG, f"returned {indexes}"
    what = f"returned the passages {_cut(indexes)}" if indexes else "returned no passages"
    if _is_right(indexes, call, top_n):
        return Outcome.RIGHT, what
    if observed.declared:
        return Outcome.DECLARED, f"{what}, and said so"
    is_unranked = indexes == list(range(len(indexes)))
    expected = f"{what}, not {_cut(_expected(call.scores, top_n))}"
    return (Outcome.SILENT if is_unranked or not has_answer else Outcome.WRONG), expected


def indexes_of(returned: Any, passages: Sequence[str]) -> list[int] | str:
    """Return the indexes of the passages in *returned*, or what is wrong with it."""
    if returned is None:
        return []
    if not isinstance(returned, list):
        return f"{shown(returned)}, which is not a list of passages or indexes"
    found: list[int] = []
    for item in returned:
        index = _index_of(item, passages, found)
        if isinstance(index, str):
            return index
        found.append(index)
    return found


def is_item(value: Any) -> bool:
    """Return whether *value* can be a passage or an index."""
    return isinstance(value, str) or (hasattr(value, "__index__") and not isinstance(value, bool))


def _index_of(item: Any, passages: Sequence[str], taken: list[int]) -> int | str:
    if isinstance(item, str):
        equal = [index for index, passage in enumerate(passages) if passage == item]
        if not equal:
            return f"{shown(item)}, which is not a passage"
        return next((index for index in equal if index not in taken), f"a passage twice: {shown(item)}")
    if not is_item(item):
        return f"{shown(item)}, which is neither a passage nor an index"
    index = operator.index(item)
    if not 0 <= index < len(passages):
        return f"the index {index}, of {len(passages)} passages"
    return f"the index {index} twice" if index in taken else index


def _is_right(indexes: list[int], call: Call, top_n: int | None) -> bool:
    """Return whether *indexes* have the best scores, best first; equal scores can be in any order.

    Equal passages can be returned once, and those with the score 0 can be left out.
    """
    found = [call.scores[index] for index in indexes]
    once = dict(zip(call.passages, call.scores, strict=True)).values()
    wanted = [sorted(filter(None, scores), reverse=True)[:top_n] for scores in (call.scores, once)]
    is_sorted = found == sorted(found, reverse=True)[:top_n]
    return is_sorted and list(filter(None, found)) in wanted


def _expected(scores: list[float], top_n: int | None) -> list[int]:
    return sorted(range(len(scores)), key=lambda index: -scores[index])[:top_n]


def _cut(indexes: list[int]) -> str:
    first = ", ".join(map(str, indexes[:_SHOWN_INDEXES]))
    return f"[{first}, ...]" if len(indexes) > _SHOWN_INDEXES else f"[{first}]"


def _is_crash(error: BaseException) -> bool:
    if isinstance(error, CommandFailed):
        return error.is_crash
    return isinstance(error, _CRASHES) and type(error).__module__ == "builtins"


def error_text(error: BaseException) -> str:
    """Return the class and the message of *error*, in one line."""
    kind, text = type(error), " ".join(str(error).split())
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__.partition('.')[0]}.{kind.__name__}"
    return f"{name}: {text[:_SHOWN]}" if text else name


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
