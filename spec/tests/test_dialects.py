"""The documents of other rerank APIs are valid, agree with themselves, and accept and reject what the APIs do."""

import copy
import re
from urllib.parse import urlsplit

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from together_rerank_spec import Validator, dialect, dialects

CONTENTS = {name: dialect(name).content for name in dialects() if name != "together"}
PATHS = [(name, path) for name, content in CONTENTS.items() for path in content["paths"]]
ANSWER = {
    "id": "one",
    "object": "rerank",
    "model": "m",
    "results": [
        {"index": 1, "relevance_score": 0.5, "document": {"text": "b"}},
        {"index": 0, "relevance_score": 0.0, "document": {"text": "a"}},
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3},
}
NOTHING = object()
TEXTS = ["a", "b"]


def document(name, path):
    return next(each for each in dialect(name).operations if each.routes == (path,))


def request(name, path, changes):
    body = {**document(name, path).write_request({"model": "model", "query": "q", "documents": TEXTS}), **changes}
    return {field: value for field, value in body.items() if value is not NOTHING}


def violations(name, path, body):
    return Validator(document(name, path).request_schema).violations(body)


def examples(name, path):
    found = document(name, path)
    for status in found.statuses:
        response = found.resolve(found.operation["responses"][str(status)])
        yield status, response["content"]["application/json"]["example"]


def at(node, pointer):
    for step in pointer.split("/")[1:]:
        if isinstance(node, list) and step.isdigit() and int(step) < len(node):
            node = node[int(step)]
        elif isinstance(node, dict) and step in node:
            node = node[step]
        else:
            return NOTHING
    return node


def message_places(found):
    places = found.mapping.places["error"]["message"]
    return [places] if isinstance(places, str) else places


def test_each_api_has_its_paths():
    assert PATHS == [
        ("cohere", "/v1/rerank"),
        ("cohere", "/v2/rerank"),
        ("infinity", "/rerank"),
        ("jina", "/v1/rerank"),
        ("mixedbread", "/v1/reranking"),
        ("nim", "/v1/ranking"),
        ("nim", "/v1/retrieval/{model}/reranking"),
        ("pinecone", "/rerank"),
        ("tei", "/rerank"),
        ("vllm", "/rerank"),
        ("vllm", "/v1/rerank"),
        ("vllm", "/v2/rerank"),
        ("voyage", "/v1/rerank"),
    ]


@pytest.mark.parametrize("name", CONTENTS)
def test_a_document_is_openapi_3_1_without_a_base_path(name):
    OpenAPIV31SpecValidator(CONTENTS[name]).validate()

    paths = [urlsplit(server["url"]).path for server in CONTENTS[name].get("servers", [])]
    assert set(paths) <= {""}


@pytest.mark.parametrize("name", CONTENTS)
def test_a_document_says_where_each_fact_was_seen_and_when(name):
    provenance = CONTENTS[name]["info"]["x-provenance"]

    assert len(provenance) >= 3
    for each in provenance:
        assert list(each) == ["what", "where", "seen"]
        assert each["what"]
        assert each["where"]
        assert re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", each["seen"])
        assert each["where"] != "nowhere" or "not verified" in each["what"]


@pytest.mark.parametrize(("name", "path"), PATHS)
def test_an_operation_loads_and_lists_the_statuses_that_it_uses(name, path):
    found = document(name, path)

    used = {400, *found.mapping.places["error"].get("statuses", {}).values()}

    assert found.mapping.places == CONTENTS[name]["paths"][path]["post"]["x-rerank"]
    assert found.statuses.keys() >= {*used, 200, 429, 500, 503}
    assert 401 in found.statuses or name == "tei"


@pytest.mark.parametrize(("name", "path"), PATHS)
def test_each_example_matches_its_schema(name, path):
    found = document(name, path)

    for status, example in examples(name, path):
        assert Validator(found.response_schema(status)).violations(example) == [], status


@pytest.mark.parametrize(("name", "path"), PATHS)
def test_the_example_of_a_response_has_two_results_best_first(name, path):
    places = document(name, path).mapping.places["response"]
    example = dict(examples(name, path))[200]

    results = at(example, places["results"])

    assert len(results) == 2
    assert [at(each, places["index"]) for each in results] == [1, 0]
    assert at(results[0], places["score"]) > at(results[1], places["score"])
    assert all(isinstance(at(each, places.get("document", "/index")), (str, dict, int)) for each in results)


