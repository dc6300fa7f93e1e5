"""Recognition of rerank APIs by the shape of their responses."""

import json

import pytest

from test_exchange import exchange
from together_rerank_contract_tests.suite.dialect import deviations, recognised

TEXT = {"text": "a"}
RESULT = {"index": 0, "relevance_score": 0.5}
TOKENS = {"prompt_tokens": 3, "total_tokens": 3}
# From the servers' source, documentation or traffic, by the document that describes each best.
SHAPES = [
    (
        "together",
        {
            "id": "oGs6Zt9-62bZhn-99529372487b1b0a",
            "object": "rerank",
            "model": "m",
            "results": [{**RESULT, "document": {}}],
            "usage": {**TOKENS, "completion_tokens": 0},
        },
    ),
    # llama.cpp
    ("jina", {"model": "m", "object": "list", "usage": TOKENS, "results": [{"index": 0, "relevance_score": -3.4}]}),
    # LiteLLM's proxy
    ("cohere", {"id": "x", "results": [RESULT], "meta": {"billed_units": {"total_tokens": 3}, "tokens": {}}}),
    (
        "cohere",
        {
            "id": "x",
            "results": [{**RESULT, "document": TEXT}],
            "meta": {"api_version": {"version": "1"}, "billed_units": {"search_units": 1}},
        },
    ),
    (
        "cohere",
        {
            "id": "x",
            "results": [RESULT],
            "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
        },
    ),
    (
        "jina",
        {"model": "m", "object": "list", "usage": {"total_tokens": 815}, "results": [{**RESULT, "document": "a"}]},
    ),
    (
        "vllm",
        {
            "id": "rerank-1",
            "model": "m",
            "usage": TOKENS,
            "results": [{**RESULT, "document": {**TEXT, "multi_modal": None}}],
        },
    ),
    (
        "infinity",
        {
            "object": "rerank",
            "results": [{**RESULT, "document": "a"}],
            "model": "m",
            "usage": TOKENS,
            "id": "infinity-1",
            "created": 1700000000,
        },
    ),
    ("tei", [{"index": 0, "score": 0.5, "text": "a"}]),
    ("tei", [{"index": 0, "score": 0.5}]),
    ("nim", {"rankings": [{"index": 0, "logit": 0.5}]}),
    ("voyage", {"object": "list", "data": [RESULT], "model": "m", "usage": {"total_tokens": 3}}),
    ("unknown", {"answer": 42}),
]


@pytest.mark.parametrize(("name", "body"), SHAPES)
def test_the_dialect_is_recognised_by_the_response_body(name, body):
    assert recognised(body) == name


@pytest.mark.parametrize(
    ("body", "differs"),
    [
        (SHAPES[0][1], []),
        (
            SHAPES[1][1],
            [
                "no `id`",
                "no `results[].document`",
                "no `usage.completion_tokens`",
                '`object` is "list"',
            ],
        ),
        (
            SHAPES[7][1],
            [
                "no `results[].document.text`",
                "no `usage.completion_tokens`",
                "a field `created`",
                "`results[0].document` must be an object, not a string",
            ],
        ),
        (
            [],
            [
                "no `id`",
                "no `model`",
                "no `object`",
                "no `results`",
                "no `usage`",
                "`` must be an object, not an array",
            ],
        ),
    ],
)
def test_deviations_are_described_in_words(body, differs):
    assert deviations(exchange(received=json.dumps(body).encode())) == differs


def test_a_long_deviation_is_cut():
    body = {**SHAPES[0][1], "object": "x" * 300}

    assert deviations(exchange(received=json.dumps(body).encode()))[-1] == f'`object` is "{"x" * 87}... (314 in all)'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"[1]",
        b"null",
        b'"x"',
        b'{"results": 1}',
        b'{"meta": 1}',
        b'{"usage": [], "results": [[]]}',
        b"<html>",
    ],
)
def test_any_response_body_is_accepted(body):
    shown = exchange(received=body)

    assert recognised(shown.body) == "unknown"
    assert deviations(shown)
