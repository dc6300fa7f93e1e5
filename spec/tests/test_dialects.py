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
    """Yield each status whose body is JSON, with its example."""
    found = document(name, path)
    for status in found.statuses:
        if "application/json" in found.response_media_types(status):
            yield status, found.body_example(status)


def exact(schema):
    """Return *schema* without other fields than those that each object names."""
    if isinstance(schema, list):
        return [exact(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {}
    return {name: exact(value) for name, value in schema.items()} | closed


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
        ("vllm", "/v1/rerank"),
        ("vllm", "/rerank"),
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
    assert 401 in found.statuses


@pytest.mark.parametrize(("name", "path"), PATHS)
def test_a_response_has_json_but_where_the_api_sends_text_or_nothing(name, path):
    found = document(name, path)

    listed = {status: found.response_media_types(status) for status in found.statuses}

    others = {status: types for status, types in listed.items() if types != ("application/json",)}
    both = ("application/json", "text/plain")
    assert others == {
        "infinity": {500: both},
        "tei": {400: both, 401: (), 413: both, 415: ("text/plain",), 422: both},
    }.get(name, {})


@pytest.mark.parametrize(("name", "path"), PATHS)
def test_a_response_may_have_more_fields_than_the_document_names(name, path):
    found = document(name, path)

    for status, example in examples(name, path):
        body = [{**each, "more": 1} for each in example] if isinstance(example, list) else {**example, "more": 1}
        assert Validator(found.response_schema(status)).violations(body) == [], status


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

    assert Validator(exact(found.response_schema(200))).violations(body) == []


@pytest.mark.parametrize(("name", "path"), PATHS)
def test_an_error_in_the_form_of_the_api_matches_its_schema(name, path):
    found = document(name, path)
    data = {"error": {"message": "no such thing", "type": "t", "param": "/documents/0", "code": None}}

    for status in found.error_statuses:
        body, types = found.error_body(status, data), found.response_media_types(status)
        if "application/json" in types:
            assert Validator(exact(found.response_schema(status))).violations(body) == [], status
            assert "no such thing" in [at(body, place) for place in message_places(found)], status
        else:
            assert body == ("no such thing" if types else None)


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
        ("jina", "/v1/rerank", {"top_k": 1}),
        ("voyage", "/v1/rerank", {"documents": ["a"] * 1000, "top_k": None, "truncation": True}),
        ("voyage", "/v1/rerank", {"top_k": 3}),
        ("tei", "/rerank", {"texts": ["a"] * 32, "truncate": None, "raw_scores": True, "truncation_direction": "Left"}),
        ("tei", "/rerank", {"top_n": 1}),
        ("nim", "/v1/ranking", {"passages": [{"text": "a"}] * 512, "truncate": "END"}),
        ("nim", "/v1/retrieval/{model}/reranking", {"model": NOTHING}),
        ("infinity", "/rerank", {"model": NOTHING, "documents": ["a"] * 2048, "top_n": None}),
        ("infinity", "/rerank", {"top_n": "2", "return_documents": "true", "raw_scores": 0}),
        ("infinity", "/rerank", {"top_n": True}),
        ("vllm", "/rerank", {"model": NOTHING, "top_n": 0}),
        ("vllm", "/rerank", {"documents": "a", "top_n": "0", "use_activation": None}),
        ("vllm", "/rerank", {"top_n": False, "use_activation": "off"}),
        ("vllm", "/rerank", {"return_documents": False}),
        ("mixedbread", "/v1/reranking", {"input": [{"title": "a"}, "b"], "rank_fields": ["title"], "top_k": 1}),
        ("mixedbread", "/v1/reranking", {"input": [["a", "b"]]}),
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
        ("jina", "/v1/rerank", {"top_n": 0}, "/top_n"),
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
        ("nim", "/v1/ranking", {"passages": [{"text": ""}]}, "/passages/0/text"),
        ("nim", "/v1/retrieval/{model}/reranking", {"passages": [{"text": "a"}] * 513}, "/passages"),
        ("nim", "/v1/retrieval/{model}/reranking", {"truncate": "START"}, "/truncate"),
        ("infinity", "/rerank", {"documents": [{"text": "a"}]}, "/documents/0"),
        ("infinity", "/rerank", {"documents": ["a"] * 2049}, "/documents"),
        ("infinity", "/rerank", {"query": "q" * 122_881}, "/query"),
        ("infinity", "/rerank", {"top_n": 0}, "/top_n"),
        ("infinity", "/rerank", {"top_n": "0"}, "/top_n"),
        ("infinity", "/rerank", {"top_n": False}, "/top_n"),
        ("infinity", "/rerank", {"return_documents": 2}, "/return_documents"),
        ("vllm", "/rerank", {"documents": []}, "/documents"),
        ("vllm", "/v1/rerank", {"documents": [{"content": []}]}, "/documents/0"),
        ("vllm", "/v2/rerank", {"top_n": -1}, "/top_n"),
        ("vllm", "/v2/rerank", {"top_n": "many"}, "/top_n"),
        ("vllm", "/v2/rerank", {"documents": {"text": "a"}}, "/documents"),
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


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("cohere", 200, {"results": [{"index": 0, "relevance_score": 1}]}),
        ("cohere", 200, {"results": [], "meta": {"api_version": {"version": "1"}, "cached_tokens": 0}}),
        ("infinity", 400, {"detail": "There was an error parsing the body"}),
        ("infinity", 422, {"detail": [{"type": "t", "loc": ["body", 1], "msg": "m", "input": {}, "ctx": {}}]}),
        ("jina", 200, {"model": "m", "usage": {"total_tokens": 2.0}, "results": []}),
        ("jina", 200, {"model": "m", "usage": {"total_tokens": 2, "prompt_tokens": 2}, "results": []}),
        ("jina", 422, {"detail": "Validation error", "errors": [{"field": "query", "message": "missing"}]}),
        ("mixedbread", 422, {"detail": [{"msg": "Field required"}]}),
        ("nim", 422, {"detail": [{"msg": "Field required"}]}),
        ("nim", 404, {"object": "error", "message": "no such model", "detail": {}, "type": "invalid_request_error"}),
        ("pinecone", 200, {"model": "m", "data": [], "usage": {}}),
        ("vllm", 200, {"id": "1", "model": "m", "usage": {"total_tokens": 1}, "results": []}),
    ],
)
def test_a_response_that_the_api_may_send_matches_the_schema(name, status, body):
    assert Validator(dialect(name).response_schema(status)).violations(body) == []