@pytest.mark.parametrize(("name", "path"), PATHS)
def test_the_example_of_each_error_has_a_message(name, path):
    found = document(name, path)

    for status, example in examples(name, path):
        messages = [at(example, place) for place in message_places(found)]
        assert status < 400 or isinstance(next(each for each in messages if each is not NOTHING), str), status


@pytest.mark.parametrize("returned", [True, False])
@pytest.mark.parametrize(("name", "path"), PATHS)
def test_an_answer_in_the_form_of_the_api_matches_its_schema(name, path, returned):
    found, answer = document(name, path), copy.deepcopy(ANSWER)
    if not returned and found.mapping.can_omit_documents:
        answer["results"] = [{**each, "document": {}} for each in answer["results"]]

    body = found.success_body(answer)

    assert Validator(found.response_schema(200)).violations(body) == []


@pytest.mark.parametrize(("name", "path"), PATHS)
def test_an_error_in_the_form_of_the_api_matches_its_schema(name, path):
    found = document(name, path)
    data = {"error": {"message": "no such thing", "type": "t", "param": "/documents/0", "code": None}}

    for status in found.error_statuses:
        body = found.error_body(status, data)
        assert Validator(found.response_schema(status)).violations(body) == [], status
        assert "no such thing" in [at(body, place) for place in message_places(found)], status


@pytest.mark.parametrize(
    ("name", "path", "changes"),
    [
        *((name, path, {}) for name, path in PATHS),
        *((name, path, {"model": "any/name"}) for name, path in PATHS),
        ("cohere", "/v1/rerank", {"model": NOTHING}),
        ("cohere", "/v1/rerank", {"documents": ["a", {"text": "b", "title": "c"}], "rank_fields": ["title"]}),
        ("cohere", "/v1/rerank", {"documents": ["a"] * 1000}),
        ("cohere", "/v2/rerank", {"documents": ["a"] * 10_000, "max_tokens_per_doc": 512, "priority": 999}),
        ("cohere", "/v2/rerank", {"return_documents": True}),
        ("jina", "/v1/rerank", {"documents": ["a", {"text": "b"}], "return_documents": False, "top_n": None}),
        ("voyage", "/v1/rerank", {"documents": ["a"] * 1000, "top_k": None, "truncation": True}),
        ("voyage", "/v1/rerank", {"top_k": 3}),
        ("tei", "/rerank", {"texts": ["a"] * 32, "truncate": None, "raw_scores": True, "truncation_direction": "Left"}),
        ("tei", "/rerank", {"top_n": 1}),
        ("nim", "/v1/ranking", {"passages": [{"text": "a"}] * 512, "truncate": "END"}),
        ("nim", "/v1/retrieval/{model}/reranking", {"model": NOTHING}),
        ("infinity", "/rerank", {"model": NOTHING, "documents": ["a"] * 2048, "top_n": None}),
        ("vllm", "/rerank", {"model": NOTHING, "top_n": 0}),
        ("vllm", "/rerank", {"return_documents": False}),
        ("mixedbread", "/v1/reranking", {"input": [{"title": "a"}, "b"], "rank_fields": ["title"], "top_k": 1}),
        ("pinecone", "/rerank", {"documents": [{"title": "a"}], "rank_fields": ["title"]}),
        ("pinecone", "/rerank", {"documents": [{"id": "1", "text": "a"}] * 100, "parameters": {"truncate": "END"}}),
    ],
)
def test_a_request_that_the_api_accepts_matches_the_schema(name, path, changes):
    assert violations(name, path, request(name, path, changes)) == []


