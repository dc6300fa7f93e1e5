"""What a schema allows is read as types, and differences are a table that people can read."""

import pytest

from miniature import KEY
from together_rerank_contract_tests import drift, field_types
from together_rerank_contract_tests.drift import Row
from together_rerank_contract_tests.masking import Mask
from together_rerank_spec import load


def test_a_schema_is_read_as_types():
    document = load()
    answer, error = (field_types.of_schema(document.response_schema(status), document) for status in (200, 400))

    shown = {path: field_types.words(answer.at(path)) for path in answer}
    assert shown == {
        "": "object",
        "/id": "string or absent",
        "/model": "string",
        "/object": '"rerank"',
        "/results": "array",
        "/results/*": "object",
        "/results/*/document": "object",
        "/results/*/document/text": "string or null or absent",
        "/results/*/index": "integer",
        "/results/*/relevance_score": "number",
        "/usage": "object or null or absent",
        "/usage/completion_tokens": "integer",
        "/usage/prompt_tokens": "integer",
        "/usage/total_tokens": "integer",
    }
    assert field_types.words(error.at("/error/code")) == "string or null or absent"


@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        ({"const": "rerank"}, '"rerank"'),
        ({"type": "string", "const": "rerank"}, '"rerank"'),
        ({"const": None}, "null"),
        ({"enum": ["rerank", None]}, '"rerank" or null'),
        ({"type": "string"}, "string"),
        ({}, "anything"),
    ],
)
def test_what_a_schema_lists_is_read_as_values(schema, shown):
    assert field_types.words(field_types.of_schema(schema, load()).at("")) == shown


def test_a_table_is_as_wide_as_it_may_be_and_shows_no_control_character_and_no_key():
    long = "x" * 500
    table = drift.table(
        [Row("200 /a\x1b[0m", "absent", f'"{long}"', KEY, ("success/strings",) * 20)] * 150, Mask(KEY, "KEY")
    )

    lines = table.splitlines()
    assert max(map(len, lines)) <= 110
    assert "\x1b" not in table
    assert KEY not in table
    assert "$KEY" in table
    assert "x" * 500 not in "".join(lines).replace(" ", "")
    assert lines[-1] == "and 50 more differences"
