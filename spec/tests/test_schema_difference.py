"""What is said of two schemas is true of the values that pass them."""

import copy

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from together_rerank_spec import Document, DocumentError, Validator
from together_rerank_spec.schema_difference import SchemaComparison
from together_rerank_spec.validation import SchemaError

NAMES = ["a", "b"]
LEAVES = [None, True, False, 0, 1, 2, 1.0, 1.5, "", "a", "ab"]
MAPS = ("properties", "patternProperties", "dependentSchemas")
bounds = st.integers(0, 2)
types = st.sampled_from(["null", "boolean", "integer", "number", "string", "object", "array"])


def combinations(inner):
    fields = st.dictionaries(st.sampled_from(NAMES), inner, max_size=2)
    some = st.lists(inner, min_size=1, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": types | st.lists(types, min_size=1, max_size=3, unique=True),
            "properties": fields,
            "required": st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
            "additionalProperties": inner,
            "patternProperties": fields,
            "items": inner,
            "prefixItems": some,
            "contains": inner,
            "anyOf": some,
            "oneOf": some,
            "allOf": some,
            "not": inner,
            "if": inner,
            "then": inner,
            "dependentSchemas": fields,
            "propertyNames": inner,
            "unevaluatedProperties": inner,
            "unevaluatedItems": inner,
            "$ref": st.sampled_from(["#/components/schemas/A", "#/components/schemas/B"]),
        },
    )


simple = st.fixed_dictionaries(
    {},
    optional={
        "type": types | st.lists(types, min_size=1, max_size=3, unique=True),
        "const": st.sampled_from(LEAVES),
        "enum": st.lists(st.sampled_from(LEAVES), min_size=1, max_size=3),
        "minimum": bounds,
        "exclusiveMaximum": bounds,
        "minLength": bounds,
        "maxLength": bounds,
        "minItems": bounds,
        "maxItems": bounds,
        "minProperties": bounds,
        "uniqueItems": st.booleans(),
        "pattern": st.sampled_from(["a", "b"]),
        "minContains": bounds,
        "maxContains": bounds,
        "description": st.just("words"),
    },
)
schemas = st.recursive(st.booleans() | simple, combinations, max_leaves=4)
values = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, "c"]), inner, max_size=3),
    max_leaves=5,
)


def document(**named):
    operation = {
        "operationId": "rerank",
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}},
        "responses": {"200": {"description": "ok"}},
    }
    content = {"openapi": "3.1.0", "paths": {"/r": {"post": operation}}, "components": {"schemas": named}}
    return Document("it", content)


def nodes(schema):
    """Every place in a schema that can be written otherwise, as the object and its key."""
    if isinstance(schema, dict | list):
        for key, value in schema.items() if isinstance(schema, dict) else enumerate(schema):
            yield schema, key
            yield from nodes(value)


@st.composite
def revisions(draw):
    """Two schemas by name, and what became of them: a little of them is written otherwise."""
    old = {"A": draw(combinations(schemas)), "B": draw(schemas)}
    new = copy.deepcopy(old)
    for _ in range(draw(st.integers(1, 2))):
        holder, key = draw(st.sampled_from([(new, "A"), *nodes(new["A"])]))
        is_schema = isinstance(holder[key], dict | bool) and key not in MAPS
        if isinstance(holder, dict) and key not in {"A", "B"} and draw(st.booleans()):
            del holder[key]
        elif is_schema and isinstance(holder[key], dict):
            holder[key] = {**holder[key], **draw(simple)}
        elif isinstance(holder, list) and is_schema:
            holder.append(draw(schemas))
    return (old, new) if draw(st.booleans()) else (new, old)


def effects(old, new):
    comparison = SchemaComparison(document(**old), document(**new))
    reference = {"$ref": "#/components/schemas/A"}
    return {change.effect.name for change in comparison.changes(reference, reference)}


