"""The path of one request, without a server around it."""

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from together_rerank_fixtures.strategies import requests
from together_rerank_mockserver.endpoint import Call, Endpoint
from together_rerank_mockserver.ranking import rank
from together_rerank_spec import Document, DocumentError, Validator, load

KEY = {"Authorization": "Bearer key", "Content-Type": "application/json"}
ERROR = Validator(load().response_schema(400))
ENDPOINT = Endpoint(load())


def send(body, endpoint=ENDPOINT, headers=KEY):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = endpoint.answer(Call(headers, lambda size: content[:size]))
    return reply, json.loads(reply.body)


def body(**changes):
    return {"model": "m", "query": "llama", "documents": ["panda", "llama"], **changes}


def texts(answer):
    return [result["document"].get("text") for result in answer["results"]]


@settings(max_examples=200)
@given(requests())
def test_every_valid_request_is_answered_as_the_document_promises(request):
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


@given(requests(), st.integers(1, 5))
def test_top_n_takes_the_first_of_the_whole_ranking(request, top_n):
    _, whole = send({**request, "top_n": len(request["documents"])})
    _, some = send({**request, "top_n": top_n})

    assert some["results"] == whole["results"][:top_n]
    assert some["usage"] == whole["usage"]


@given(requests())
def test_whether_documents_are_returned_changes_nothing_else(request):
    _, given_back = send({**request, "return_documents": True})
    _, kept = send({**request, "return_documents": False})

    assert [(r["index"], r["relevance_score"]) for r in given_back["results"]] == [
        (r["index"], r["relevance_score"]) for r in kept["results"]
    ]
    assert given_back["usage"] == kept["usage"]


def test_usage_grows_with_the_text_and_adds_up():
    usages = [send(body(documents=["llama " * size, "panda"]))[1]["usage"] for size in (1, 10, 100)]

    assert [usage["prompt_tokens"] for usage in usages] == sorted({usage["prompt_tokens"] for usage in usages})
    assert all(usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] for usage in usages)


def test_an_object_comes_back_whole_and_compact():
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
def test_objects_are_ranked_by_the_fields_named(fields, first):
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


def test_a_top_n_below_one_returns_nothing_where_the_reading_allows_it():
    endpoint = Endpoint(load("vendored"))

    assert send(body(top_n=0), endpoint)[1]["results"] == []
    assert send(body(top_n=-1), endpoint)[1]["results"] == []


def test_huge_integers_come_back_unchanged():
    raw = b'{"model":"m","query":"q","documents":[{"n":123456789012345678901234567890}],"top_n":100000000000000000000}'

    assert texts(send(raw)[1]) == ['{"n":123456789012345678901234567890}']


@pytest.mark.parametrize("place", ["query", "model", "top_n", "documents", "return_documents"])
def test_a_huge_integer_anywhere_is_judged_as_an_integer(place):
    raw = json.dumps(body(**{place: 0}))
    reply, answer = send(raw.replace(f'"{place}": 0', f'"{place}": {"9" * 5_000}').encode())

    assert reply.status == (200 if place == "top_n" else 400)
    assert place == "top_n" or answer["error"]["param"] == f"/{place}"


@pytest.mark.parametrize("header", ["Bearer a" + " " * 200_000 + "b", "Bearer" + " " * 200_000, " " * 200_000])
def test_a_long_header_costs_little(header):
    calls = 0

    def count(_frame, event, _arg):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    reply, _ = send(body(), headers={**KEY, "Authorization": header})
    sys.setprofile(None)

    assert reply.status == (200 if header.endswith("b") else 401)
    assert calls < 2_000


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "missing_api_key"),
        ("", "missing_api_key"),
        ("Bearer", "missing_api_key"),
        ("Bearer ", "missing_api_key"),
        ("Basic key", "missing_api_key"),
        ("key", "missing_api_key"),
        ("Bearer\tone", "missing_api_key"),
        ("Bearer one two", "invalid_api_key"),
        ("Bearer My API Key", None),
        ("Bearer wrong", "invalid_api_key"),
        ("Bearer one ", None),
        ("bearer two", None),
    ],
)
def test_a_key_is_asked_for(header, code):
    endpoint = Endpoint(load(), api_keys=["one", "two", "My API Key"])
    headers = {"Content-Type": "application/json", **({} if header is None else {"Authorization": header})}

    reply, answer = send(body(), endpoint, headers)

    assert reply.status == (401 if code else 200)
    assert answer.get("error", {}).get("code") == code
    assert reply.headers.get("WWW-Authenticate") == ("Bearer" if code else None)


