"""Routes, schemas, statuses and security are read from the document, also from a user's document."""

import copy
import hashlib
import tomllib
from importlib.resources import files
from itertools import pairwise

import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from together_rerank_spec import READINGS, Document, DocumentError, Validator, dialect, load, read, real_hosts
from together_rerank_spec.document import vendored_text

SMALL = {
    "openapi": "3.1.0",
    "info": {"title": "t", "version": "1"},
    "paths": {
        "/rank": {
            "post": {
                "operationId": "rerank",
                "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
                "responses": {"200": {"description": "ok"}},
            }
        }
    },
}
# Ten lists, each nine times the one before.
LETTERS = "abcdefghij"
BOMB = "a: &a [x]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise(LETTERS))


def small(**changes):
    return {**copy.deepcopy(SMALL), **changes}


def written(tmp_path, content):
    path = tmp_path / "spec.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def without(node, keyword):
    if isinstance(node, dict):
        return {key: without(value, keyword) for key, value in node.items() if key != keyword}
    return [without(item, keyword) for item in node] if isinstance(node, list) else node


def test_the_vendored_document_has_the_expected_operation():
    document = load("vendored")

    assert document.routes == ("/v1/rerank", "/rerank")
    assert document.doubled_routes == {"/v1/v1/rerank": "/v1"}
    assert document.request_media_types == ("application/json",)
    assert document.requires_key
    assert document.error_statuses == (400, 401, 404, 429, 503, 504)


def test_the_corrected_document_requires_a_body():
    assert load("corrected").operation["requestBody"]["required"] is True
    assert "required" not in load("vendored").operation["requestBody"]


@pytest.mark.parametrize(("reading", "count"), [("corrected", 0), ("vendored", 2)])
def test_only_the_corrected_document_is_valid_without_leniency_about_nullable(reading, count):
    errors = list(OpenAPIV31SpecValidator(without(load(reading).content, "nullable")).iter_errors())

    assert len(errors) == count


@pytest.mark.parametrize(
    ("change", "vendored", "corrected"),
    [({"top_n": 0}, True, False), ({"top_n": 1}, True, True), ({"documents": []}, False, False)],
)
def test_the_readings_differ_where_the_overlay_changes_the_document(change, vendored, corrected):
    body = {"model": "m", "query": "q", "documents": ["a"], **change}

    assert Validator(load("vendored").request_schema).is_valid(body) is vendored
    assert Validator(load("corrected").request_schema).is_valid(body) is corrected


@pytest.mark.parametrize(
    "value", [{"usage": None}, {"results": [{"index": 0, "relevance_score": 1, "document": {"text": None}}]}]
)
def test_null_is_allowed_by_the_corrected_reading_only(value):
    body = {"object": "rerank", "model": "m", "results": [], **value}

    assert not Validator(load("vendored").response_schema(200)).is_valid(body)
    assert Validator(load("corrected").response_schema(200)).is_valid(body)


@pytest.mark.parametrize("reading", READINGS)
def test_the_examples_satisfy_their_schemas(reading):
    document = load(reading)
    request = document.example(document.operation["requestBody"]["content"]["application/json"]["schema"])
    response = document.example(document.operation["responses"]["200"]["content"]["application/json"]["schema"])

    assert len(request) == 6
    assert len(response) == 5
    assert Validator(document.request_schema).is_valid(request)
    assert Validator(document.response_schema(200)).is_valid(response)


@pytest.mark.parametrize("status", load().error_statuses)
def test_every_error_has_a_schema(status):
    schema = load().response_schema(status)

    assert Validator(schema).is_valid({"error": {"message": "m", "type": "t", "param": None, "code": None}})
    assert not Validator(schema).is_valid({"error": {"message": "m"}})


@pytest.mark.parametrize(
    ("servers", "routes"),
    [
        ([{"url": "https://a.example/v1"}, {"url": "https://b.example/v2/"}], ("/v1/rank", "/v2/rank", "/rank")),
        ([{"url": "https://a.example"}], ("/rank",)),
        (
            [{"url": "https://{host}/{base}", "variables": {"host": {"default": "h"}, "base": {"default": "b"}}}],
            ("/b/rank", "/rank"),
        ),
        ([], ("/rank",)),
    ],
)
def test_routes_are_built_from_the_servers(tmp_path, servers, routes):
    assert read(written(tmp_path, small(servers=servers))).routes == routes


def test_keys_and_dates_are_strings_as_in_json(tmp_path):
    text = yaml.safe_dump(small()).replace("'200'", "200").replace("title: t", "title: 2026-01-31")

    document = read(written(tmp_path, text + "x: {1: a, 0: b, null: c, 1.5: d}\ny: {true: a, false: b}\n"))

    assert document.statuses == {200: "ok"}
    assert document.content["info"]["title"] == "2026-01-31"
    assert document.content["x"] == {"1": "a", "0": "b", "null": "c", "1.5": "d"}
    assert document.content["y"] == {"true": "a", "false": "b"}