STRING, NULL, NUMBER = {"type": "string"}, {"type": "null"}, {"type": "number"}
CLOSED = {"properties": {"a": STRING}, "unevaluatedProperties": False}
PATTERNED = {"patternProperties": {"b": STRING}, "additionalProperties": False}
BOUNDED = {"additionalProperties": {"minimum": 0, "maximum": 2}}
# Two schemas, and what changes from one to the other; taken back it is the opposite.
FORMS = [
    ({"type": "string", "enum": ["a"]}, {"const": "a"}, "SAME"),
    ({"type": "string", "enum": ["a", 1]}, {"enum": ["a"]}, "SAME"),
    ({"enum": [1, 2]}, {"enum": [2.0, 1.0]}, "SAME"),
    ({"enum": [1]}, {"enum": [True]}, "UNKNOWN"),
    ({"type": "boolean"}, {"enum": [True, False]}, "SAME"),
    ({"const": "a"}, STRING, "WIDENED"),
    ({"const": 1.5}, {"type": "integer"}, "UNKNOWN"),
    ({"type": "integer"}, NUMBER, "WIDENED"),
    ({"type": ["string", "null"]}, {"type": ["null", "string"]}, "SAME"),
    (STRING, {"$ref": "#/components/schemas/B"}, "NOTHING"),
    (STRING, {"allOf": [{"$ref": "#/components/schemas/B"}]}, "NOTHING"),
    (STRING, {"$ref": "#/components/schemas/B", "minLength": 1}, "NARROWED"),
    (STRING, {"anyOf": [STRING]}, "SAME"),
    (STRING, {"anyOf": [STRING, NULL]}, "WIDENED"),
    (STRING, {"oneOf": [NULL, STRING]}, "WIDENED"),
    ({"anyOf": [STRING, NULL]}, {"oneOf": [NULL, STRING]}, "SAME"),
    ({"anyOf": [STRING, {}]}, {"oneOf": [{}, STRING]}, "NARROWED"),
    ({"oneOf": [STRING, NULL]}, {"oneOf": [STRING, NULL, NUMBER]}, "WIDENED"),
    ({"oneOf": [STRING, {}]}, {"oneOf": [STRING, {}, NUMBER]}, "UNKNOWN"),
    ({"anyOf": [{"const": "a"}, STRING]}, {"anyOf": [{"const": "b"}, STRING]}, "SAME"),
    ({"anyOf": [{"const": "a"}, NULL]}, {"anyOf": [NULL, {"enum": ["a", "b"]}]}, "WIDENED"),
    ({"allOf": [STRING, {}]}, {"allOf": [STRING, {}, {"minLength": 1}]}, "NARROWED"),
    ({"not": STRING}, {"not": {"type": ["string", "null"]}}, "UNKNOWN"),
    ({}, {"not": STRING}, "NARROWED"),
    ({}, {"contains": STRING}, "NARROWED"),
    ({"items": STRING}, {"items": STRING, "unevaluatedItems": False}, "UNKNOWN"),
    (CLOSED, {**CLOSED, "properties": {"a": STRING, "b": {}}}, "UNKNOWN"),
    (CLOSED, {**CLOSED, "properties": {"a": {"type": ["string"]}}}, "UNKNOWN"),
    ({"prefixItems": [STRING]}, {"prefixItems": [STRING, STRING]}, "UNKNOWN"),
    ({"properties": {"a": STRING}}, {"properties": {"a": STRING, "b": STRING}}, "NARROWED"),
    (
        {"properties": {}, "additionalProperties": False},
        {"properties": {"b": STRING}, "additionalProperties": False},
        "NEW_FIELD",
    ),
    ({"additionalProperties": STRING}, {"properties": {"b": STRING}, "additionalProperties": STRING}, "SAME"),
    ({"additionalProperties": STRING}, {"additionalProperties": False}, "NARROWED"),
    (PATTERNED, {**PATTERNED, "properties": {"b": NUMBER}}, "UNKNOWN"),
    (BOUNDED, {**BOUNDED, "properties": {"b": {"minimum": 1, "maximum": 3}}}, "UNKNOWN"),
    ({"multipleOf": 2}, {"multipleOf": 3}, "UNKNOWN"),
    ({"minimum": 1}, {"minimum": 2}, "NARROWED"),
    ({"exclusiveMaximum": 1}, {"exclusiveMaximum": 2}, "WIDENED"),
    (True, {}, "NOTHING"),
    (False, STRING, "WIDENED"),
    ({"title": "A"}, {"title": "B"}, "NONE"),
]
OPPOSITES = {"WIDENED": "NARROWED", "NARROWED": "WIDENED", "NEW_FIELD": "NARROWED"}


@pytest.mark.parametrize(("old", "new", "effect"), FORMS)
def test_the_effect_of_a_change(old, new, effect):
    forth = effects({"A": old, "B": STRING}, {"A": new, "B": STRING})
    back = effects({"A": new, "B": STRING}, {"A": old, "B": STRING})

    assert forth == ({effect} - {"NOTHING"})
    assert back == ({OPPOSITES.get(effect, effect)} - {"NOTHING"})


@pytest.mark.parametrize(
    "inner", [{"not": {"$ref": "#/components/schemas/A"}}, {**CLOSED, "$ref": "#/components/schemas/A"}]
)
def test_a_schema_within_itself_may_have_another_effect_there(inner):
    old, new = ({"properties": {"n": {"type": each}, "inner": inner}} for each in ("integer", "number"))

    assert effects({"A": old}, {"A": new}) == {"WIDENED", "UNKNOWN"}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(revision=revisions(), samples=st.lists(values, min_size=5, max_size=15))
def test_what_is_said_is_true_of_every_value(revision, samples):
    try:
        told = effects(*revision)
        older, newer = (Validator(document(**each).request_schema) for each in revision)
    except (DocumentError, SchemaError):
        assume(False)  # a schema that is nothing but itself

    for value in samples:
        passed, passes = older.is_valid(value), newer.is_valid(value)
        if not told & {"NARROWED", "UNKNOWN"}:
            assert passes or not passed
        if not told & {"WIDENED", "NEW_FIELD", "UNKNOWN"}:
            assert passed or not passes
