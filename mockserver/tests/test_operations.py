"""A document of a user can have several operations, and one of them can be selected."""

import http.client
import json

import pytest

from command_runner import assert_refused, run
from mock_process import running, server  # noqa: F401  # a fixture
from together_rerank_mockserver.http.flask_app import create_app
from together_rerank_mockserver.settings import Settings, SettingsError
from together_rerank_spec import DocumentError, dialect, load

MARKED = {
    "request": {"query": "/q", "documents": "/texts"},
    "response": {"results": "", "index": "/i", "score": "/s"},
    "error": {"message": "/why"},
}
STRING = {"type": "string"}


def media(schema):
    return {"description": "d", "content": {"application/json": {"schema": schema}}}


def marked(**changes):
    """Return an operation in a form of its own."""
    request = {"type": "object", "required": ["q", "texts"], "properties": {"q": STRING, "texts": {"type": "array"}}}
    result = {"type": "object", "properties": {"i": {"type": "integer"}, "s": {"type": "number"}}}
    error = {"type": "object", "required": ["why"], "properties": {"why": STRING}}
    return {
        "requestBody": media(request),
        "responses": {"200": media({"type": "array", "items": result}), "400": media(error)},
        "x-rerank": MARKED,
        **changes,
    }


def like_together():
    return json.loads(json.dumps(load("vendored").content["paths"]["/rerank"]["post"]))


@pytest.fixture
def spec(tmp_path):
    """Return a function that writes a document with these operations, by their paths."""

    def write(**operations):
        paths = {path: {"post": operation} for path, operation in operations.items()}
        content = {
            "openapi": "3.1.0",
            "info": {"title": "t", "version": "1"},
            "components": load().content["components"],
            "paths": paths,
        }
        file = tmp_path / "spec.json"
        file.write_text(json.dumps(content))
        return file

    return write


def statuses(client, *paths):
    body = {"q": "llama", "texts": ["panda", "llama"]}
    return [client.post(path, json=body).status_code for path in paths]


def test_every_operation_with_the_extension_is_served(spec):
    file = spec(**{"/a": marked(), "/b/{model}": marked(), "/rerank": {**like_together(), "operationId": "rerank"}})
    client = create_app(Settings(spec=file)).test_client()

    assert statuses(client, "/a", "/b/some/model", "/rerank", "/b/", "/together/rerank") == [200, 200, 404, 404, 401]
    assert client.post("/c").json == {"why": client.post("/c").json["why"]}
    assert "POST /a and POST /b/{model}; other APIs are below /cohere, " in client.post("/c").json["why"]


def test_an_operation_can_be_selected(spec):
    file = spec(**{"/a": marked(), "/other": {**like_together(), "operationId": "other", "security": []}})
    client = create_app(Settings(spec=file, operation=("post", "/other"))).test_client()
    body = {"model": "m", "query": "llama", "documents": ["panda", "llama"]}

    assert statuses(client, "/a") == [404]
    assert [each["index"] for each in client.post("/other", json=body).json["results"]] == [1, 0]


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (("GET", "/a"), "the kit serves POST operations only, not GET /a"),
        (("POST", "/b"), "there is no operation POST /b; paths with POST: /a"),
    ],
)
def test_an_operation_that_cannot_be_served_stops_the_start(spec, operation, message):
    with pytest.raises(DocumentError, match=message):
        create_app(Settings(spec=spec(**{"/a": marked()}), operation=operation))


def test_an_operation_needs_a_document():
    with pytest.raises(SettingsError, match="`operation` applies to a document given as `spec` only"):
        Settings(operation=("POST", "/rerank"))


@pytest.mark.parametrize(("name", "place"), [("results", "/hit"), ("index", "/idx"), ("score", "/rel")])
def test_a_place_that_the_answer_does_not_have_stops_the_start(spec, name, place):
    operation = marked(**{"x-rerank": {**MARKED, "response": {**MARKED["response"], name: place}}})
    example = {
        "application/json": {"example": {"hits": [{"i": 0, "s": 0}]} if name == "results" else [{"i": 0, "s": 0}]}
    }
    operation["responses"]["200"] = {"description": "d", "content": example}

    with pytest.raises(DocumentError, match=f"/x-rerank/response/{name}: the 200 response has no {place}"):
        create_app(Settings(spec=spec(**{"/a": operation})))


