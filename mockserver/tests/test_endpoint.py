"""The answer to one request, computed without a server."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint_calls import body, endpoint_of, send
from together_rerank_fixtures.strategies import requests
from together_rerank_mockserver.faults.selection import names_fault
from together_rerank_mockserver.ranking.score import rank
from together_rerank_mockserver.settings import Settings
from together_rerank_spec import Validator, load

# The name of a model can request a fault; these names do not.
MODELS = st.text(min_size=1, max_size=20).filter(lambda model: not names_fault(model))
REQUESTS = st.builds(lambda request, model: {**request, "model": model}, requests(), MODELS) | requests()


def texts(answer):
    return [result["document"].get("text") for result in answer["results"]]


@given(REQUESTS)
def test_every_valid_request_gets_a_response_that_matches_the_document(request):
    reply, answer = send(request)
    order = [result["index"] for result in answer["results"]]
    scores = [result["relevance_score"] for result in answer["results"]]

    assert reply.status == 200
    assert Validator(load("vendored").response_schema(200)).violations(answer) == []
    assert answer["model"] == request["model"]
    assert len(order) == min(request.get("top_n", len(request["documents"])), len(request["documents"]))
    assert len(set(order)) == len(order)
    assert scores == sorted(scores, reverse=True)
    for result in answer["results"]:
        document = request["documents"][result["index"]]
        if request.get("return_documents", True):
            text = result["document"]["text"]
            assert document == (text if isinstance(document, str) else json.loads(text))
        else:
            assert result["document"] == {}


@given(REQUESTS, st.integers(1, 5))
def test_top_n_returns_the_first_results_of_the_full_ranking(request, top_n):
    _, full = send({**request, "top_n": len(request["documents"])})
    _, limited = send({**request, "top_n": top_n})

    assert limited["results"] == full["results"][:top_n]
    assert limited["usage"] == full["usage"]


@given(REQUESTS)
def test_return_documents_changes_only_the_documents(request):
    _, with_documents = send({**request, "return_documents": True})
    _, without_documents = send({**request, "return_documents": False})

    assert [(r["index"], r["relevance_score"]) for r in with_documents["results"]] == [
        (r["index"], r["relevance_score"]) for r in without_documents["results"]
    ]
    assert with_documents["usage"] == without_documents["usage"]


def test_usage_grows_with_the_text_and_adds_up():
    usages = [send(body(documents=["llama " * size, "panda"]))[1]["usage"] for size in (1, 10, 100)]

    assert [usage["prompt_tokens"] for usage in usages] == sorted({usage["prompt_tokens"] for usage in usages})
    assert all(usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] for usage in usages)


def test_an_object_is_returned_complete_and_compact():
    document = {"title": "Vicuña", "tags": ["a", {"b": None}], "n": 1.5}

    _, answer = send(body(documents=[document], rank_fields=["title"]))

    assert texts(answer) == ['{"title":"Vicuña","tags":["a",{"b":null}],"n":1.5}']


@pytest.mark.parametrize(
    ("fields", "first"),
    [
        (None, 1),
        (["title"], 0),
        (["text"], 1),
        (["title", "text"], 1),
        (["lacking"], 0),
        ([], 0),
        (["title", "title"], 0),
    ],
)
def test_objects_are_ranked_by_their_rank_fields(fields, first):
    documents = [
        {"title": "llama", "text": "of the mountains and of the plains"},
        {"title": "bear", "text": "llama llama", "x": "llama"},
    ]
    change = {} if fields is None else {"rank_fields": fields}

    _, answer = send(body(query="llama llama", documents=documents, **change))

    assert answer["results"][0]["index"] == first


def test_nested_values_are_ranked_by_their_leaves():
    documents = [{"llama": {"llama": ["bear"]}}, {"a": [{"b": {"c": "llama"}}, None, True, 7]}]

    _, answer = send(body(documents=documents))

    assert [result["index"] for result in answer["results"]] == [1, 0]
    assert answer["results"][1]["relevance_score"] == 0
    assert send(body(query="7", documents=documents))[1]["results"][0]["index"] == 1


@pytest.mark.parametrize("top_n", [10**20, 1e20, 2.0, 99])
def test_a_large_top_n_returns_all(top_n):
    assert len(send(body(top_n=top_n))[1]["results"]) == 2


def test_huge_integers_are_returned_unchanged():
    raw = b'{"model":"m","query":"q","documents":[{"n":123456789012345678901234567890}],"top_n":100000000000000000000}'

    assert texts(send(raw)[1]) == ['{"n":123456789012345678901234567890}']


@pytest.mark.slow
def test_the_same_requests_get_the_same_bytes_in_any_process():
    program = (
        "import json; from together_rerank_mockserver.api.messages import Call\n"
        "from together_rerank_mockserver.http.wsgi import Mock\n"
        "e = Mock().endpoint; h = {'Authorization': 'Bearer k', 'Content-Type': 'application/json'}\n"
        "b = json.dumps({'model': 'm', 'query': 'llama', 'documents': ['panda', 'llama']}).encode()\n"
        "print([e.answer(Call(h, lambda n: b)).body for _ in range(3)])"
    )
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]

    assert runs[0] == runs[1]
    assert runs[0].count("'id'") == 0
    assert len(set(runs[0].split(", b'"))) == 3


def test_a_response_has_the_reply_and_request_id_headers():
    reply, answer = send(body())

    assert reply.headers["x-mock-reply"] == "scored"
    assert reply.headers["x-request-id"] == answer["id"]
    assert reply.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("settings", "accepts"),
    [
        ({}, "any-key, any-model"),
        ({"api_keys": ("key",)}, "any-model"),
        ({"models": ("m",)}, "any-key"),
        ({"api_keys": ("key",), "models": ("m",)}, None),
    ],
)
def test_x_mock_accepts_names_what_the_mock_does_not_check(settings, accepts):
    reply, _ = send(body(), endpoint_of(settings=Settings(**settings)))
    refused, _ = send({}, endpoint_of(settings=Settings(**settings)))

    assert reply.headers.get("x-mock-accepts") == accepts
    assert "x-mock-accepts" not in refused.headers


def test_the_response_contains_the_ranking():
    _, answer = send(body(documents=["a llama", "llama", "bear"]))

    assert [(r["index"], r["relevance_score"]) for r in answer["results"]] == [
        (ranked.index, ranked.score) for ranked in rank("llama", ["a llama", "llama", "bear"])
    ]
