"""The fast and the explaining validator agree, and violations say what to change."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from together_rerank_spec import READINGS, Validator, load
from together_rerank_spec.validation import SchemaError

VALID = {"model": "m", "query": "q", "documents": ["a"]}
VALIDATORS = {reading: Validator(load(reading).request_schema) for reading in READINGS}

leaves = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([1e20, 1.5, 2.0]) | st.text(max_size=3)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
bodies = values | st.builds(
    lambda body, without: {name: value for name, value in body.items() if name not in without},
    st.fixed_dictionaries(
        {
            "model": st.just("m") | values,
            "query": st.just("q") | values,
            "documents": st.lists(values, max_size=3) | values,
        },
        optional=dict.fromkeys(("top_n", "return_documents", "rank_fields", "topN"), values),
    ),
    st.sets(st.sampled_from(["model", "query"]), max_size=1),
)


@pytest.mark.parametrize("reading", READINGS)
@given(body=bodies)
def test_the_fast_and_the_explaining_validator_agree(reading, body):
    validator = VALIDATORS[reading]

    errors = list(validator._explainer.iter_errors(body))

    assert validator.is_valid(body) is (errors == [])


@pytest.mark.parametrize(
    ("change", "pointer", "message"),
    [
        ({"topN": 1}, "/topN", "is not a field; did you mean `top_n`?"),
        ({"top_k": 1}, "/top_k", "is not a field; did you mean `top_n`?"),
        ({"returnDocuments": True}, "/returnDocuments", "is not a field; did you mean `return_documents`?"),
        (
            {"a/b~c": 1},
            "/a~1b~0c",
            "is not a field; known are model, query, documents, top_n, return_documents, rank_fields",
        ),
        ({"documents": []}, "/documents", "must have at least 1 item"),
        ({"documents": "a"}, "/documents", "must be an array, not a string"),
        ({"documents": ["a", {}]}, "/documents/1", "must be a string, not an object, as the ones before it are"),
        ({"documents": [{}, "a"]}, "/documents/1", "must be an object, not a string, as the ones before it are"),
        ({"documents": [3]}, "/documents/0", "must be an object or a string, not an integer"),
        ({"top_n": 0}, "/top_n", "must be at least 1"),
        ({"top_n": "2"}, "/top_n", "must be an integer, not a string"),
        ({"top_n": True}, "/top_n", "must be an integer, not a boolean"),
        ({"model": None}, "/model", "must be a string, not null"),
        ({"rank_fields": ["a", 1.5]}, "/rank_fields/1", "must be a string, not a number"),
    ],
)
def test_a_violation_has_a_pointer_and_a_helpful_message(change, pointer, message):
    violations = VALIDATORS["corrected"].violations({**VALID, **change})

    assert [(violation.pointer, violation.message) for violation in violations] == [(pointer, message)]


def test_each_missing_field_is_a_violation():
    assert [str(v) for v in VALIDATORS["corrected"].violations({})] == [
        "/model is missing",
        "/query is missing",
        "/documents is missing",
    ]


def test_an_ambiguous_value_is_reported_as_such():
    (violation,) = VALIDATORS["vendored"].violations({**VALID, "documents": []})

    assert "fits 2 of the forms it may have (array of objects, array of strings)" in violation.message


@pytest.mark.parametrize("documents", [[1] * 200_000, ["a"] * 200_000 + [1], {str(n): n for n in range(100)}])
def test_the_cost_does_not_grow_with_the_number_of_violations(documents):
    validator = VALIDATORS["corrected"]
    validator.violations({})
    calls = 0

    def count(_frame, event, _arg):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    violations = validator.violations({**VALID, "documents": documents})
    sys.setprofile(None)

    assert len(violations) == 1
    assert calls < 3_000


def test_values_are_never_quoted():
    secret = "sk-very-secret"

    violations = VALIDATORS["corrected"].violations(
        {"model": [secret], "query": {secret: secret}, "documents": secret, "top_n": secret}
    )

    assert len(violations) == 4
    assert secret not in json.dumps([str(violation) for violation in violations])


def test_most_limits_the_number_of_violations():
    assert len(VALIDATORS["corrected"].violations({**VALID, **{f"x{n}": 1 for n in range(100)}}, most=3)) == 3


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"enum": ["a", "b"]}, "c", "must be one of a, b"),
        ({"const": 1}, 2, "must be 1"),
        ({"maxItems": 1}, [1, 2], "must have at most 1 item"),
        ({"minLength": 2}, "a", "must have at least 2 characters"),
        ({"maxLength": 2}, "aaa", "must have at most 2 characters"),
        ({"maximum": 2}, 3, "must be at most 2"),
        ({"pattern": "^a"}, "b", "must match ^a"),
        (
            {"anyOf": [{"type": ["string", "null"]}, {"type": "integer"}]},
            [],
            "must be a string or null or an integer, not an array",
        ),
        (
            {"type": "object", "additionalProperties": {"type": "integer"}},
            {"a": "b"},
            "must be an integer, not a string",
        ),
        (
            {"type": "object", "additionalProperties": False, "patternProperties": {"^x-": {}}},
            {"x-a": 1, "b": 1},
            "is not a field; known are ",
        ),
        (False, "secret", "is not allowed"),
        ({"not": {"const": "secret"}}, "secret", "does not satisfy `not`"),
        ({"uniqueItems": True}, ["secret", "secret"], "does not satisfy `uniqueItems`"),
        ({"multipleOf": 2}, 3, "does not satisfy `multipleOf: 2`"),
        ({"contains": {"const": 1}}, ["secret"], "does not satisfy `contains`"),
    ],
)
def test_violations_of_other_schemas_are_explained(schema, value, message):
    validator = Validator({"$ref": "#/components/it", "components": {"it": schema}})

    assert [violation.message for violation in validator.violations(value)] == [message]


def test_an_ambiguous_branch_without_a_type_of_items_is_named():
    (violation,) = Validator({"oneOf": [{"type": "array", "items": True}, {"type": "array"}]}).violations([])

    assert "fits 2 of the forms it may have (array, array)" in violation.message


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (
            {"$ref": "https://example.com/schema"},
            "leads out of the document, which the kit does not follow: Resource 'https://exa",
        ),
        ({"$ref": "other.yaml"}, "leads out of the document"),
        ({"$ref": "#/nowhere"}, "'/nowhere' does not exist"),
        ({"properties": {"a": {"type": "strnig"}}}, "the schema at /properties/a/type is malformed"),
    ],
)
def test_a_schema_that_cannot_be_compiled_is_rejected_in_one_line(schema, reason):
    with pytest.raises(SchemaError) as caught:
        Validator(schema)

    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