@pytest.mark.parametrize("path", ["/b/{name}", "/b/{model}/{model}", "b", "/<b>"])
def test_a_path_that_cannot_be_served_stops_the_start(spec, path):
    with pytest.raises(DocumentError, match="cannot be served: it must start with a slash, and its only parameter"):
        create_app(Settings(spec=spec(**{path: marked()})))


def test_the_second_operation_is_checked_too(spec):
    wrong = marked(**{"x-rerank": {**MARKED, "response": {**MARKED["response"], "score": "score"}}})

    with pytest.raises(DocumentError, match="/x-rerank/response/score must match"):
        create_app(Settings(spec=spec(**{"/a": marked(), "/b": wrong})))


def test_the_commands_name_what_is_wrong(spec):
    file = spec(**{"/a": marked()})

    assert_refused(run("spec", "--spec", str(file), "--operation", "POST", "/b"), "there is no operation POST /b")
    assert_refused(run("spec", "--operation", "POST", "/b"), "Invalid value for --operation: applies to a document")
    assert_refused(run("spec", "--dialect", "klingon"), "'klingon' is not one of 'cohere', ")
    refused = run("spec", "--dialect", "jina", "--reading", "vendored")
    assert_refused(refused, "Invalid value for --dialect: names the document at the root, and so does --reading")


def test_the_commands_read_the_document_of_a_dialect():
    body = json.dumps({"query": {"text": "llama"}, "passages": [{"text": "panda"}, {"text": "llama"}], "model": "m"})

    assert run("spec", "--dialect", "tei").stdout.startswith("openapi: 3.1.0\ninfo:\n  title: Text Embeddings")
    assert "\n424 " in run("faults", "--dialect", "tei").stdout
    rows = json.loads(run("explain", "--dialect", "nim", "--json", stdin=body).stdout)
    assert [row["index"] for row in rows] == [1, 0]


def test_the_path_of_a_server_is_not_part_of_the_model(spec):
    file = spec(**{"/{model}/rerank": marked()})
    content = {**json.loads(file.read_text()), "servers": [{"url": "https://example.com/v1"}]}
    file.write_text(json.dumps(content))
    client = create_app(Settings(spec=file, models=("org/a",))).test_client()

    assert statuses(client, "/v1/org/a/rerank", "/org/a/rerank", "/v1/org/b/rerank", "/jina/a/rerank") == [
        *(200, 200, 404, 404),
    ]
    assert statuses(create_app(Settings(spec=file)).test_client(), "/jina/a/rerank", "/v1/mock/429/rerank") == [
        200,
        429,
    ]


@pytest.mark.parametrize("path", ["/a b", "/r\u00e9", "/a%20b"])
def test_a_path_can_have_any_characters(spec, path):
    client = create_app(Settings(spec=spec(**{path: marked()}))).test_client()

    assert statuses(client, path) == [200]


def test_a_key_in_a_header_of_its_own_is_not_shown(spec):
    file = spec(**{"/a": marked(security=[{"tenant": []}])})
    content = json.loads(file.read_text())
    content["components"]["securitySchemes"] = {"tenant": {"type": "apiKey", "in": "header", "name": "X-Tenant"}}
    file.write_text(json.dumps(content))
    client = create_app(Settings(spec=file, api_keys=("a-long-value",))).test_client()

    client.post("/a", json={"q": "a-long-value", "texts": ["a"]}, headers={"X-Tenant": "a-long-value"})
    (entry,) = client.get("/__admin/requests").json["requests"]

    assert entry["status"] == 200
    assert "a-long-value" not in json.dumps(entry)


def test_a_document_with_the_names_of_together_keeps_the_message_of_a_401(spec):
    operation = {**like_together(), "operationId": "rerank"}
    operation["responses"]["401"] = {
        "description": "d",
        "content": {"application/json": {"schema": {}, "examples": {"a": {"externalValue": "https://example.com"}}}},
    }
    file = spec(**{"/rerank": operation})
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "security": load().content["security"]}))

    response = create_app(Settings(spec=file)).test_client().post("/rerank", json={})

    assert response.json["error"]["message"] == "Missing API key in the header Authorization"


