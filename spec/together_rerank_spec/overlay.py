"""Apply an OpenAPI Overlay strictly: an action that meets nothing, or changes nothing, is an error."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from typing import Any

_ROOT = "$"
_STEP = re.compile(
    r"\.(?P<name>[A-Za-z_][A-Za-z0-9_-]*)|\['(?P<single>[^']*)'\]|\[\"(?P<double>[^\"]*)\"\]|\[(?P<index>\d+)\]"
)
_ACTION_FIELDS = {"target", "description", "update", "remove"}


class OverlayError(ValueError):
    """The overlay is malformed or no longer fits the document; the message names the action."""


class NeedlessError(OverlayError):
    """An action changes nothing: the document already says so."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """An action of an overlay that does not apply to a document.

    Attributes:
        number: its place in the overlay, from 1.
        target: what it is about.
        update: what it would write there; None when it would remove.
        because: why it does not apply, in words.
        is_needless: whether the document already says what it would write.
    """

    number: int
    target: str
    update: Any
    because: str
    is_needless: bool = False


def apply_overlay(document: dict[str, Any], overlay: Any) -> dict[str, Any]:
    """Return a copy of *document* with every action of *overlay* applied, in order.

    Targets are plain paths: names, quoted names and indices, no wildcards and no filters,
    so each action meets exactly one place.

    Raises:
        OverlayError: an action is malformed, its target is missing, or it changes nothing.
    """
    result = copy.deepcopy(document)
    for name, action in actions_of(overlay):
        try:
            _apply(result, action)
        except OverlayError as fault:
            raise OverlayError(f"{name}: {fault}") from fault
    return result


def actions_of(overlay: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return every action of *overlay* with what messages call it.

    Raises:
        OverlayError: it is no overlay, or an action has no target.
    """
    version = overlay.get("overlay") if isinstance(overlay, dict) else None
    if not re.fullmatch(r"1\.0\.\d+", str(version)):
        raise OverlayError(
            f"not an OpenAPI Overlay 1.0: {f'it says overlay: {version}' if version else 'it has no version'}"
        )
    actions = overlay.get("actions")
    if not isinstance(actions, list) or not actions:
        raise OverlayError("the overlay has no actions")
    for number, action in enumerate(actions, start=1):
        if not isinstance(action, dict) or not isinstance(action.get("target"), str):
            raise OverlayError(f"action {number} of the overlay has no target")
    return [(f"action {number} of the overlay, {each['target']}", each) for number, each in enumerate(actions, start=1)]


def misfits(document: dict[str, Any], overlay: Any) -> list[Misfit]:
    """Return the actions of *overlay* that do not apply to *document*, each tried after all before it that do.

    Raises:
        OverlayError: it is no overlay, or an action has no target.
    """
    result = copy.deepcopy(document)
    found = []
    for number, (_, action) in enumerate(actions_of(overlay), start=1):
        try:
            _apply(result, action)
        except OverlayError as fault:
            is_needless = isinstance(fault, NeedlessError)
            found.append(Misfit(number, action["target"], action.get("update"), str(fault), is_needless))
    return found


def _apply(document: dict[str, Any], action: dict[str, Any]) -> None:
    if unknown := sorted(set(action) - _ACTION_FIELDS):
        raise OverlayError(f"unknown field `{unknown[0]}`; known are {', '.join(sorted(_ACTION_FIELDS))}")
    if ("update" in action) == (action.get("remove") is True):
        raise OverlayError("it needs either `update` or `remove: true`")
    steps = _steps(action["target"])
    target: Any = document
    parent: Any = None
    for step in steps:
        parent, target = target, _child(target, step)
    if "update" not in action:
        if not steps:
            raise OverlayError("the whole document cannot be removed")
        del parent[steps[-1]]
    else:
        _update(target, action["update"])


def _update(target: Any, update: Any) -> None:
    before = json.dumps(target)  # for in Python 1 equals true
    if isinstance(target, list):
        target.append(copy.deepcopy(update))
    elif isinstance(target, dict) and isinstance(update, dict):
        _merge(target, update)
    else:
        raise OverlayError("Overlay 1.0 updates objects with an object, or appends to arrays")
    if json.dumps(target) == before:
        raise NeedlessError("it changes nothing; the document already says so")


def _steps(target: str) -> list[str | int]:
    steps: list[str | int] = []
    position = len(_ROOT)
    while position < len(target) or not target.startswith(_ROOT):
        match = _STEP.match(target, position) if target.startswith(_ROOT) else None
        if match is None:
            raise OverlayError("not a plain path; write $.name, ['quoted name'] or [0]")
        index = match["index"]
        steps.append(int(index) if index is not None else next(g for g in match.groups()[:3] if g is not None))
        position = match.end()
    return steps


def _child(node: Any, step: str | int) -> Any:
    found = (
        step < len(node)
        if isinstance(node, list) and isinstance(step, int)
        else isinstance(node, dict) and step in node
    )
    if not found:
        raise OverlayError(f"the document has no such place ({step!r} is missing)")
    return node[step]


def _merge(target: dict[str, Any], update: dict[str, Any]) -> None:
    for key, value in update.items():
        present = target.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            _merge(present, value)
        elif isinstance(present, list) and isinstance(value, list):
            present.extend(copy.deepcopy(value))
        else:
            target[key] = copy.deepcopy(value)
