"""The JSON types of each field, in bodies and in a schema."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from together_rerank_spec import Document
from together_rerank_spec.validation import pointer

ABSENT, ANY, NO_JSON = "absent", "anything", "not JSON"
# The sequence in which types are printed; quoted values come first.
_DISPLAYED = ("object", "array", "string", "number", "integer", "boolean", "null", ANY, NO_JSON, ABSENT)
_TYPES = {dict: "object", list: "array", str: "string", float: "number", int: "integer", bool: "boolean"}
# Deeper fields are ignored; no reranker has them.
_MAX_DEPTH = 12
_MAX_VALUES = 4
# Stands for a body that is not JSON.
NOT_JSON = object()
Types = frozenset[str]
NO_TYPES: Types = frozenset()


class Fields(dict[str, Types]):
    """The types at each path, such as `/results/*/index`."""

    def at(self, path: str) -> Types:
        """Return the types at *path*: ABSENT if its parent is an object without it; none if no parent is an object."""
        parent, _, name = path.rpartition("/")
        has_parent = name != "*" and "object" in self.get(parent, NO_TYPES)
        return self.get(path, frozenset([ABSENT]) if has_parent else NO_TYPES)


def types_in_bodies(bodies: Iterable[Any], *, quoted: Collection[str] = ()) -> Fields:
    """Return the types in *bodies*; at the paths in *quoted*, return the value of a string instead of its type."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    seen, objects = Counter[str](), Counter[str]()

    def visit(path: str, value: Any, depth: int) -> None:
        seen[path] += 1
        found[path].add(_quote(value) if path in quoted and isinstance(value, str) else type_of(value))
        if depth == _MAX_DEPTH:
            return
        if isinstance(value, dict):
            objects[path] += 1
            for name, each in value.items():
                visit(f"{path}{pointer([name])}", each, depth + 1)
        for each in value if isinstance(value, list) else ():
            visit(f"{path}/*", each, depth + 1)

    for body in bodies:
        visit("", body, 0)
    for path in found:
        parent, _, name = path.rpartition("/")
        if path and name != "*" and seen[path] < objects[parent]:
            found[path].add(ABSENT)
    return _simplify(found)


def types_in_schema(schema: dict[str, Any], document: Document) -> Fields:
    """Return the types that *schema* of *document* allows; for an enum or const of strings, return the values."""
    found: defaultdict[str, set[str]] = defaultdict(set)

    def visit(path: str, node: Any, depth: int) -> None:
        node = document.resolve(node)
        if not isinstance(node, dict) or depth == _MAX_DEPTH:
            return
        parts = [part for name in ("allOf", "anyOf", "oneOf") for part in node.get(name, ())]
        for part in parts:
            visit(path, part, depth)
        types = [node["type"]] if isinstance(node.get("type"), str) else node.get("type", [])
        enum = node.get("enum", [node["const"]] if "const" in node else [])
        values = [_quote(each) if isinstance(each, str) else type_of(each) for each in enum]
        found[path].update(values or types or ([] if parts else [ANY]))
        for name, child in node.get("properties", {}).items():
            below = f"{path}{pointer([name])}"
            visit(below, child, depth + 1)
            if name not in node.get("required", ()):
                found[below].add(ABSENT)
        if "items" in node:
            visit(f"{path}/*", node["items"], depth + 1)

    visit("", schema, 0)
    return _simplify(found)


def type_of(value: Any) -> str:
    """Return the JSON Schema type of *value*; 45.0 is an integer."""
    if isinstance(value, float) and value.is_integer():
        return "integer"
    return NO_JSON if value is NOT_JSON else _TYPES.get(type(value), "null")


def fits(types: Types, allowed: Types) -> bool:
    """Return whether all of *types* are among *allowed*; an integer is a number."""
    accepted = allowed | {"integer"} if "number" in allowed else allowed
    return ANY in allowed or types <= accepted


def describe(types: Types) -> str:
    """Return *types* as text; "-" if there are none."""
    values = sorted(each for each in types if each not in _DISPLAYED)
    more = [f"{len(values) - _MAX_VALUES} more values"] if len(values) > _MAX_VALUES else []
    return " or ".join([*values[:_MAX_VALUES], *more, *(each for each in _DISPLAYED if each in types)]) or "-"


def _simplify(found: dict[str, set[str]]) -> Fields:
    """Return *found* as Fields; "number" replaces "integer" if both occur."""
    return Fields({p: frozenset(types - {"integer"} if "number" in types else types) for p, types in found.items()})


def _quote(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
