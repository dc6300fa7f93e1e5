"""Read a TOML file of known deviations: for each requirement id, a reason and a date on which it expires."""

import datetime as dt
import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from together_rerank_contract_tests.run.outcome import Outcome, State
from together_rerank_spec.toml_text import read_toml

_FIELDS = {"reason", "expires"}


@dataclass(frozen=True, slots=True)
class Known:
    """A known deviation; it counts as passed up to and including the day `expires`."""

    id: str
    reason: str
    expires: dt.date


def read(path: Path, ids: Collection[str]) -> list[Known]:
    """Return the deviations in the file *path*: a table for each id, with `reason` and `expires`.

    Raises ValueError if the file cannot be read or is invalid; the message is one line and names the place.
    """
    tables = read_toml(path)
    for name in tables:
        if name not in ids:
            near = difflib.get_close_matches(name, ids, n=1)
            hint = f"did you mean {near[0]}?" if near else "--list prints the ids"
            raise ValueError(f"{path}: there is no requirement [{name}]; {hint}")
    return [_known(path, name, table) for name, table in tables.items()]


def apply(outcomes: Iterable[Outcome], known: Iterable[Known], today: dt.date) -> list[Outcome]:
    """Return *outcomes* with each failure that is known and not expired marked as known."""
    current = {each.id: each for each in known if each.expires >= today}
    return [
        replace(each, state=State.KNOWN, reason=current[each.requirement.id].reason)
        if each.state is State.FAILED and each.requirement.id in current
        else each
        for each in outcomes
    ]


def remarks(outcomes: Iterable[Outcome], known: Iterable[Known], today: dt.date) -> list[str]:
    """Return a line for each known deviation that passes now, or has expired and still fails."""
    states = {each.requirement.id: each.state for each in outcomes}
    lines = []
    for each in known:
        if states.get(each.id) is State.PASSED:
            lines.append(f"{each.id} passes now; remove it from the file of known deviations")
        elif states.get(each.id) is State.FAILED and each.expires < today:
            lines.append(f"{each.id} was a known deviation until {each.expires}; check it again")
    return lines


def _known(path: Path, name: str, table: Any) -> Known:
    where = f"{path}: [{name}]"
    if not isinstance(table, dict):
        raise ValueError(f"{where} must be a table with `reason` and `expires`")
    if unknown := sorted(set(table) - _FIELDS):
        raise ValueError(f"{where}: `{unknown[0]}` is not a field; the fields are `reason` and `expires`")
    reason, expires = table.get("reason"), table.get("expires")
    if not isinstance(reason, str) or not reason.strip():
        raise ValueError(f"{where}: `reason` is missing; state why the deviation is accepted")
    if isinstance(expires, dt.datetime) or not isinstance(expires, dt.date):
        raise ValueError(f"{where}: `expires` must be a date, such as expires = 2027-06-30")
    return Known(name, reason.strip(), expires)
