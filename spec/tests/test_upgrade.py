"""OpenAPI 3.0 documents are read as 3.1."""

import json

import pytest

from together_rerank_spec import Validator, load, read
from together_rerank_spec.upgrade import upgraded


@pytest.mark.parametrize(
    ("schema", "valid", "invalid"),
    [
        ({"type": "string", "nullable": True}, ["a", None], [1]),
        ({"type": "string", "nullable": True, "enum": ["a"]}, ["a", None], ["b"]),
        ({"nullable": True, "oneOf": [{"type": "string"}]}, ["a", None], [1]),
        ({"type": "string", "nullable": False}, ["a"], [None]),
        ({"type": "number", "minimum": 0, "exclusiveMinimum": True}, [1], [0]),
        ({"type": "number", "maximum": 9, "exclusiveMaximum": False}, [9], [10]),
        ({"type": "array", "items": {"type": "string", "nullable": True}}, [["a", None]], [[1]]),
    ],
)
def test_a_schema_accepts_the_same_values(schema, valid, invalid):
    validator = Validator(upgraded(schema))

    assert [each for each in valid if not validator.is_valid(each)] == []
    assert [each for each in invalid if validator.is_valid(each)] == []


def test_a_property_may_have_the_name_of_a_keyword():
    properties = {"default": {"type": "string", "nullable": True}, "nullable": {"type": "boolean"}}

    for holder in ("properties", "schemas"):
        assert upgraded({holder: properties})[holder]["default"]["type"] == ["string", "null"]


def test_values_are_not_changed():
    schema = {"example": {"nullable": True, "type": "x"}, "default": {"nullable": True}}

    assert upgraded(schema) == schema


def test_a_document_of_openapi_3_0_is_read(tmp_path):
    path = tmp_path / "old.json"
    path.write_text(json.dumps({**load("vendored").content, "openapi": "3.0.3"}))
    document = read(path)

    assert document.routes == ("/v1/rerank", "/rerank")
    # What the vendored document means by `nullable` counts now.
    assert Validator(document.response_schema(200)).is_valid(
        {"object": "rerank", "model": "m", "results": [], "usage": None}
    )
