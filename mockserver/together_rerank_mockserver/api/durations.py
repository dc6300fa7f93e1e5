"""Durations as text: `250ms`, `2s` or `1.5s`."""

import re
from typing import Literal

DURATION = r"[0-9]{1,8}(\.[0-9]{1,6})?(ms|s)"
Unit = Literal["ms", "s"]
_MS: dict[str, float] = {"ms": 1, "s": 1000}


def duration(text: str, unit: Unit) -> float | None:
    """Return *text*, such as `1.5s`, as a number of *unit*, an integer if it is whole; None if it is no duration."""
    found = re.fullmatch(DURATION, text)
    if found is None:
        return None
    number = round(float(text.removesuffix(found[2])) * _MS[found[2]] / _MS[unit], 9)
    return int(number) if number.is_integer() else number
