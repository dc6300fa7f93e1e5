"""YAML that the kit writes is parsed to the same values by YAML 1.1 and 1.2 parsers."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from together_rerank_spec import load
from together_rerank_spec.yaml_text import parse, render

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_rendered_values_are_parsed_to_the_same_values(value):
    assert parse(render(value)) == value
    assert yaml.safe_load(render(value)) == value


# Strings that YAML 1.1 or 1.2 parses as another type without quotes.
LIKE_OTHERS = [
    *("1e5", "08", "0o17", "0x1F", "1_000", "12:30", "2026-11-25", ".5", "+1"),
    *("no", "~", "null", "=", "<<", "-"),
]


@pytest.mark.parametrize("text", LIKE_OTHERS)
def test_a_string_that_resembles_another_type_stays_a_string(text):
    assert parse(render({text: [text]})) == {text: [text]}
    assert yaml.safe_load(render({text: [text]})) == {text: [text]}


@pytest.mark.parametrize("text", ["1e5", "08", "0o17"])
def test_a_number_of_yaml_1_2_is_quoted(text):
    assert render(text).strip() == f"'{text}'"


def test_a_repeated_value_is_written_twice_and_the_document_is_not_changed():
    shared = ["llama"]

    assert "&" not in render({"a": shared, "b": shared})
    assert parse(render(load().content)) == load().content
