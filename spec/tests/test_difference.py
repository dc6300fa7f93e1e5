"""What a newer document changes is told, and breaking told from harmless."""

import copy

import pytest
import yaml

from revised_document import GONE, POST, REQUEST, RESPONSE, SCHEMAS, revised, verdicts
from together_rerank_spec import Document, DocumentError, OverlayError, load, read, read_overlay
from together_rerank_spec.difference import differences

# What is changed, the place it is told of, and whether it breaks clients: there, and when it is taken back.
CHANGES = [
    # The request: narrower is breaking.
    ({f"{REQUEST}/properties/top_n/minimum": 1}, "request /top_n minimum", True, False),
    ({f"{REQUEST}/properties/top_n/maximum": 9}, "request /top_n maximum", True, False),
    ({f"{REQUEST}/properties/query/minLength": 1}, "request /query minLength", True, False),
    ({f"{REQUEST}/properties/query/minLength": 0}, "request /query minLength", False, False),
    ({f"{REQUEST}/properties/query/pattern": "a"}, "request /query pattern", True, False),
    ({f"{REQUEST}/properties/query/format": "uri"}, "request /query format", True, True),
    ({f"{REQUEST}/properties/query/spelling": "us"}, "request /query spelling", True, True),
    ({f"{REQUEST}/properties/query/x-spelling": "us"}, "request /query x-spelling", False, False),
    ({f"{REQUEST}/properties/query/type": ["string", "array"]}, "request /query type", False, True),
    ({f"{REQUEST}/properties/query/type": "array"}, "request /query type", True, True),
    ({f"{REQUEST}/properties/top_n/type": "number"}, "request /top_n type", False, True),
    ({f"{REQUEST}/properties/return_documents/enum": [True]}, "request /return_documents enum", True, False),
    ({f"{REQUEST}/properties/return_documents/enum": [True, False]}, "request /return_documents enum", False, False),
    ({f"{REQUEST}/properties/seed": {"type": "integer"}}, "request /seed", False, True),
    ({f"{REQUEST}/properties/rank_fields": GONE}, "request /rank_fields", True, False),
    ({f"{REQUEST}/required": ["model", "query"]}, "request /documents required", False, True),
    ({f"{REQUEST}/additionalProperties": True}, "request additionalProperties", False, True),
    ({f"{REQUEST}/properties/rank_fields/items/maxLength": 9}, "request /rank_fields/* maxLength", True, False),
    ({f"{REQUEST}/properties/rank_fields/uniqueItems": True}, "request /rank_fields uniqueItems", True, False),
    ({f"{REQUEST}/properties/documents/oneOf/0/minItems": 1}, "request /documents[oneOf/0] minItems", True, True),
    ({f"{REQUEST}/properties/documents/oneOf/-": {"type": "array"}}, "request /documents[oneOf/2]", True, True),
    ({f"{REQUEST}/properties/documents/oneOf/-": {"type": "string"}}, "request /documents[oneOf/2]", True, True),
    ({f"{REQUEST}/properties/model/anyOf/-": {"type": "integer"}}, "request /model[anyOf/2]", False, True),
    ({f"{REQUEST}/properties/model/anyOf/0/enum": ["another"]}, "request /model anyOf", False, False),
    ({f"{REQUEST}/properties/query/nullable": True}, "request /query nullable", False, False),
    ({f"{REQUEST}/properties/query/description": "?"}, "request /query description", False, False),
    ({f"{REQUEST}/properties/top_n/default": 3}, "request /top_n default", True, True),
    ({f"{REQUEST}/properties/return_documents/default": True}, "request /return_documents default", True, True),
    (
        {f"{REQUEST}/properties/documents/oneOf/1/items/default": {}},
        "request /documents[oneOf/1]/* default",
        True,
        True,
    ),
    ({f"{RESPONSE}/properties/id/default": "a"}, "200 /id default", False, False),
    ({f"{REQUEST}/properties/top_n/example": 3}, "request /top_n example", False, False),
    ({f"{REQUEST}/properties/top_n/deprecated": True}, "request /top_n deprecated", False, False),
    ({f"{POST}/requestBody/required": True}, "request body required", True, False),
    ({f"{POST}/requestBody/description": "?"}, "request body description", False, False),
    ({f"{POST}/requestBody/content/text~plain": {}}, "request text/plain", False, True),
    (
        {f"{POST}/parameters": [{"in": "query", "name": "v", "schema": {"type": "integer"}}]},
        "request query /v",
        False,
        True,
    ),
    (
        {f"{POST}/parameters": [{"in": "query", "name": "v", "required": True}]},
        "request query /v required",
        True,
        False,
    ),
    # The responses: wider is breaking.
    ({f"{RESPONSE}/properties/id/minLength": 1}, "200 /id minLength", False, True),
    ({f"{RESPONSE}/properties/id/type": ["string", "null"]}, "200 /id type", True, False),
    ({f"{RESPONSE}/properties/id/format": "uuid"}, "200 /id format", True, True),
    ({f"{RESPONSE}/properties/object/enum": ["rerank", "list"]}, "200 /object enum", True, False),
    ({f"{RESPONSE}/properties/seed": {"type": "integer"}}, "200 /seed", False, True),
    ({f"{RESPONSE}/required": ["object", "results"]}, "200 /model required", True, False),
    ({f"{RESPONSE}/properties/results/items/properties/index/minimum": 0}, "200 /results/*/index minimum", False, True),
    ({f"{RESPONSE}/properties/object/example": "?"}, "200 /object example", False, False),
    (
        {f"{SCHEMAS}/ErrorData/properties/error/properties/code/type": ["string", "null"]},
        "400 401 404 429 503 504 /error/code type",
        True,
        False,
    ),
    ({f"{POST}/responses/402": {"description": "Pay"}}, "402", False, False),
    ({f"{POST}/responses/default": {"description": "Else"}}, "default", False, False),
    ({f"{POST}/responses/x-note": "?"}, "operation responses x-note", False, False),
    ({f"{POST}/responses/x-note": {"content": None}}, "operation responses x-note", False, False),
    ({f"{POST}/responses/504": GONE}, "504", False, False),
    ({f"{POST}/responses/200": GONE}, "200", True, True),
    ({f"{POST}/responses/202": {"description": "Later"}}, "202", True, True),
    ({f"{POST}/responses/200/description": "Fine"}, "200 description", False, False),
    ({f"{POST}/responses/200/content/text~plain": {}}, "200 text/plain", False, True),
    (
        {f"{POST}/responses/429/headers": {"Retry-After": {"required": True, "schema": {"type": "integer"}}}},
        "429 header /retry-after required",
        False,
        True,
    ),
    # Where it is called, and by whom.
    ({"servers": [{"url": "https://b.example/v1"}]}, "servers", False, False),
    ({"servers": [{"url": "https://api.together.xyz/v2"}]}, "servers", True, True),
    ({"security": []}, "security", False, True),
    ({"security": [{"bearerAuth": []}, {}]}, "security", False, True),
    ({"security": [{"bearerAuth": ["rerank"]}]}, "security", True, False),
    (
        {"components/securitySchemes/bearerAuth": {"type": "apiKey", "in": "header", "name": "K"}},
        "security",
        True,
        True,
    ),
    ({"components/securitySchemes/bearerAuth/bearerFormat": "JWT"}, "security bearerAuth bearerFormat", False, False),
    ({f"{POST}/summary": "?"}, "operation summary", False, False),
    ({f"{POST}/tags": ["?"]}, "operation tags", False, False),
    ({f"{POST}/deprecated": True}, "operation deprecated", False, False),
    ({f"{POST}/callbacks": {"a": {}}}, "operation callbacks", True, True),
]


