"""Which OpenAPI documents the endpoint serves, and which it rejects."""

import json

import pytest

from endpoint_calls import body, endpoint_of, send
from together_rerank_mockserver.http.flask_app import create_app
from together_rerank_mockserver.settings import Settings
from together_rerank_spec import Document, DocumentError, load


def test_a_top_n_below_one_returns_no_results_if_the_reading_allows_it():
    endpoint = endpoint_of(load("vendored"))

    assert send(body(top_n=0), endpoint)[1]["results"] == []
    assert send(body(top_n=-1), endpoint)[1]["results"] == []


def changed(**places):
    content = json.loads(json.dumps(load().content))
    for dotted, value in places.items():
        *parents, last = dotted.split("__")
        node = content["components"]["schemas"]
        for step in parents:
            node = node[step]
        node[last] = value
    return Document("other.yaml", content)


@pytest.mark.parametrize(
    ("document", "because"),
    [
        (changed(RerankResponse__required=["created"]), r"other.yaml: .*status 200 .*/created is missing"),
        (
            changed(RerankResponse__properties__results__items__properties__document={"type": "string"}),
            "document must be a string",
        ),
        (
            changed(RerankResponse__properties__results__items__properties__document__required=["text"]),
            "text is missing",
        ),
        (changed(ErrorData__required=["detail"]), r"status 400 .*/detail is missing"),
        (changed(RerankRequest__properties={"model": {}, "search": {}, "documents": {}}), "/query is not a field"),
        (changed(RerankRequest__properties__documents={"type": "object"}), "/documents must be an object"),
        (changed(RerankRequest={"$ref": "https://example.com/x"}), "leads out of the document"),
    ],
)
def test_a_document_that_the_responses_would_violate_is_rejected(document, because):
    with pytest.raises(DocumentError, match=because):
        endpoint_of(document)


def test_api_keys_are_rejected_if_the_document_has_none(tmp_path):
    path = tmp_path / "other.json"
    path.write_text(json.dumps({**load().content, "security": []}))

    with pytest.raises(DocumentError, match="needs no key"):
        create_app(Settings(spec=path, api_keys=("key",)))


def test_a_less_strict_document_is_served_if_the_request_can_be_ranked():
    endpoint = endpoint_of(changed(RerankRequest={"type": "object"}))

    assert send({"model": "m", "query": "q", "documents": [1, ["a"], None]}, endpoint)[0].status == 200
    for change in (
        {"query": None},
        {"top_n": "abc"},
        {"top_n": [1]},
        {"rank_fields": 5},
        {"rank_fields": ["a", 5]},
        {"rank_fields": [[1]]},
    ):
        reply, answer = send(body(**change), endpoint)
        assert (reply.status, answer["error"]["param"].split("/")[1]) == (400, *change)
