"""Deviations that somebody knows of and lives with, from a TOML file: by id, with a reason and a day to look again."""

import datetime as dt
import difflib
import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from together_rerank_contract_tests.run.outcome import Outcome, State

_FIELDS = {"reason", "expires"}


@dataclass(frozen=True, slots=True)
class Known:
    """A known deviation, which counts as passed up to and including the day `expires`."""

    id: str
    reason: str
    expires: dt.date


def read(path: Path, ids: Collection[str]) -> list[Known]:
    """Return the deviations in *path*: a table for each id, with `reason` and `expires`.

    Raises ValueError with one line that names the place if the file cannot be read or is not valid.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise ValueError(f"{path}: {fault.strerror}") from fault
    except (ValueError, RecursionError) as fault:
        raise ValueError(f"{path}: not TOML: {str(fault)[:200]}") from fault
    for name in tables:
        if name not in ids:
            near = difflib.get_close_matches(name, ids, n=1)
            hint = f"did you mean {near[0]}?" if near else "--list shows them"
            raise ValueError(f"{path}: there is no requirement [{name}]; {hint}")
    return [_known(path, name, table) for name, table in tables.items()]


def apply(outcomes: Iterable[Outcome], known: Iterable[Known], today: dt.date) -> list[Outcome]:
    current = {each.id: each for each in known if each.expires >= today}
    return [
        replace(each, state=State.KNOWN, reason=current[each.requirement.id].reason)
        if each.state is State.FAILED and each.requirement.id in current
        else each
        for each in outcomes
    ]


def remarks(outcomes: Iterable[Outcome], known: Iterable[Known], today: dt.date) -> list[str]:
    states = {each.requirement.id: each.state for each in outcomes}
    said = []
    for each in known:
        if states.get(each.id) is State.PASSED:
            said.append(f"{each.id} is kept now; it can leave the file of known deviations")
        elif states.get(each.id) is State.FAILED and each.expires < today:
            said.append(f"{each.id} was known until {each.expires}; look at it again")
    return said


def _known(path: Path, name: str, table: Any) -> Known:
    where = f"{path}: [{name}]"
    if not isinstance(table, dict):
        raise ValueError(f"{where} must be a table with `reason` and `expires`")
    if unknown := sorted(set(table) - _FIELDS):
        raise ValueError(f"{where}: `{unknown[0]}` is not a field; there are `reason` and `expires`")
    reason, expires = table.get("reason"), table.get("expires")
    if not isinstance(reason, str) or not reason.strip():
        raise ValueError(f"{where}: `reason` is missing; say why it is lived with")
    if isinstance(expires, dt.datetime) or not isinstance(expires, dt.date):
        raise ValueError(f"{where}: `expires` must be a date, such as expires = 2027-06-30")
    return Known(name, reason.strip(), expires)