@pytest.mark.parametrize(
    ("place", "example", "message"),
    [
        ({"id": "/ids/3/v"}, {"ids": []}, "the place /ids/3/v in `x-rerank` is not in the list of 0"),
        ({"id": "/ids/foo/v"}, {"ids": [1]}, None),
        ({"total_tokens": "/u/1/t"}, {"u": [3]}, "the place /u/1/t in `x-rerank` is not in the list of 1"),
    ],
)
def test_a_place_outside_of_a_list_stops_the_start(spec, place, example, message):
    operation = marked()
    answer = {"description": "d", "content": {"application/json": {"example": {"r": [{"i": 0, "s": 0}], **example}}}}
    operation["responses"]["200"] = answer
    operation["x-rerank"] = {**MARKED, "response": {**MARKED["response"], "results": "/r", **place}}
    file = spec(**{"/a": operation})

    if message is None:
        assert statuses(create_app(Settings(spec=file)).test_client(), "/a") == [200]
    else:
        with pytest.raises(DocumentError, match=message):
            create_app(Settings(spec=file))


def test_a_place_can_be_an_item_of_a_list(spec):
    operation = marked()
    example = {"errors": ["no"], "more": [{"code": 1}]}
    operation["responses"]["400"] = {"description": "d", "content": {"application/json": {"example": example}}}
    operation["x-rerank"] = {**MARKED, "error": {"message": "/errors/0", "status": "/more/0/code"}}

    answer = create_app(Settings(spec=spec(**{"/a": operation}))).test_client().post("/a", json={}).json

    assert answer == {"errors": ["`/q` is missing; `/texts` is missing"], "more": [{"code": 400}]}


def test_results_can_have_the_order_of_the_request(spec):
    mapping = {**MARKED, "response": {**MARKED["response"], "sorted": False}}
    client = create_app(Settings(spec=spec(**{"/a": marked(**{"x-rerank": mapping})}))).test_client()

    answer = client.post("/a", json={"q": "llama", "texts": ["panda", "llama", "a llama"]}).json

    assert [each["i"] for each in answer] == [0, 1, 2]
    assert answer[1]["s"] > answer[2]["s"] > answer[0]["s"]


def test_a_request_schema_that_refers_to_itself_is_served(spec):
    operation = marked()
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    schema["properties"]["filter"] = {"$ref": "#/components/schemas/Filter"}
    file = spec(**{"/a": operation})
    content = json.loads(file.read_text())
    node = {"$ref": "#/components/schemas/Filter"}
    content["components"]["schemas"]["Filter"] = {"properties": {"and": {"type": "array", "items": node}, "not": node}}
    file.write_text(json.dumps(content))

    assert statuses(create_app(Settings(spec=file)).test_client(), "/a") == [200]


@pytest.mark.parametrize("schema", [True, {"properties": {"model": True}}])
def test_a_request_schema_can_allow_anything(spec, schema):
    operation = marked(requestBody={"content": {"application/json": {"schema": schema}}})

    assert statuses(create_app(Settings(spec=spec(**{"/a": operation}))).test_client(), "/a") == [200]


@pytest.mark.served
def test_dialects_are_served_over_a_socket(server):
    with running("-q", "--server", server, "--dialect", "tei") as mock:
        connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=20)

        def ask(path, body, **headers):
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **headers})
            response = connection.getresponse()
            return response.status, json.loads(response.read())

        texts = {"query": "llama", "texts": ["panda", "llama"]}
        passages = {"query": {"text": "llama"}, "passages": [{"text": "panda"}, {"text": "llama"}]}
        ranked = [{"index": 1, "score": 1.0}, {"index": 0, "score": 0.0}]
        assert ask("/rerank", texts) == ask("/tei/rerank", texts) == (200, ranked)
        status, answer = ask("/nim/v1/retrieval/a%2Fb/reranking", passages, Authorization="Bearer key")
        assert (status, answer["rankings"][0]) == (200, {"index": 1, "logit": 1.0})
        status, answer = ask("/nim/v1/retrieval/mock%2F503/reranking", passages, Authorization="Bearer key")
        assert (status, answer) == (503, dialect("nim").operations[1].body_example(503))
        connection.close()
