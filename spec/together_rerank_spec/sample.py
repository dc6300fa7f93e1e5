"""Make a value that a schema allows, from its examples where it has some."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

# A schema may refer to itself.
_MAX_DEPTH = 32
_EMPTY: dict[Any, Any] = {"string": "", "integer": 0, "number": 0, "boolean": False}


def sample(schema: Any, resolve: Callable[[Any], Any], depth: int = 0) -> Any:
    """Return a value for *schema* with all its properties; *resolve* follows a `$ref`.

    A list has one item. Lengths, patterns and formats are ignored, so the caller must validate the value.
    """
    node = resolve(schema)
    if not isinstance(node, dict) or depth > _MAX_DEPTH:
        return None
    for value in (*_given(schema), *_given(node)):  # an example beside a reference comes first
        return copy.deepcopy(value)
    if alternatives := node.get("oneOf") or node.get("anyOf"):
        return sample(alternatives[0], resolve, depth + 1)
    value = _of_type(node, resolve, depth + 1)
    for each in node.get("allOf", []):
        part = sample(each, resolve, depth + 1)
        value = {**value, **part} if isinstance(value, dict) and isinstance(part, dict) else part
    return value


def _given(schema: dict[str, Any]) -> Iterator[Any]:
    """Yield the values that *schema* itself gives, the best first."""
    yield from (schema[keyword] for keyword in ("example", "const", "default") if keyword in schema)
    yield from (schema[keyword][0] for keyword in ("examples", "enum") if schema.get(keyword))


def _of_type(schema: dict[str, Any], resolve: Callable[[Any], Any], depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema or "allOf" in schema else None)
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        required = schema.get("required", ())
        properties = schema.get("properties", {}).items()
        return {n: sample(each, resolve, depth) for n, each in properties if depth < _MAX_DEPTH or n in required}
    if kind == "array":
        return [sample(schema.get("items", {}), resolve, depth)]
    return schema.get("minimum", _EMPTY.get(kind))
