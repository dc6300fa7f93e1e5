"""Apply an OpenAPI Overlay strictly: an action that meets nothing, or changes nothing, is an error."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

_ROOT = "$"
_STEP = re.compile(
    r"\.(?P<name>[A-Za-z_][A-Za-z0-9_-]*)|\['(?P<single>[^']*)'\]|\[\"(?P<double>[^\"]*)\"\]|\[(?P<index>\d+)\]"
)
_ACTION_FIELDS = {"target", "description", "update", "remove"}


class OverlayError(ValueError):
    """The overlay is malformed or no longer fits the document; the message names the action."""


def apply_overlay(document: dict[str, Any], overlay: Any) -> dict[str, Any]:
    """Return a copy of *document* with every action of *overlay* applied, in order.

    Targets are plain paths: names, quoted names and indices, no wildcards and no filters,
    so each action meets exactly one place.

    Raises:
        OverlayError: an action is malformed, its target is missing, or it changes nothing.
    """
    version = overlay.get("overlay") if isinstance(overlay, dict) else None
    if not re.fullmatch(r"1\.0\.\d+", str(version)):
        raise OverlayError(
            f"not an OpenAPI Overlay 1.0: {f'it says overlay: {version}' if version else 'it has no version'}"
        )
    actions = overlay.get("actions")
    if not isinstance(actions, list) or not actions:
        raise OverlayError("the overlay has no actions")
    result = copy.deepcopy(document)
    for number, action in enumerate(actions, start=1):
        name = f"action {number} of the overlay"
        if not isinstance(action, dict) or not isinstance(action.get("target"), str):
            raise OverlayError(f"{name} has no target")
        name = f"{name}, {action['target']}"
        before = copy.deepcopy(result)
        _apply(result, action, name)
        if json.dumps(result) == json.dumps(before):  # for in Python 1 equals true
            raise OverlayError(f"{name}: it changes nothing; the document already says so")
    return result


def _apply(document: dict[str, Any], action: dict[str, Any], name: str) -> None:
    if unknown := sorted(set(action) - _ACTION_FIELDS):
        raise OverlayError(f"{name}: unknown field `{unknown[0]}`; known are {', '.join(sorted(_ACTION_FIELDS))}")
    if ("update" in action) == (action.get("remove") is True):
        raise OverlayError(f"{name}: it needs either `update` or `remove: true`")
    steps = _steps(action["target"], name)
    target: Any = document
    parent: Any = None
    for step in steps:
        parent, target = target, _child(target, step, name)
    if "update" not in action:
        if not steps:
            raise OverlayError(f"{name}: the whole document cannot be removed")
        del parent[steps[-1]]
    elif isinstance(target, list):
        target.append(copy.deepcopy(action["update"]))
    elif isinstance(target, dict) and isinstance(action["update"], dict):
        _merge(target, action["update"])
    else:
        raise OverlayError(f"{name}: Overlay 1.0 updates objects with an object, or appends to arrays")


def _steps(target: str, name: str) -> list[str | int]:
    steps: list[str | int] = []
    position = len(_ROOT)
    while position < len(target) or not target.startswith(_ROOT):
        match = _STEP.match(target, position) if target.startswith(_ROOT) else None
        if match is None:
            raise OverlayError(f"{name}: not a plain path; write $.name, ['quoted name'] or [0]")
        index = match["index"]
        steps.append(int(index) if index is not None else next(g for g in match.groups()[:3] if g is not None))
        position = match.end()
    return steps


def _child(node: Any, step: str | int, name: str) -> Any:
    found = (
        step < len(node)
        if isinstance(node, list) and isinstance(step, int)
        else isinstance(node, dict) and step in node
    )
    if not found:
        raise OverlayError(f"{name}: the document has no such place ({step!r} is missing)")
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
