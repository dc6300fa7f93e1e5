"""Apply an OpenAPI Overlay strictly: an action that has no target in the document, or changes nothing, is an error."""

import copy
import json
import re
from typing import Any

_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\['([^']*)'\]|\[\"([^\"]*)\"\]|\[(\d+)\]")
_INDEX = 4  # the group of _STEP that matches an index
_PATH = re.compile(rf"\$(?:{_STEP.pattern})*")
_ACTION_FIELDS = {"target", "description", "update", "remove"}


class OverlayError(ValueError):
    """The overlay is malformed, or an action cannot be applied to the document; the message names the action."""


def apply_overlay(document: dict[str, Any], overlay: Any) -> dict[str, Any]:
    """Return a copy of *document* with the actions of *overlay* applied, one after the other.

    A target is a path of names, quoted names and indices, without wildcards or filters, so an action changes exactly
    one place. Raises OverlayError if an action is malformed, its target is missing, or it changes nothing.
    """
    result = copy.deepcopy(document)
    for number, action in enumerate(_actions(overlay), start=1):
        target = action.get("target") if isinstance(action, dict) else None
        if not isinstance(target, str):
            raise OverlayError(f"action {number} of the overlay has no target")
        try:
            _apply(result, _steps(target), action)
        except OverlayError as error:
            raise OverlayError(f"action {number} of the overlay, {target}: {error}") from error
    return result


def _actions(overlay: Any) -> list[Any]:
    version = overlay.get("overlay") if isinstance(overlay, dict) else None
    if not re.fullmatch(r"1\.0\.\d+", str(version)):
        found = f"it has `overlay: {version}`" if version else "it has no version"
        raise OverlayError(f"not an OpenAPI Overlay 1.0: {found}")
    actions = overlay.get("actions")
    if not isinstance(actions, list) or not actions:
        raise OverlayError("the overlay has no actions")
    return actions


def _steps(target: str) -> list[str | int]:
    if not _PATH.fullmatch(target):
        raise OverlayError("not a plain path; write $.name, ['quoted name'] or [0]")
    found = ((step.lastindex or 0, step) for step in _STEP.finditer(target))
    return [int(step[group]) if group == _INDEX else step[group] for group, step in found]


def _apply(document: dict[str, Any], steps: list[str | int], action: dict[str, Any]) -> None:
    if unknown := sorted(set(action) - _ACTION_FIELDS):
        raise OverlayError(
            f"unknown field `{unknown[0]}`; the fields of an action are {', '.join(sorted(_ACTION_FIELDS))}"
        )
    if ("update" in action) == (action.get("remove") is True):
        raise OverlayError("it must have either `update` or `remove: true`")
    target: Any = document
    parent: Any = None
    for step in steps:
        parent, target = target, _child(target, step)
    if "update" in action:
        _update(target, action["update"])
    elif steps:
        del parent[steps[-1]]
    else:
        raise OverlayError("the whole document cannot be removed")


def _child(node: Any, step: str | int) -> Any:
    if isinstance(step, int):
        found = isinstance(node, list) and step < len(node)
    else:
        found = isinstance(node, dict) and step in node
    if not found:
        raise OverlayError(f"the document has no such place ({step!r} is missing)")
    return node[step]


def _update(target: Any, update: Any) -> None:
    before = json.dumps(target)  # as JSON, because 1 == True in Python
    if isinstance(target, list):
        target.append(copy.deepcopy(update))
    elif isinstance(target, dict) and isinstance(update, dict):
        _merge(target, update)
    else:
        raise OverlayError("Overlay 1.0 can merge an object into an object, or append to an array, and nothing else")
    if json.dumps(target) == before:
        raise OverlayError("it changes nothing; the document already has this value")


def _merge(target: dict[str, Any], update: dict[str, Any]) -> None:
    for key, value in update.items():
        present = target.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            _merge(present, value)
        elif isinstance(present, list) and isinstance(value, list):
            present.extend(copy.deepcopy(value))
        else:
            target[key] = copy.deepcopy(value)
