"""A value is made from a schema that has no example."""

import pytest

from together_rerank_spec import Document, Validator, load
from together_rerank_spec.sample import sample


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, ""),
        ({"type": ["integer", "null"], "minimum": 3}, 3),
        ({"enum": ["a", "b"]}, "a"),
        ({"const": None}, None),
        ({"type": "string", "examples": ["x"]}, "x"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, False),
        ({"type": "array", "items": {"type": "number"}}, [0]),
        ({"properties": {"a": {"example": {"b": 1}}}}, {"a": {"b": 1}}),
        (
            {"allOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"b": {"const": 1}}}]},
            {"a": "", "b": 1},
        ),
        ({"$ref": "#/x", "example": "beside"}, "beside"),
        ({}, None),
        (True, None),
    ],
)
def test_a_value_for_a_schema(schema, value):
    assert sample(schema, lambda node: node) == value


def test_a_schema_that_refers_to_itself_ends():
    node = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    node["properties"]["next"] = {"$ref": "#/components/schemas/Node"}
    content = {**load().content, "components": {**load().content["components"]}}
    content["components"]["schemas"] = {**content["components"]["schemas"], "Node": node}
    document = Document("other.yaml", content)

    value = sample(node, document.resolve)

    assert Validator({**content, "allOf": [node]}).is_valid(value)


def test_schemas_that_refer_to_each_other_in_many_ways_take_little_time():
    names = [f"c{number}" for number in range(30)]
    schemas = {name: {"properties": {each: {"$ref": each} for each in names}} for name in names}

    value = sample({"$ref": "c0"}, lambda node: schemas[node["$ref"]] if "$ref" in node else node)

    assert set(value) == {*names} - {"c0"}


def test_an_alternative_that_ends_is_taken():
    both = {"oneOf": [{"properties": {"not": {"$ref": "both"}, "and": {"items": {"$ref": "both"}, "type": "array"}}}]}
    both["oneOf"].append({"type": "string"})

    value = sample({"properties": {"filter": {"$ref": "both"}}}, lambda node: both if "$ref" in node else node)

    assert value == {"filter": {"and": []}}
