"""What a test asks for, as the JSON in which the mock is asked."""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from together_rerank_mockserver.durations import MOST_MS


def durations(*, retry_after: Any, **others: Any) -> dict[str, int | None]:
    """Return the durations of an order, given in seconds; None for those that are not asked for.

    Raises:
        ValueError: one is no number.
    """
    told = {name: _milliseconds(name, seconds) for name, seconds in others.items() if seconds is not None}
    if retry_after is None:
        return {**told}
    if retry_after == "none":
        return {**told, "retry_after": None}
    milliseconds = _milliseconds("retry_after", retry_after)
    in_seconds = {"retry_after_ms": milliseconds} if milliseconds % 1000 else {"retry_after": milliseconds // 1000}
    return {**told, **in_seconds}


def indexes(given: Any) -> list[int]:
    """Return the indexes *given*, which may be another library's numbers.

    Raises:
        ValueError: they are none.
    """
    with suppress(TypeError):
        if not isinstance(given, bytes | Mapping):
            return [operator.index(index) for index in given]
    raise ValueError(f"rank() takes indexes of documents, such as [2, 0], not {given!r}")


def scores(given: Any) -> dict[str, float]:
    """Return the scores *given* by index.

    Raises:
        ValueError: they are none.
    """
    with suppress(TypeError, ValueError, OverflowError, AttributeError):
        return {str(operator.index(index)): float(score) for index, score in given.items()}
    raise ValueError(f"scores() takes a score for each index, such as {{0: 0.9}}, not {given!r}")


def body(given: Any) -> bytes:
    """Return the body of a rerank request *given* as its value.

    Raises:
        ValueError: it is no object, or JSON cannot hold it.
    """
    if not isinstance(given, Mapping):
        raise ValueError(f"explain() takes the body of a rerank request, an object, not {str(given)[:200]}")
    try:
        return json.dumps(dict(given)).encode()
    except (TypeError, ValueError) as fault:
        raise ValueError(f"explain() takes what JSON can hold: {fault}") from None


def _milliseconds(name: str, seconds: Any) -> int:
    if isinstance(seconds, int | float) and not isinstance(seconds, bool):
        with suppress(OverflowError, ValueError):
            milliseconds = round(seconds * 1000)
            if 0 <= milliseconds <= MOST_MS[name]:
                return milliseconds
    raise ValueError(
        f"`{name}` must be a number of seconds from 0 to {MOST_MS[name] // 1000}, not {str(seconds)[:100]!r}"
    )
