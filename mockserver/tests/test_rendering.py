"""The text by which a document is ranked."""

import pytest

from together_rerank_mockserver.api.json_text import HugeInteger
from together_rerank_mockserver.api.rendering import ranked_text, ranked_texts

ANIMAL = {"title": "Llama", "text": "of Peru", "tags": ["meek", {"size": 2}, None], "weight": HugeInteger("9" * 30)}


@pytest.mark.parametrize(
    ("document", "fields", "expected"),
    [
        ("Llama", None, "Llama"),
        ("Llama", ["title"], "Llama"),
        (ANIMAL, ["text", "title", "text"], "of Peru\nLlama"),
        (ANIMAL, ["title", "missing"], "Llama"),
        (ANIMAL, [], ""),
        (ANIMAL, ["tags", "title"], "meek\n2\nLlama"),
        (ANIMAL, ["weight"], "9" * 30),
        (ANIMAL, None, "Llama\nof Peru\nmeek\n2\n" + "9" * 30),
        ({"title": "Llama", "text": "of Peru"}, None, "Llama\nof Peru"),
        ({}, None, ""),
    ],
)
def test_the_text_consists_of_the_fields(document, fields, expected):
    assert ranked_text(document, fields) == expected


def test_texts_are_in_the_order_of_the_documents():
    documents = [ANIMAL, "panda", {"text": "bear"}]

    assert ranked_texts(documents, ["text"]) == ["of Peru", "panda", "bear"]
