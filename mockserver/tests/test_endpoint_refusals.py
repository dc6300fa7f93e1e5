"""Requests that the endpoint rejects: which error comes first, and its message."""

import json
import sys

import pytest
from hypothesis import given, settings

from endpoint_calls import KEY, body, endpoint_of, send
from together_rerank_fixtures.strategies import invalid_requests, rules
from together_rerank_mockserver.settings import Settings
from together_rerank_spec import Validator, load

ERROR = Validator(load().response_schema(400))


@pytest.mark.parametrize("place", ["query", "model", "top_n", "documents", "return_documents"])
def test_a_huge_integer_is_validated_as_an_integer(place):
    raw = json.dumps(body(**{place: 0}))
    reply, answer = send(raw.replace(f'"{place}": 0', f'"{place}": {"9" * 5_000}').encode())

    assert reply.status == (200 if place == "top_n" else 400)
    assert place == "top_n" or answer["error"]["param"] == f"/{place}"


@pytest.mark.parametrize("header", ["Bearer a" + " " * 200_000 + "b", "Bearer" + " " * 200_000, " " * 200_000])
def test_a_long_authorization_header_takes_few_calls(header):
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
def test_a_key_is_required(header, code):
    endpoint = endpoint_of(
        load(),
        Settings(
            api_keys=(
                "one",
                "two",
                "My API Key",
            )
        ),
    )
    headers = {"Content-Type": "application/json", **({} if header is None else {"Authorization": header})}

    reply, answer = send(body(), endpoint, headers)

    assert reply.status == (401 if code else 200)
    assert answer.get("error", {}).get("code") == code
    assert reply.headers.get("WWW-Authenticate") == ("Bearer" if code else None)


def test_the_401_shows_the_header_to_send():
    assert "Authorization: Bearer YOUR_KEY" in send(body(), headers={})[1]["error"]["message"]


def test_every_key_is_compared_even_after_a_match(monkeypatch):
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda one, other: compared.append(other) or one == other)

    send(
        body(),
        endpoint_of(
            load(),
            Settings(
                api_keys=(
                    "key",
                    "two",
                    "three",
                )
            ),
        ),
    )

    assert compared == [b"key", b"two", b"three"]


@pytest.mark.parametrize(("model", "status"), [("", 404), ("other", 404), ("known", 200)])
def test_only_the_models_listed_are_served(model, status):
    reply, answer = send(body(model=model), endpoint_of(load(), Settings(models=("known",))))

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
    assert send(sent, endpoint_of(load(), Settings(max_body=1_000)), headers)[0].status == status


@pytest.mark.parametrize("sent", [b"", b"{", body(topN=1), body(documents=[]), body(model=""), [], 1, None])
def test_every_refusal_is_error_data_without_nulls(sent):
    reply, answer = send(sent)

    assert 400 <= reply.status < 500
    assert ERROR.violations(answer) == []
    assert None not in answer["error"].values()
    assert reply.headers["x-mock-reply"] == "refused"


@pytest.mark.parametrize("rule", rules(), ids=str)
def test_a_request_that_breaks_a_rule_is_rejected_with_the_invalid_field(rule):
    @settings(max_examples=20)
    @given(invalid_requests(rule))
    def refused(invalid):
        reply, answer = send(invalid.body)
        assert (reply.status, answer["error"]["param"]) == (400, invalid.place)

    refused()


def test_the_param_is_a_json_pointer():
    _, answer = send(body(topN=1))

    assert answer["error"]["param"] == "/topN"
    assert "did you mean `top_n`?" in answer["error"]["message"]
