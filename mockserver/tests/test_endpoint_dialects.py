"""An endpoint of an API with other names: requests, rankings, errors and faults are in its own form."""

import json

import pytest

from endpoint_calls import endpoint_of, send
from together_rerank_mockserver.settings import Settings
from together_rerank_spec import Document, DocumentError

JSON = {"Content-Type": "application/json"}


def media(schema):
    return {"description": "d", "content": {"application/json": {"schema": schema}}}


def record(required, **properties):
    return {"type": "object", "additionalProperties": False, "required": required.split(), "properties": properties}


STRING, INTEGER, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
REFUSED = media(record("error error_type", error=STRING, error_type={"enum": ["Validation"]}))
MAPPING = {
    "request": {"query": "/query", "documents": "/texts", "return_documents": "/return_text"},
    "response": {"results": "", "index": "/index", "score": "/score", "document": "/text", "text": ""},
    "error": {"message": "/error", "statuses": {"invalid_request": 422}},
}


def tei(**mapping):
    """Return a document in the style of TEI."""
    request = record(
        "query texts",
        query=STRING,
        texts={"type": "array", "minItems": 1, "maxItems": 3, "items": STRING},
        return_text={"type": "boolean"},
    )
    result = record("index score", index=INTEGER, score=NUMBER, text=STRING)
    operation = {
        "requestBody": media(request),
        "responses": {"200": media({"type": "array", "items": result}), "422": REFUSED, "429": REFUSED},
        "x-rerank": {**MAPPING, **mapping},
    }
    return Document(
        "tei.yaml",
        {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/rerank": {"post": operation}}},
    )


TEI = endpoint_of(tei())
# Faults in what the answers of TEI do not have.
WITHOUT_A_PLACE = {
    *("document-string", "results-bare-list", "usage-missing", "usage-null", "usage-no-completion-tokens"),
    *("usage-wrong-sum", "usage-negative", "model-other", "id-missing", "id-constant", "object-wrong", "extra-field"),
}


def ask(endpoint=TEI, fault=None, **changes):
    headers = {**JSON, "Prefer": f"fault={fault}"} if fault else JSON
    return send({"query": "llama", "texts": ["panda", "llama"], **changes}, endpoint, headers)


def test_a_success_has_the_form_of_the_api():
    assert ask()[1] == [{"index": 1, "score": 1.0}, {"index": 0, "score": 0.0}]
    assert ask(return_text=True)[1][0] == {"index": 1, "score": 1.0, "text": "llama"}


def test_an_invalid_request_gets_the_status_the_form_and_the_places_of_the_api():
    reply, answer = ask(texts=["a", "b", "c", "d"])

    assert (reply.status, answer["error_type"]) == (422, "Validation")
    assert answer["error"] == "`/texts` must have at most 3 items"


def test_a_status_fault_has_the_form_of_the_api():
    reply, answer = ask(fault="429")

    assert (reply.status, reply.headers["Retry-After"]) == (429, "1")
    assert answer == {"error": "Too many requests for the model", "error_type": "Validation"}


def test_an_undocumented_status_has_the_form_of_the_api_too():
    reply, answer = ask(fault="502")

    assert reply.status == 502
    assert set(answer) == {"error", "error_type"}


@pytest.mark.parametrize("fault", [each.name for each in TEI.catalogue if each.family == "body"])
def test_every_body_fault_is_applied_in_the_form_of_the_api_or_not_at_all(fault):
    plain = ask(return_text=True)[1]
    reply, answer = ask(fault=fault, return_text=True)

    if fault in WITHOUT_A_PLACE:
        assert (reply.status, answer["error_type"]) == (400, "Validation")
        assert answer["error"] == f"`{fault}` cannot be applied: answers of this API have no place for it"
    else:
        assert reply.status == 200
        assert (answer != plain) == ("not-applied" not in reply.headers["x-mock-reply"])


def test_an_api_without_a_model_accepts_every_request():
    endpoint = endpoint_of(tei(), Settings(models=("a",)))

    assert ask(endpoint)[0].status == 200


def test_a_schema_that_does_not_allow_the_mapping_stops_the_start():
    with pytest.raises(
        DocumentError, match=r"tei.yaml: its schema for status 200 does not allow .* /0/rank is not a field"
    ):
        endpoint_of(tei(response={**MAPPING["response"], "document": "/rank"}))


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (
            {"response": {**MAPPING["response"], "results": "/a/b"}},
            "the place /a/b in `x-rerank` is not in the list of 1",
        ),
        ({"error": {"message": "/a/b"}}, "status 422 .* must be a string|/a is not a field"),
    ],
)
def test_a_place_that_the_document_does_not_have_stops_the_start(place, message):
    with pytest.raises(DocumentError, match=message):
        endpoint_of(tei(**place))


def test_an_integer_beyond_64_bits_is_returned_as_it_was_sent():
    content = json.loads(json.dumps(tei().content))
    schema = content["paths"]["/rerank"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema["properties"]["texts"]["items"] = {}
    endpoint = endpoint_of(Document("objects.yaml", content))

    assert ask(endpoint, texts=[{"a": 2**70}], return_text=True)[1][0]["text"] == f'{{"a":{2**70}}}'


def test_a_key_can_have_a_header_of_its_own():
    content = json.loads(json.dumps(tei().content))
    content["components"] = {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "Api-Key"}}}
    content["security"] = [{"key": []}]
    content["paths"]["/rerank"]["post"]["responses"]["401"] = REFUSED
    endpoint = endpoint_of(Document("pinecone.yaml", content), Settings(api_keys=("a-key",)))
    body = {"query": "llama", "texts": ["panda"]}

    statuses = [
        send(body, endpoint, {**JSON, **key})[0].status
        for key in ({"Api-Key": "a-key"}, {"Api-Key": "another"}, {"Authorization": "Bearer a-key"})
    ]

    assert statuses == [200, 401, 401]