@pytest.mark.parametrize(("changes", "place", "is_breaking", "breaks_backwards"), CHANGES)
def test_a_change_is_told_with_its_place_and_its_verdict(changes, place, is_breaking, breaks_backwards):
    older, newer = load("vendored"), revised(**changes)

    assert verdicts(older, newer)[place] is is_breaking
    assert verdicts(newer, older)[place] is breaks_backwards
    assert any(verdicts(older, newer).values()) is is_breaking


def test_a_document_does_not_differ_from_itself():
    assert differences(load("vendored"), revised(), read_overlay()) == []


def test_a_new_field_may_have_a_default():
    newer = revised(**{f"{REQUEST}/properties/seed": {"type": "integer", "default": 1}})

    assert verdicts(load("vendored"), newer) == {"request /seed": False}


@pytest.mark.parametrize(
    ("old", "new", "breaking"),
    [
        ({"type": "integer"}, {"anyOf": [{"type": "integer"}, {"type": "null"}]}, []),
        ({"type": "integer", "default": 3}, {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": 3}, []),
        (
            {"type": "integer", "default": 3},
            {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": 4},
            ["request /top_n default"],
        ),
        (
            {"type": "integer"},
            {"anyOf": [{"type": "integer", "default": 4}, {"type": "null"}]},
            ["request /top_n[anyOf/0] default"],
        ),
        (
            {"properties": {"a": {"default": 3}}, "type": "object"},
            {"anyOf": [{"properties": {"a": {"default": 4}}, "type": "object"}, {"type": "null"}]},
            ["request /top_n[anyOf/0]/a default"],
        ),
    ],
)
def test_a_default_is_compared_with_that_of_a_choice(old, new, breaking):
    older, newer = (revised(**{f"{REQUEST}/properties/top_n": schema}) for schema in (old, new))

    assert [each.place for each in differences(older, newer) if each.is_breaking] == breaking
    assert [
        each.place for each in differences(newer, older) if "default" in each.place and each.is_breaking
    ] == breaking


def test_a_new_field_that_must_be_there_breaks_and_one_that_may_does_not():
    newer = revised(**{f"{REQUEST}/properties/seed": {"type": "integer"}, f"{REQUEST}/required/-": "seed"})

    assert verdicts(load("vendored"), newer) == {"request /seed": False, "request /seed required": True}


def test_a_difference_says_what_was_what_is_and_why():
    (one,) = differences(load("vendored"), revised(**{f"{REQUEST}/properties/top_n/minimum": 1}))

    assert (one.place, one.was, one.now, one.is_breaking) == ("request /top_n minimum", None, "1", True)
    assert one.why == "what was accepted may be refused now"


def test_what_breaks_comes_first():
    changes = {"servers": [{"url": "https://b.example/v1"}], f"{REQUEST}/properties/query/minLength": 1}

    assert [each.is_breaking for each in differences(load("vendored"), revised(**changes))] == [True, False]


@pytest.mark.parametrize(
    ("base", "moved"), [("https://api.together.xyz", False), ("https://api.together.xyz/v1", True)]
)
def test_a_path_is_the_same_when_its_base_path_makes_it_so(base, moved):
    content = copy.deepcopy(load("vendored").content)
    content["paths"] = {"/v1/rerank": content["paths"]["/rerank"]}
    content["servers"] = [{"url": base}]

    found = verdicts(load("vendored"), Document("newer", content))

    assert found["path"] is moved
    assert any(found.values()) is moved


def upstream():
    """What is known of Together's own document since the vendored one was written."""
    return {
        f"{RESPONSE}/properties/object": {"const": "rerank"},
        f"{POST}/description": "Rerank a list of documents by relevance to a query.",
        "servers": [{"url": "https://api.together.ai/v1"}, {"url": "https://api-inference.together.ai/v2"}],
    }


def test_what_is_known_of_upstream_breaks_nobody():
    found = differences(load("vendored"), revised(**upstream()), read_overlay())

    assert [(each.place, each.now) for each in found if each.place in {"servers", "200 /object"}] == [
        ("servers", "https://api.together.ai/v1"),
        ("servers", "https://api-inference.together.ai/v2"),
        ("200 /object", "const: rerank"),
    ]
    assert {each.place for each in found} == {
        *("servers", "operation description", "200 /object", "200 /object description", "200 /object example")
    }
    assert not any(each.is_breaking for each in found)


def test_of_a_whole_api_only_the_operation_counts(tmp_path):
    content = copy.deepcopy(revised(**upstream()).content)
    for number in range(300):
        content["paths"][f"/other{number}"] = {
            "post": {"operationId": f"other{number}", "requestBody": {"$ref": "other.yaml"}, "responses": {}}
        }
        content["components"]["schemas"][f"Other{number}"] = {"$ref": f"#/components/schemas/Other{number}"}
    path = tmp_path / "openapi.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=True))

    found = differences(load("vendored"), read(path), read_overlay())

    assert len(found) == 6
    assert not any(each.is_breaking for each in found)


def test_corrections_that_no_longer_apply_are_named_each():
    top_n = f"{REQUEST}/properties/top_n"
    document = f"{RESPONSE}/properties/results/items/properties/document/properties"
    newer = revised(**{f"{top_n}/minimum": 1, f"{document}/text": GONE, f"{document}/passage": {"type": "string"}})

    stale = [each for each in differences(load("vendored"), newer, read_overlay()) if each.place.startswith("overlay")]

    assert [(each.place, each.was, each.is_breaking) for each in stale] == [
        ("overlay action 5", '{"type": ["string", "null"]}', True),
        ("overlay action 4", '{"minimum": 1}', False),
    ]
    assert "properties.text: the document has no such place ('text' is missing)" in stale[0].why
    assert "properties.top_n: the document says so itself now" in stale[1].why


def test_what_is_no_overlay_is_refused():
    with pytest.raises(OverlayError, match="has no actions"):
        differences(load("vendored"), load("vendored"), {"overlay": "1.0.0"})


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({f"{RESPONSE}/properties/usage": {"$ref": "#/nowhere"}}, "'/nowhere' does not exist"),
        ({f"{RESPONSE}/properties/usage": {"$ref": "other.yaml"}}, "leads out of the document"),
        ({f"{SCHEMAS}/UsageData": {"$ref": "#/components/schemas/UsageData"}}, "lead in a circle"),
        ({f"{RESPONSE}/properties": ["id"]}, "malformed"),
        ({f"{RESPONSE}/required": [{}]}, "malformed"),
        ({f"{POST}/responses/200/content/application~json": None}, "newer: not the shape of an OpenAPI document"),
        ({f"{POST}/responses/200/content": ["json"]}, "newer: not the shape of an OpenAPI document"),
        ({f"{POST}/responses/default": None}, "not the shape of an OpenAPI document"),
        ({f"{POST}/parameters": ["v"]}, "not the shape of an OpenAPI document"),
        ({f"{POST}/security": "bearer"}, "not the shape of an OpenAPI document"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(changes, because):
    with pytest.raises(DocumentError, match=because) as caught:
        differences(load("vendored"), revised(**changes))

    assert str(caught.value).startswith("newer")
    assert "\n" not in str(caught.value)
