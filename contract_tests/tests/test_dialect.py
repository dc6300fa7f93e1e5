"""Recognition of rerank APIs by the shape of their responses."""

import json

import pytest

from test_exchange import exchange
from together_rerank_contract_tests.suite.dialect import deviations

TEXT = {"text": "a"}
RESULT = {"index": 0, "relevance_score": 0.5}
TOKENS = {"prompt_tokens": 3, "total_tokens": 3}
# From the servers' source, documentation or traffic.
SHAPES = {
    "Together": {
        "id": "oGs6Zt9-62bZhn-99529372487b1b0a",
        "object": "rerank",
        "model": "m",
        "results": [{**RESULT, "document": {}}],
        "usage": {**TOKENS, "completion_tokens": 0},
    },
    "llama.cpp": {"model": "m", "object": "list", "usage": TOKENS, "results": [{"index": 0, "relevance_score": -3.4}]},
    "LiteLLM's proxy, in Cohere's form": {
        "id": "x",
        "results": [RESULT],
        "meta": {"billed_units": {"total_tokens": 3}, "tokens": {}},
    },
    "Cohere v1 (by shape only)": {
        "id": "x",
        "results": [{**RESULT, "document": TEXT}],
        "meta": {"api_version": {"version": "1"}, "billed_units": {"search_units": 1}},
    },
    "Cohere v2 (by shape only)": {
        "id": "x",
        "results": [RESULT],
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
    },
    "Jina (by shape only)": {
        "model": "jina-reranker-v2-base-multilingual",
        "usage": {"total_tokens": 815},
        "results": [{**RESULT, "document": TEXT}],
    },
    "vLLM (by shape only)": {
        "id": "rerank-1",
        "model": "m",
        "usage": TOKENS,
        "results": [{**RESULT, "document": {**TEXT, "multi_modal": None}}],
    },
    "Infinity": {
        "object": "rerank",
        "results": [{**RESULT, "document": "a"}],
        "model": "m",
        "usage": TOKENS,
        "id": "infinity-1",
        "created": 1700000000,
    },
    "TEI (by shape only)": [{"index": 0, "score": 0.5, "text": "a"}],
    "SGLang (by shape only)": [{"score": 0.5, "document": "a", "index": 0, "meta_info": {}}],
    "unknown": {"answer": 42},
}


@pytest.mark.parametrize(("name", "body"), SHAPES.items(), ids=SHAPES)
def test_the_dialect_is_recognised_by_the_response_body(name, body):
    assert dialect_of(exchange(received=json.dumps(body).encode())) == name


def test_tei_is_recognised_by_its_errors():
    assert dialect_of(exchange(received=b'{"error": "x", "error_type": "Validation"}')) == "TEI (by shape only)"


@pytest.mark.parametrize(
    ("name", "differs"),
    [
        ("Together", []),
        (
            "llama.cpp",
            ["no `id`", '`object` is "list"', "no `usage.completion_tokens`", "no `document`", "scores outside 0 to 1"],
        ),
        (
            "Infinity",
            ["no `usage.completion_tokens`", "a field `created`", "`document` is not an object"],
        ),
        ("TEI (by shape only)", ["a bare list of results", "no `relevance_score` in a result", "no `document`"]),
    ],
)
def test_deviations_are_described_in_words(name, differs):
    found = deviations(exchange(received=json.dumps(SHAPES[name]).encode()))

    assert [each for each in found if "a field `score`" not in each and "a field `text`" not in each] == differs


def test_a_long_deviation_is_cut():
    body = {**SHAPES["Together"], "object": "x" * 300}

    assert deviations(exchange(received=json.dumps(body).encode()))[0] == f'`object` is "{"x" * 87}... (314 in all)'


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

    assert isinstance(dialect_of(shown), str)
    assert isinstance(deviations(shown), list)