def test_references_are_followed(tmp_path):
    operation = copy.deepcopy(SMALL["paths"]["/rank"]["post"])
    bodies = {"B/x": operation["requestBody"], "again": {"$ref": "#/components/requestBodies/B~1x"}}
    operation["requestBody"] = {"$ref": "#/components/requestBodies/again"}
    components = {"requestBodies": bodies, "pathItems": {"p": {"post": operation}}}
    content = small(components=components, paths={"/rank": {"$ref": "#/components/pathItems/p"}})

    document = read(written(tmp_path, content))

    assert not Validator(document.request_schema).is_valid([])
    assert Validator(document.request_schema).is_valid({})


@pytest.mark.parametrize(
    "reference",
    [
        "#/x-list/0",
        "#/x-map/a%20b",
        "#/x-map/%61%20b",
        "#/x-map/50%25",
        "#/x-map/c~1d",
        "#/x-map/c%7E1d",
        "#/x-map/e~01",
    ],
)
def test_a_reference_is_a_json_pointer_in_a_url_fragment(reference):
    document = Document("it", small(**{"x-list": [1], "x-map": {"a b": 1, "50%": 1, "c/d": 1, "e~1": 1}}))

    assert document.at(reference) == 1


@pytest.mark.parametrize("reference", ["#/x-list/1", "#/x-list/-1", "#/x-list/00", "#/x-list/-", "#/openapi/0"])
def test_a_reference_to_a_missing_list_item_is_an_error(reference):
    with pytest.raises(DocumentError, match=f"the reference {reference} has no target"):
        Document("it", small(**{"x-list": [1]})).at(reference)


def bearer(scheme):
    return {"security": [{"auth": []}], "components": {"securitySchemes": {"auth": scheme}}}


def test_a_document_without_security_needs_no_key(tmp_path):
    assert not read(written(tmp_path, small())).requires_key
    assert not read(written(tmp_path, small(security=[{}]))).requires_key
    assert read(written(tmp_path, small(**bearer({"type": "http", "scheme": "Bearer"})))).requires_key


def test_an_error_may_have_text_or_no_body():
    tei = dialect("tei")
    data = {"error": {"message": "no"}}

    assert [tei.response_media_types(each) for each in (401, 415)] == [(), ("text/plain",)]
    assert [tei.response_schema(each) for each in (401, 415)] == [None, None]
    assert [tei.error_body(each, data) for each in (401, 415)] == [None, "no"]
    assert tei.body_example(401) is None
    assert tei.error_body(422, data) == {"error": "no", "error_type": "Validation"}
    assert tei.error_body(402, data) == {"error": "no", "error_type": "Empty"}  # as the nearest with JSON
    assert (tei.requires_key, tei.key_header) == (False, "Authorization")


def test_an_overlay_is_applied_to_the_document_given(tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        yaml.safe_dump({"overlay": "1.0.0", "actions": [{"target": "$", "update": {"servers": [{"url": "/v9"}]}}]})
    )

    assert read(written(tmp_path, small()), overlay).routes == ("/v9/rank", "/rank")


def test_an_overlay_is_read_with_the_document_that_it_extends(tmp_path):
    written(tmp_path, small()).rename(tmp_path / "a document.yaml")
    (tmp_path / "overlays").mkdir()
    overlay = tmp_path / "overlays/overlay.yaml"
    actions = "actions: [{target: $, update: {servers: [{url: /v9}]}}]"
    overlay.write_text(f"overlay: 1.0.0\nextends: ../a%20document.yaml\n{actions}")

    assert read(overlay).routes == ("/v9/rank", "/rank")


