"""A schema as it is compared: references followed, what only describes told from what decides."""

from __future__ import annotations

import json
from typing import Any

from together_rerank_spec.document import Document

Schema = dict[str, Any]

# `nullable` among them: OpenAPI 3.1 gives it no meaning.
_ANNOTATIONS = frozenset(
    {
        *("title", "summary", "description", "example", "examples", "default", "deprecated", "nullable"),
        *("$comment", "$defs", "definitions", "discriminator", "externalDocs", "xml"),
    }
)
# Keywords that look at one another: schemas that share a family cannot be written as one.
_FAMILIES = (
    {"properties", "patternProperties", "additionalProperties"},
    {"prefixItems", "items", "contains", "minContains", "maxContains"},
    {"if", "then", "else"},
)
CHOICES = ("anyOf", "oneOf")
# Keywords that hold schemas, or the names of fields.
KNOWN = frozenset().union(*_FAMILIES) - {"minContains", "maxContains"} | {
    *(
        "allOf",
        *CHOICES,
        "unevaluatedItems",
        "unevaluatedProperties",
        "not",
        "required",
        "propertyNames",
        "dependentSchemas",
        "contentSchema",
    )
}
_NUMBER = frozenset({"integer", "fraction"})
_TYPES = frozenset({"null", "boolean", "object", "array", "string"}) | _NUMBER


class Forms:
    """The forms of one document's schemas; equal places give the same object again."""

    def __init__(self, document: Document) -> None:
        self._document = document
        # With the schema itself, so that its id stays its own.
        self._known: dict[int, tuple[Any, Schema | None]] = {}

    def of(self, schema: Any) -> Schema | None:
        """Return *schema* with its own references followed; None for one that lets nothing pass."""
        if isinstance(schema, bool):
            return ANYTHING if schema else None
        if id(schema) not in self._known:
            self._known[id(schema)] = schema, ANYTHING  # what a schema that is all of itself comes to
            form = self._followed(schema)
            self._known[id(schema)] = schema, form
            self._known.setdefault(id(form), (form, form))
        return self._known[id(schema)][1]

    def _followed(self, schema: Schema) -> Schema | None:
        parts = schema.get("allOf", [])
        if "$ref" in schema:
            self._document.resolve(schema)  # raises when it leads in a circle
            part, key = self._document.at(schema["$ref"]), "$ref"
        elif len(parts) == 1:
            part, key = parts[0], "allOf"
        else:
            return schema
        target, beside = self.of(part), {each: schema[each] for each in schema if each != key}
        if target is None or not beside:
            return target
        if _are_apart(target, beside):
            return {**target, **beside}
        beside["allOf"] = [*beside.get("allOf", []), part]
        return beside


ANYTHING: Schema = {}


def is_annotation(keyword: str) -> bool:
    """Return whether no value is judged by *keyword*."""
    return keyword in _ANNOTATIONS or keyword.startswith("x-")


def decisive(schema: Schema) -> set[str]:
    """Return the keywords of *schema* that values are judged by."""
    return {keyword for keyword in schema if not is_annotation(keyword)}


def types_of(schema: Schema | None) -> frozenset[str]:
    """Return the types that pass, a `number` being an `integer` or a `fraction`."""
    if schema is None:
        return frozenset()
    declared = schema.get("type", list(_TYPES))
    names = {declared} if isinstance(declared, str) else set(declared)
    types = frozenset(names - {"number"}) | (_NUMBER if "number" in names else frozenset())
    listed = _listed(schema)
    return types if listed is None else types & {_type_of(value) for value in listed.values()}


def values_of(schema: Schema) -> dict[str, Any] | None:
    """Return the only values that can pass, by their text; None when they cannot be listed."""
    listed, types = _listed(schema), types_of(schema)
    if listed is not None:
        return {text: value for text, value in listed.items() if _type_of(value) in types}
    if types <= {"null", "boolean"}:
        few = [None] * ("null" in types) + [False, True] * ("boolean" in types)
        return {key_of(value): value for value in few}
    return None


def key_of(value: Any) -> str:
    """Return a text that two values share when JSON Schema takes them for equal: 1 is 1.0, but not true."""
    return json.dumps(_plain(value), sort_keys=True)


def as_text(value: Any) -> str:
    """Return *value* for people: a string as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def choice_of(schema: Schema) -> str | None:
    """Return `anyOf` or `oneOf` when values are judged by that alone."""
    return next((keyword for keyword in CHOICES if decisive(schema) == {keyword}), None)


def is_bare(schema: Schema) -> bool:
    """Return whether *schema* decides something, and leaves no choice."""
    return bool(decisive(schema)) and not decisive(schema) & {*CHOICES}


def are_disjoint(branches: list[Schema | None]) -> bool:
    """Return whether no value can pass two of *branches*, by its type."""
    types = [each for branch in branches for each in types_of(branch)]
    return len(types) == len(set(types))


def covered(branches: list[Schema | None]) -> list[int]:
    """Return the indices of those that let nothing in that another one, of which only the type matters, does not."""
    plain = [branch is not None and decisive(branch) <= {"type"} for branch in branches]
    wide = [types_of(branch) for branch, is_plain in zip(branches, plain, strict=True) if is_plain]
    return [i for i, branch in enumerate(branches) if not plain[i] and any(types_of(branch) <= each for each in wide)]


def matched(old: dict[int, Schema | None], new: dict[int, Schema | None]) -> list[tuple[int | None, int | None]]:
    """Return the indices of branches that belong together: those alike first, then those of the same types."""
    left, right = {**old}, {**new}
    pairs: list[tuple[int | None, int | None]] = []
    for likeness in (_likeness, types_of):
        waiting: dict[Any, list[int]] = {}
        for index, branch in right.items():
            waiting.setdefault(likeness(branch), []).append(index)
        for index, branch in list(left.items()):
            if found := waiting.get(likeness(branch)):
                pairs.append((index, found[0]))
                del left[index], right[found.pop(0)]
    return [*pairs, *((index, None) for index in left), *((None, index) for index in right)]


def _likeness(schema: Schema | None) -> str:
    return key_of(schema and {keyword: schema[keyword] for keyword in decisive(schema)})


def _listed(schema: Schema) -> dict[str, Any] | None:
    if "const" not in schema and "enum" not in schema:
        return None
    listed = {key_of(value): value for value in schema.get("enum", [schema.get("const")])}
    constant = key_of(schema.get("const"))
    return {text: value for text, value in listed.items() if "const" not in schema or text == constant}


def _are_apart(one: Schema, other: Schema) -> bool:
    if any(keyword.startswith("unevaluated") for keyword in {*one, *other}):
        return False
    families = [(family & set(one), family & set(other)) for family in _FAMILIES]
    return not decisive(one) & decisive(other) and not any(left and right for left, right in families)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _type_of(value: Any) -> str:
    if isinstance(value, float):
        return "integer" if value.is_integer() else "fraction"
    kinds = {type(None): "null", bool: "boolean", dict: "object", list: "array", str: "string", int: "integer"}
    return kinds[type(value)]
