"""Which types of JSON stand where: in bodies, and in what a schema allows."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from together_rerank_spec import Document
from together_rerank_spec.validation import pointer

ABSENT, ANY, NO_JSON = "absent", "anything", "not JSON"
# Where each is printed in a list of several; a value in quotes comes before all of them.
_ORDER = ("object", "array", "string", "number", "integer", "boolean", "null", ANY, NO_JSON, ABSENT)
_TYPES = {dict: "object", list: "array", str: "string", float: "number", int: "integer", bool: "boolean"}
# No body of a reranker is deeper; what is deeper is not looked at.
_DEEPEST = 12
_MAX_VALUES = 4
# In the place of a body that has no value.
NOT_JSON = object()
Types = frozenset[str]
NONE: Types = frozenset()


class Fields(dict[str, Types]):
    """The types at each path, such as `/results/*/index`."""

    def at(self, path: str) -> Types:
        """Return the types at *path*: absent where the object that would have it lacks it, none where nothing is."""
        parent, _, name = path.rpartition("/")
        is_of_object = name != "*" and "object" in self.get(parent, NONE)
        return self.get(path, frozenset([ABSENT]) if is_of_object else NONE)


def of_bodies(bodies: Iterable[Any], *, quoted: Collection[str] = ()) -> Fields:
    """Return the types of *bodies*; where the path is *quoted*, of a string its value."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    seen, objects = Counter[str](), Counter[str]()

    def visit(path: str, value: Any, depth: int) -> None:
        seen[path] += 1
        found[path].add(_shown(value) if path in quoted and isinstance(value, str) else type_of(value))
        if depth == _DEEPEST:
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
    return _plain(found)


def of_schema(schema: dict[str, Any], document: Document) -> Fields:
    """Return the types that *schema* of *document* allows; for an enum of strings, the values."""
    found: defaultdict[str, set[str]] = defaultdict(set)

    def visit(path: str, node: Any, depth: int) -> None:
        node = document.resolve(node)
        if not isinstance(node, dict) or depth == _DEEPEST:
            return
        parts = [part for name in ("allOf", "anyOf", "oneOf") for part in node.get(name, ())]
        for part in parts:
            visit(path, part, depth)
        named = [node["type"]] if isinstance(node.get("type"), str) else node.get("type", [])
        listed = node.get("enum", [node["const"]] if "const" in node else [])
        values = [_shown(each) if isinstance(each, str) else type_of(each) for each in listed]
        found[path].update(values or named or ([] if parts else [ANY]))
        for name, child in node.get("properties", {}).items():
            below = f"{path}{pointer([name])}"
            visit(below, child, depth + 1)
            if name not in node.get("required", ()):
                found[below].add(ABSENT)
        if "items" in node:
            visit(f"{path}/*", node["items"], depth + 1)

    visit("", schema, 0)
    return _plain(found)


def type_of(value: Any) -> str:
    """Return the type of *value* as JSON Schema has it, where 45.0 is an integer."""
    if isinstance(value, float) and value.is_integer():
        return "integer"
    return NO_JSON if value is NOT_JSON else _TYPES.get(type(value), "null")


def fits(types: Types, allowed: Types) -> bool:
    """Return whether all of *types* are among *allowed*; an integer is a number."""
    wide = allowed | {"integer"} if "number" in allowed else allowed
    return ANY in allowed or types <= wide


def words(types: Types) -> str:
    """Return *types* for people; a dash when nothing is known."""
    values = sorted(each for each in types if each not in _ORDER)
    more = [f"{len(values) - _MAX_VALUES} more values"] if len(values) > _MAX_VALUES else []
    return " or ".join([*values[:_MAX_VALUES], *more, *(each for each in _ORDER if each in types)]) or "-"


def _plain(found: dict[str, set[str]]) -> Fields:
    """Return *found* as Fields, without "integer" where there is "number"."""
    return Fields({p: frozenset(types - {"integer"} if "number" in types else types) for p, types in found.items()})


def _shown(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
