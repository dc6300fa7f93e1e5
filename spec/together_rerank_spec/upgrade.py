"""Turn the schemas of an OpenAPI 3.0 document into those of OpenAPI 3.1, which are JSON Schemas."""

from typing import Any

_LIMITS = (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum"))
# Below these names are values, not schemas.
_VALUES = ("example", "examples", "default", "enum", "const")


def upgraded(node: Any) -> Any:
    """Return *node*, any part of an OpenAPI 3.0 document, as in OpenAPI 3.1."""
    if isinstance(node, list):
        return [upgraded(each) for each in node]
    if not isinstance(node, dict):
        return node
    new = {name: _member(name, value) for name, value in node.items()}
    for exclusive, limit in _LIMITS:
        if isinstance(new.get(exclusive), bool) and new.pop(exclusive) and limit in new:
            new[exclusive] = new.pop(limit)
    if new.get("nullable") is True:
        return _nullable({name: value for name, value in new.items() if name != "nullable"})
    return new


def _member(name: str, value: Any) -> Any:
    if name in ("properties", "schemas") and isinstance(value, dict):  # a name in them may be that of a keyword
        return {each: upgraded(schema) for each, schema in value.items()}
    return value if name in _VALUES else upgraded(value)


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(schema.get("type"), str):
        enum = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
        return {**schema, "type": [schema["type"], "null"], **enum}
    return {"anyOf": [schema, {"type": "null"}]}
