"""The extension `x-rerank`: other names for the same things."""

import copy

import pytest

from together_rerank_spec import READINGS, Document, DocumentError, load
from together_rerank_spec.mapping import CANONICAL, Mapping, MappingError

NIM = {
    "request": {"model": "/model", "query": "/query/text", "documents": "/passages", "text": "/text"},
    "response": {"results": "/rankings", "index": "/index", "score": "/logit"},
    "error": {"message": "/detail"},
}
JINA = {
    "request": {**CANONICAL["request"], "returns_documents": True},
    "response": {
        "results": "/results",
        "index": "/index",
        "score": "/relevance_score",
        "document": "/document",
        "text": "",
        "not_returned": None,
        "model": "/model",
        "usage": "/usage",
        "total_tokens": "/usage/total_tokens",
    },
    "error": {"message": "/detail", "statuses": {"invalid_request": 422}},
}
TEI = {
    "request": {"query": "/query", "documents": "/texts", "return_documents": "/return_text"},
    "response": {"results": "", "index": "/index", "score": "/score", "document": "/text", "text": ""},
    "error": {"message": "/error", "type": "/error_type", "statuses": {"invalid_request": 422}},
}
ANSWER = {
    "id": "one",
    "object": "rerank",
    "model": "m",
    "results": [{"index": 1, "relevance_score": 0.5, "document": {"text": "b"}}, {"index": 0, "relevance_score": 0.0}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3},
}


def without_texts(answer):
    return {**answer, "results": [{**each, "document": {}} for each in answer["results"]]}


def test_the_canonical_mapping_changes_nothing():
    body = {"model": "m", "query": "q", "documents": ["a"]}
    mapping = Mapping(copy.deepcopy(CANONICAL))
    documents = [load(reading) for reading in READINGS]

    assert mapping.request(body) is body
    assert mapping.place("/documents/0") == "/documents/0"
    assert [each.success_body(ANSWER) is ANSWER for each in documents] == [True, True]


def test_a_request_is_read_from_its_places():
    body = {"model": "m", "query": {"text": "q"}, "passages": [{"text": "a"}, {"text": "b"}], "truncate": "END"}

    assert Mapping(NIM).request(body) == {
        "model": "m",
        "query": "q",
        "documents": ["a", "b"],
        "return_documents": False,
    }
    assert Mapping(NIM).place("/documents/0") == "/passages/0"
    assert Mapping(NIM).place("/query") == "/query/text"
    assert Mapping(NIM).write_request(
        {"model": "model", "query": "q", "documents": ["a"], "top_n": 3}, texts_in_objects=True
    ) == {
        "model": "model",
        "query": {"text": "q"},
        "passages": [{"text": "a"}],
    }


@pytest.mark.parametrize(("sent", "returned"), [({}, True), ({"return_documents": False}, False)])
def test_whether_documents_are_returned_has_a_default(sent, returned):
    assert Mapping(JINA).request({"query": "q", "documents": ["a"], **sent})["return_documents"] is returned


def test_a_response_is_written_to_its_places_on_the_basis_of_the_template():
    template = {"rankings": [{"index": 7, "logit": -7.5, "extra": "kept"}], "version": 3}

    assert Mapping(NIM).response(ANSWER, template) == {
        "rankings": [{"index": 1, "logit": 0.5, "extra": "kept"}, {"index": 0, "logit": 0.0, "extra": "kept"}],
        "version": 3,
    }
    assert template["rankings"][0]["index"] == 7


def test_a_bare_list_and_a_document_that_is_a_string():
    template = [{"index": 0, "score": 0.0, "text": ""}]

    assert Mapping(TEI).response(ANSWER, template)[0] == {"index": 1, "score": 0.5, "text": "b"}
    assert Mapping(TEI).response(without_texts(ANSWER), template)[0] == {"index": 1, "score": 0.5}


def test_a_document_that_is_not_returned_has_the_value_of_the_mapping():
    template = {"object": "list", "results": [{"document": ""}], "usage": {"total_tokens": 0}}

    answer = Mapping(JINA).response(without_texts(ANSWER), template)

    assert answer["results"][0] == {"index": 1, "relevance_score": 0.5, "document": None}
    assert (answer["object"], answer["usage"]) == ("list", {"total_tokens": 3})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"results": None}, {"results": None}),
        ({"results": [{"index": "1", "relevance_score": "x"}]}, {"results": [{"index": "1", "relevance_score": "x"}]}),
        ({"usage": None}, {"usage": None}),
        ({"extra": 1}, {"extra": 1}),
    ],
)
def test_what_a_fault_makes_wrong_stays_wrong(change, expected):
    template = {"results": [{}], "usage": {"total_tokens": 0}}

    answer = Mapping(JINA).response({**ANSWER, **change}, template)

    assert answer | expected == answer


