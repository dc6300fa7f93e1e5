"""Make a value that a schema allows, from its examples where it has some."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

_EMPTY: dict[Any, Any] = {"string": "", "integer": 0, "number": 0, "boolean": False}
_UNFINISHED = object()


def sample(schema: Any, resolve: Callable[[Any], Any]) -> Any:
    """Return a value for *schema*; *resolve* follows a `$ref`.

    An object has all its properties, except optional ones that refer to a schema that they are part of. A list has one
    item. Lengths, patterns and formats are ignored, so the caller must validate the value.
    """
    return copy.deepcopy(_Sampler(resolve).value(schema))


class _Sampler:
    """Makes the value of each schema once, because schemas can refer to each other in very many ways."""

    def __init__(self, resolve: Callable[[Any], Any]) -> None:
        self._resolve = resolve
        self._values: dict[int, Any] = {}  # by the id of the schema

    def value(self, schema: Any) -> Any:
        node = self._resolve(schema)
        if not isinstance(node, dict):
            return None
        for value in (*_given(schema), *_given(node)):  # an example beside a reference comes first
            return value
        if id(node) not in self._values:
            self._values[id(node)] = _UNFINISHED
            self._values[id(node)] = self._made(node)
        value = self._values[id(node)]
        return None if value is _UNFINISHED else value

    def _made(self, node: dict[str, Any]) -> Any:
        if alternatives := node.get("oneOf") or node.get("anyOf"):
            return self.value(next((each for each in alternatives if not self._is_endless(each)), alternatives[0]))
        value = self._of_type(node)
        for each in node.get("allOf", []):
            part = self.value(each)
            value = {**value, **part} if isinstance(value, dict) and isinstance(part, dict) else part
        return value

    def _of_type(self, schema: dict[str, Any]) -> Any:
        kind = schema.get("type", "object" if "properties" in schema or "allOf" in schema else None)
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object":
            required = schema.get("required", ())
            properties = schema.get("properties", {}).items()
            return {n: self.value(each) for n, each in properties if n in required or not self._is_endless(each)}
        if kind == "array":
            items = schema.get("items", {})
            return [] if self._is_endless(items) else [self.value(items)]
        return schema.get("minimum", _EMPTY.get(kind))

    def _is_endless(self, schema: Any) -> bool:
        """Return whether the value of *schema*, or of each of its alternatives, would contain itself."""
        node = self._resolve(schema)
        if not isinstance(node, dict):
            return False
        if self._values.get(id(node)) is _UNFINISHED:
            return True
        alternatives: list[Any] = node.get("oneOf") or node.get("anyOf") or []
        unfinished = [self._values.get(id(self._resolve(each))) is _UNFINISHED for each in alternatives]
        return bool(unfinished) and all(unfinished)


def _given(schema: dict[str, Any]) -> Iterator[Any]:
    """Yield the values that *schema* itself gives, the best first."""
    yield from (schema[keyword] for keyword in ("example", "const", "default") if keyword in schema)
    yield from (schema[keyword][0] for keyword in ("examples", "enum") if schema.get(keyword))