@pytest.mark.parametrize(
    ("extends", "reason"),
    [
        ("", "overlay.yaml: the field `extends` of this overlay must be the path of its document"),
        ("extends: 1", "overlay.yaml: the field `extends` of this overlay must be the path of its document"),
        ("extends: https://example.com/a.yaml", "must be the path of its document, not a URL"),
        ("extends: other.yaml", "other.yaml: No such file"),
        ("extends: overlay.yaml", "no such place"),
    ],
)
def test_an_overlay_without_its_document_is_rejected(tmp_path, extends, reason):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(f"overlay: 1.0.0\nactions: [{{target: $.info, update: {{title: t}}}}]\n{extends}")

    with pytest.raises(DocumentError, match=reason):
        read(overlay)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not YAML"),
        ("a: &a [*a]", "contains itself"),
        ("a: " + "[" * 100_000, "nested deeper than 200 levels"),
        (BOMB, "more than 1000000 values"),
        ("a: !!timestamp foo", "not YAML that JSON can represent"),
        ("a: !!bool foo", "not YAML that JSON can represent"),
        ("a: !!float foo", "not YAML that JSON can represent"),
        ("a: " + "1" * 5_000, "not YAML that JSON can represent"),
        (small(servers=[{"url": "https://x/<foo:bar>"}]), "must start with a slash"),
        (small(servers=[{"url": "https://[x"}]), "is malformed"),
        ("\x00", "not YAML"),
        ("[]", "not an OpenAPI document"),
        ("", "not an OpenAPI document"),
        (small(openapi="3.2.0"), "has `openapi: 3.2.0`"),
        (small(paths={"/rank": {"get": {}}}), "operationId: rerank"),
        (small(paths={}), "`paths` is missing or empty"),
        (small(paths={"/{x}/rank": SMALL["paths"]["/rank"]}), "must start with a slash"),
        (
            small(paths={"/rank": {"post": {"operationId": "rerank", "requestBody": {"content": {}}}}}),
            "`content` is missing",
        ),
        (small(paths={"/rank": {"$ref": "other.yaml#/x"}}), "leads out of the document"),
        (small(paths={"/rank": {"$ref": "#/nowhere"}}), "has no target"),
        (small(paths={"/rank": {"$ref": "#/paths/~1rank"}}), "is circular"),
        (small(servers="https://a.example"), "is malformed"),
        (small(servers=[{}]), "is malformed"),
        (small(**bearer({"type": "apiKey", "in": "query", "name": "k"})), "'auth' is not HTTP bearer"),
    ],
)
def test_a_document_that_cannot_be_served_is_rejected_in_one_line(tmp_path, content, reason):
    path = written(tmp_path, content)

    with pytest.raises(DocumentError) as caught:
        read(path)

    assert reason in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_the_error_names_an_overlay_that_does_not_fit(tmp_path):
    overlay = tmp_path / "overlay.yaml"
    path = written(tmp_path, small())

    for target, reason in (("$.nowhere", "no such place"), ("$.info", "changes nothing")):
        overlay.write_text(f"overlay: 1.0.0\nactions: [{{target: {target}, update: {{title: t}}}}]")
        with pytest.raises(DocumentError, match=rf"overlay\.yaml: action 1 of the overlay, \{target}: .*{reason}"):
            read(path, overlay)


def test_the_error_names_a_missing_file(tmp_path):
    with pytest.raises(DocumentError, match=r"missing\.yaml: No such file"):
        read(tmp_path / "missing.yaml")


def test_an_unknown_reading_names_the_known_ones():
    with pytest.raises(DocumentError, match="unknown reading 'lenient'; the readings are: corrected, vendored"):
        load("lenient")


def test_the_vendored_file_has_the_recorded_checksum():
    provenance = tomllib.loads(files("together_rerank_spec").joinpath("provenance.toml").read_text())

    assert hashlib.sha256(vendored_text()).hexdigest() == provenance["sha256"]
    assert provenance["source"].startswith("https://docs.together.ai/")


@pytest.mark.parametrize(
    ("name", "texts", "objects"),
    [("together", True, True), ("jina", True, True), ("tei", True, False), ("nim", False, True)],
)
def test_a_document_tells_whether_it_takes_texts_and_objects(name, texts, objects):
    document = dialect(name)

    assert (document.takes_texts, document.takes_objects) == (texts, objects)


def test_an_error_has_the_media_types_and_the_schema_of_the_nearest_status():
    tei = dialect("tei")

    assert tei.error_media_types(401) == ()
    assert tei.error_media_types(422) == ("application/json", "text/plain")
    assert tei.error_media_types(418) == ("application/json", "text/plain")
    assert tei.error_schema(401) is None
    assert "allOf" in tei.error_schema(418)


def test_the_hosts_of_real_apis_are_known():
    assert {"api.together.xyz", "api.cohere.com", "api.jina.ai"} <= set(real_hosts())


@pytest.mark.parametrize(("name", "listed"), [("4XX", True), ("4xx", True), ("default", True), ("422", False)])
def test_a_status_may_be_listed_in_a_range(name, listed):
    content = copy.deepcopy(dialect("tei").content)
    responses = content["paths"]["/rerank"]["post"]["responses"]
    content["paths"]["/rerank"]["post"]["responses"] = {"200": responses["200"], name: responses["429"]}
    document = Document("ranges", content)

    assert document.lists(200)
    assert document.lists(418) is listed
    assert document.error_media_types(418) == ("application/json",)
    assert not Validator(document.error_schema(418)).is_valid([])