def test_the_401_shows_the_header_to_send():
    assert "Authorization: Bearer YOUR_KEY" in send(body(), headers={})[1]["error"]["message"]


def test_every_key_is_compared_whichever_is_right(monkeypatch):
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda one, other: compared.append(other) or one == other)

    send(body(), Endpoint(load(), api_keys=["key", "two", "three"]))

    assert compared == [b"key", b"two", b"three"]


@pytest.mark.parametrize(("model", "status"), [("", 404), ("other", 404), ("known", 200)])
def test_only_the_models_listed_are_served(model, status):
    reply, answer = send(body(model=model), Endpoint(load(), models=["known"]))

    assert reply.status == status
    assert answer.get("error", {}).get("code") == ("model_not_found" if status == 404 else None)


@pytest.mark.parametrize(
    ("headers", "sent", "status"),
    [
        ({}, b"x" * 2_000, 401),
        (KEY, b"x" * 2_000, 413),
        (KEY, b"{", 400),
        (KEY, body(model="", top_n="1"), 400),
        (KEY, body(model=""), 404),
    ],
)
def test_precedence_is_key_body_schema_model(headers, sent, status):
    assert send(sent, Endpoint(load(), max_body=1_000), headers)[0].status == status


@pytest.mark.parametrize("sent", [b"", b"{", body(topN=1), body(documents=[]), body(model=""), [], 1, None])
def test_every_refusal_is_error_data_without_nulls(sent):
    reply, answer = send(sent)

    assert 400 <= reply.status < 500
    assert ERROR.violations(answer) == []
    assert None not in answer["error"].values()
    assert reply.reason == answer["error"]["message"]
    assert reply.headers["x-mock-reply"] == "refused"


def test_the_param_is_a_json_pointer():
    _, answer = send(body(topN=1))

    assert answer["error"]["param"] == "/topN"
    assert "did you mean `top_n`?" in answer["error"]["message"]


def test_the_same_requests_get_the_same_bytes_in_any_process():
    program = (
        "import json; from together_rerank_mockserver.endpoint import *; from together_rerank_spec import load\n"
        "e = Endpoint(load()); h = {'Authorization': 'Bearer k', 'Content-Type': 'application/json'}\n"
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


def test_an_answer_says_who_gave_it():
    reply, answer = send(body())

    assert reply.headers["x-mock-reply"] == "scored"
    assert reply.headers["x-request-id"] == answer["id"]
    assert reply.headers["Content-Type"] == "application/json"


def test_the_answer_is_the_ranking():
    _, answer = send(body(documents=["a llama", "llama", "bear"]))

    assert [(r["index"], r["relevance_score"]) for r in answer["results"]] == [
        (ranked.index, ranked.score) for ranked in rank("llama", ["a llama", "llama", "bear"])
    ]


def changed(**places):
    content = json.loads(json.dumps(load().content))
    for dotted, value in places.items():
        *way, last = dotted.split("__")
        node = content["components"]["schemas"]
        for step in way:
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
def test_a_document_that_the_answers_break_is_refused(document, because):
    with pytest.raises(DocumentError, match=because):
        Endpoint(document)


def test_keys_that_a_document_does_not_ask_for_are_refused():
    content = json.loads(json.dumps(load().content))
    content["security"] = []

    with pytest.raises(DocumentError, match="asks for no key"):
        Endpoint(Document("other.yaml", content), api_keys=["key"])


def test_a_document_that_asks_for_less_is_served_as_far_as_it_can_be_ranked():
    endpoint = Endpoint(changed(RerankRequest={"type": "object"}))

    assert send({"model": "m", "query": "q", "documents": [1, ["a"], None]}, endpoint)[0].status == 200
    for change in ({"query": None}, {"top_n": "abc"}, {"top_n": [1]}, {"rank_fields": 5}, {"rank_fields": [[1]]}):
        reply, answer = send(body(**change), endpoint)
        assert (reply.status, answer["error"]["param"].split("/")[1]) == (400, *change)
