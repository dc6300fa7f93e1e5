"""Limits of a request: how many documents, how long they may be, and how many tokens."""

import pytest

from endpoint_calls import KEY, body, endpoint_of, send
from together_rerank_mockserver import create_app
from together_rerank_mockserver.settings import Settings, SettingsError
from together_rerank_spec import Validator, load

FITS = body(query="llama", documents=["a panda", "a llama"])  # 2 documents, 7 characters, 8 tokens
LIMITS = {
    "max_documents": (2, "The request has 2 documents; the maximum is 1"),
    "max_document_chars": (7, "A document has 7 characters; the maximum is 6"),
    "max_tokens": (8, "The request has 8 tokens, and the maximum of m is 7"),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_request_above_a_limit_gets_400_in_the_form_of_the_api(name):
    most, message = LIMITS[name]

    assert send(FITS, endpoint_of(load(), Settings(**{name: most})))[0].status == 200
    reply, answer = send(FITS, endpoint_of(load(), Settings(**{name: most - 1})))

    assert (reply.status, reply.headers["x-mock-reply"]) == (400, "limit")
    assert answer["error"]["message"] == message
    assert Validator(load().response_schema(400)).violations(answer) == []


def test_the_number_of_tokens_is_the_one_in_usage():
    assert send(FITS)[1]["usage"]["total_tokens"] == LIMITS["max_tokens"][0]


@pytest.mark.parametrize("status", [413, 422, 500])
def test_the_status_can_be_chosen(status):
    reply, _ = send(FITS, endpoint_of(load(), Settings(max_documents=1, limit_status=status)))

    assert reply.status == status


def test_only_the_first_limit_is_reported_and_the_limits_apply_after_validation():
    mock = endpoint_of(load(), Settings(max_documents=1, max_tokens=1))

    assert "2 documents" in send(FITS, mock)[1]["error"]["message"]
    assert send(body(documents=["a", "b"], top_n="x"), mock)[0].headers["x-mock-reply"] == "refused"


@pytest.mark.parametrize("preference", ["code=200", "fault=ok"])
def test_ok_switches_off_faults_only(preference):
    mock = endpoint_of(
        load(), Settings(max_documents=1, fault="503", api_keys=["key"], models=["m"], rate_limit="4/hour")
    )
    headers = {**KEY, "Prefer": preference}

    one = body(documents=["a"])
    assert send(one, mock, headers)[0].status == 200
    assert send(FITS, mock, headers)[0].status == 400
    assert send(body(documents=[]), mock, headers)[0].status == 400
    assert send({**one, "model": "other"}, mock, headers)[0].status == 404
    assert send(one, mock, {**headers, "Authorization": "Bearer other"})[0].status == 401
    assert send(one, mock, headers)[0].status == 429


@pytest.mark.parametrize(
    ("path", "sent", "setting", "status", "message"),
    [
        (
            "/tei/rerank",
            {"query": "q", "texts": ["a", "b", "c"]},
            "max_documents",
            413,
            "batch size 3 > maximum allowed batch size 2",
        ),
        (
            "/voyage/v1/rerank",
            {"model": "rerank-2.5", "query": "q", "documents": ["a", "b", "c"]},
            "max_tokens",
            400,
            "The max allowed tokens per submitted batch is 2. Your batch has 6 tokens after truncation.",
        ),
        (
            "/jina/v1/rerank",
            {"model": "m", "query": "q", "documents": ["a", "b", "c"]},
            "max_documents",
            422,
            "The request has 3 documents; the maximum is 2",
        ),
    ],
)
def test_other_apis_have_their_own_status_and_words(path, sent, setting, status, message):
    headers = {"Authorization": "Bearer key"}

    answer = create_app(Settings(**{setting: 2})).test_client().post(path, json=sent, headers=headers)
    chosen = create_app(Settings(**{setting: 2}, limit_status=418)).test_client().post(path, json=sent, headers=headers)

    assert answer.status_code == status
    assert message in answer.get_data(as_text=True)
    assert chosen.status_code == 418


def test_a_limit_of_the_document_has_the_words_of_the_api_too():
    sent = {"query": "q", "texts": ["a"] * 33}

    answer = create_app().test_client().post("/tei/rerank", json=sent, headers={"Authorization": "Bearer key"})

    assert (answer.status_code, answer.json["error"]) == (413, "batch size 33 > maximum allowed batch size 32")


def test_a_status_without_a_limit_is_an_error():
    with pytest.raises(SettingsError, match="`limit_status` needs `max_documents`, `max_document_chars` or"):
        Settings(limit_status=413)