def test_an_error_is_written_to_its_places():
    canonical = {"error": {"message": "no", "type": "invalid_request_error", "param": "/query"}}

    assert Mapping(TEI).error(canonical, {"error": "", "error_type": ""}, 400) == {
        "error": "no",
        "error_type": "invalid_request_error",
    }
    assert Mapping(NIM).error(canonical, {}, 400) == {"detail": "no"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"request": {"query": "/query"}}, "/x-rerank/request/documents is missing"),
        ({"response": {**NIM["response"], "index": "index"}}, "/x-rerank/response/index must match"),
        ({"reply": {}}, "/x-rerank/reply is not a field"),
        (
            {"error": {"message": "/detail", "statuses": {"invalid_request": 200}}},
            "/x-rerank/error/statuses/invalid_request must be at least",
        ),
    ],
)
def test_a_malformed_mapping_is_rejected_with_the_place(change, message):
    with pytest.raises(MappingError, match=message):
        Mapping({**NIM, **change})


def test_the_document_names_the_place_of_a_malformed_mapping():
    content = copy.deepcopy(load().content)
    content["paths"]["/rerank"]["post"]["x-rerank"] = {"request": {}}

    with pytest.raises(DocumentError, match=r"^other\.yaml: /x-rerank/"):
        Document("other.yaml", content)


def test_an_operation_with_the_extension_comes_before_one_with_the_id():
    content = copy.deepcopy(load().content)
    content["paths"]["/other"] = {"post": {**content["paths"]["/rerank"]["post"], "x-rerank": CANONICAL}}
    del content["paths"]["/rerank"]["post"]["x-rerank"]

    assert Document("other.yaml", content).routes == ("/v1/other", "/other")


def test_a_request_is_written_without_what_the_api_has_no_place_for():
    canonical = {"model": "m", "query": "q", "documents": ("a", {"text": "b"}), "top_n": 2, "return_documents": True}

    assert Mapping(NIM).write_request(canonical, texts_in_objects=True) == {
        "model": "m",
        "query": {"text": "q"},
        "passages": [{"text": "a"}, {"text": "b"}],
    }
    assert Mapping(TEI).write_request(canonical, texts_in_objects=False) == {
        "query": "q",
        "texts": ("a", {"text": "b"}),
        "return_text": True,
    }


@pytest.mark.parametrize(
    ("places", "body", "canonical"),
    [
        (NIM, {"rankings": [{"index": 1, "logit": 0.5}]}, {"results": [{"index": 1, "relevance_score": 0.5}]}),
        (TEI, [{"index": 1, "text": "b"}, 7], {"results": [{"index": 1, "document": {"text": "b"}}, 7]}),
        (TEI, {"error": "no", "error_type": "Empty"}, {"error": {"message": "no", "type": "Empty"}}),
        (TEI, {"error": None}, {}),
        (NIM, {"rankings": 7}, {"results": 7}),
        (NIM, "text", {}),
        (
            JINA,
            {"usage": {"total_tokens": 3}, "results": [{"document": None}, {"document": "a"}]},
            {
                "usage": {"prompt_tokens": 3, "total_tokens": 3},
                "results": [{"document": {}}, {"document": {"text": "a"}}],
            },
        ),
        (
            {**JINA, "request": {**JINA["request"], "text": "/text"}},
            {"results": [{"document": {"text": "a", "image": None}}]},
            {"results": [{"document": {"text": "a"}}]},
        ),
        (JINA, {"results": [{"document": {"title": "a"}}]}, {"results": [{"document": {"text": '{"title": "a"}'}}]}),
        (JINA, {"usage": 7, "detail": "no"}, {"usage": 7, "error": {"message": "no"}}),
        (CANONICAL, [1], {}),
        (CANONICAL, ANSWER, ANSWER),
    ],
)
def test_any_response_is_read_as_far_as_it_has_the_places(places, body, canonical):
    assert Mapping(places).read_response(body) == canonical


@pytest.mark.parametrize(
    ("places", "shown"),
    [
        (CANONICAL, "`documents`, `top_n`, `results`, results[3].relevance_score, `other`"),
        (NIM, "`passages`, `top_n`, `rankings`, rankings[3].logit, `other`"),
        (TEI, "`texts`, `top_n`, list of results, [3].score, `other`"),
    ],
)
def test_a_text_has_the_names_of_the_api(places, shown):
    canonical = "`documents`, `top_n`, `results`, results[3].relevance_score, `other`"

    assert Mapping(places).in_words_of_the_api(canonical) == shown
    assert Mapping(TEI).in_words_of_the_api("`document.text` and `error.type`") == "`text` and `error_type`"