@pytest.mark.parametrize(
    ("name", "path", "changes", "pointer"),
    [
        ("cohere", "/v1/rerank", {"query": NOTHING}, "/query"),
        ("cohere", "/v1/rerank", {"query": ""}, "/query"),
        ("cohere", "/v1/rerank", {"documents": []}, "/documents"),
        ("cohere", "/v1/rerank", {"documents": ["a"] * 1001}, "/documents"),
        ("cohere", "/v1/rerank", {"documents": [{"title": "a"}]}, "/documents/0/text"),
        ("cohere", "/v1/rerank", {"top_n": 0}, "/top_n"),
        ("cohere", "/v2/rerank", {"model": NOTHING}, "/model"),
        ("cohere", "/v2/rerank", {"top_k": 1}, "/top_k"),
        ("cohere", "/v2/rerank", {"documents": [{"text": "a"}]}, "/documents/0"),
        ("cohere", "/v2/rerank", {"documents": ["a"] * 10_001}, "/documents"),
        ("cohere", "/v2/rerank", {"priority": 1000}, "/priority"),
        ("jina", "/v1/rerank", {"model": NOTHING}, "/model"),
        ("jina", "/v1/rerank", {"top_k": 1}, "/top_k"),
        ("jina", "/v1/rerank", {"documents": [1]}, "/documents/0"),
        ("jina", "/v1/rerank", {"max_doc_length": 8193}, "/max_doc_length"),
        ("voyage", "/v1/rerank", {"top_n": 1}, "/top_n"),
        ("voyage", "/v1/rerank", {"query": ""}, "/query"),
        ("voyage", "/v1/rerank", {"documents": ["a", ""]}, "/documents/1"),
        ("voyage", "/v1/rerank", {"documents": ["a"] * 1001}, "/documents"),
        ("voyage", "/v1/rerank", {"model": None}, "/model"),
        ("voyage", "/v1/rerank", {"top_k": 0}, "/top_k"),
        ("tei", "/rerank", {"texts": []}, "/texts"),
        ("tei", "/rerank", {"texts": ["a"] * 33}, "/texts"),
        ("tei", "/rerank", {"texts": [{"text": "a"}]}, "/texts/0"),
        ("tei", "/rerank", {"texts": NOTHING, "documents": ["a"]}, "/texts"),
        ("tei", "/rerank", {"raw_scores": None}, "/raw_scores"),
        ("tei", "/rerank", {"truncation_direction": "up"}, "/truncation_direction"),
        ("nim", "/v1/ranking", {"model": NOTHING}, "/model"),
        ("nim", "/v1/ranking", {"query": "q"}, "/query"),
        ("nim", "/v1/ranking", {"query": {"text": ""}}, "/query/text"),
        ("nim", "/v1/ranking", {"passages": ["a"]}, "/passages/0"),
        ("nim", "/v1/retrieval/{model}/reranking", {"passages": [{"text": "a"}] * 513}, "/passages"),
        ("nim", "/v1/retrieval/{model}/reranking", {"truncate": "START"}, "/truncate"),
        ("infinity", "/rerank", {"documents": [{"text": "a"}]}, "/documents/0"),
        ("infinity", "/rerank", {"documents": ["a"] * 2049}, "/documents"),
        ("infinity", "/rerank", {"query": "q" * 122_881}, "/query"),
        ("infinity", "/rerank", {"top_n": 0}, "/top_n"),
        ("vllm", "/rerank", {"documents": []}, "/documents"),
        ("vllm", "/v1/rerank", {"documents": [{"content": []}]}, "/documents/0"),
        ("vllm", "/v2/rerank", {"top_n": -1}, "/top_n"),
        ("mixedbread", "/v1/reranking", {"input": []}, "/input"),
        ("mixedbread", "/v1/reranking", {"input": ["a"] * 1001}, "/input"),
        ("mixedbread", "/v1/reranking", {"input": [1]}, "/input/0"),
        ("mixedbread", "/v1/reranking", {"query": ""}, "/query"),
        ("mixedbread", "/v1/reranking", {"top_k": 0}, "/top_k"),
        ("pinecone", "/rerank", {"model": NOTHING}, "/model"),
        ("pinecone", "/rerank", {"documents": ["a"]}, "/documents/0"),
        ("pinecone", "/rerank", {"documents": [{"title": "a"}]}, "/documents/0/text"),
        ("pinecone", "/rerank", {"documents": [{"text": "a"}] * 101}, "/documents"),
        ("pinecone", "/rerank", {"parameters": {"truncate": "START"}}, "/parameters/truncate"),
    ],
)
def test_a_request_that_the_api_rejects_violates_the_schema(name, path, changes, pointer):
    assert [each.pointer for each in violations(name, path, request(name, path, changes))] == [pointer]
