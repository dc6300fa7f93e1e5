"""Routes, methods and errors, tested with the client of Flask."""

import json
import logging

import pytest

from together_rerank_mockserver.http.flask_app import create_app
from together_rerank_mockserver.settings import Settings
from together_rerank_spec import Validator, load

ERROR = Validator(load().response_schema(400))
CLIENT = create_app().test_client()
BODY = {"model": "m", "query": "llama", "documents": ["panda", "llama"]}
KEY = {"Authorization": "Bearer key"}


@pytest.mark.parametrize("path", ["/v1/rerank", "/rerank", "/rerank?a=b"])
def test_the_operation_answers_below_the_base_path_and_at_the_root(path):
    response = CLIENT.post(path, json=BODY, headers=KEY)

    assert response.status_code == 200
    assert [result["index"] for result in response.json["results"]] == [1, 0]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("POST", "/v2/rerank", 404),
        ("POST", "/v1/v1/rerank", 404),
        ("GET", "/v1/v1/rerank", 404),
        ("POST", "/v1/rerank/", 404),
        ("POST", "/v1//rerank", 404),
        ("POST", "/static/x", 404),
        ("POST", "/%00%ff", 404),
        ("GET", "/v1/rerank", 405),
        ("PUT", "/v1/rerank", 405),
        ("OPTIONS", "/rerank", 405),
        ("QUERY", "/rerank", 405),
        ("TRACE", "/rerank", 405),
        ("POST", "/health", 405),
        ("OPTIONS", "/health", 405),
        ("POST", "/rerank", 401),
    ],
)
def test_every_error_is_error_data_for_any_path_and_method(method, path, status):
    response = CLIENT.open(path, method=method)

    assert response.status_code == status
    assert response.content_type == "application/json"
    assert ERROR.violations(response.json) == []
    assert ("Allow" in response.headers) is (status == 405)
    assert response.headers["x-mock-reply"] == "refused"
    assert response.headers["x-request-id"]


def test_a_405_names_the_allowed_methods():
    assert CLIENT.get("/rerank").headers["Allow"] == "POST"


def test_a_doubled_base_path_is_explained():
    message = CLIENT.post("/v1/v1/rerank").json["error"]["message"]

    assert "remove /v1 from its base URL" in message


def test_a_404_names_the_served_paths():
    assert "POST /v1/rerank and POST /rerank" in CLIENT.post("/v2/rerank").json["error"]["message"]


def test_health_returns_the_version():
    response = CLIENT.get("/health")

    assert response.status_code == 200
    assert response.json["status"] == "ok"
    assert response.json["version"].count(".") == 2


def test_an_unexpected_exception_returns_error_data_and_is_logged(monkeypatch, caplog):
    monkeypatch.setattr("together_rerank_mockserver.endpoint.rank", lambda *_: 1 / 0)

    with caplog.at_level(logging.ERROR):
        response = CLIENT.post("/rerank", json=BODY, headers=KEY)

    assert response.status_code == 500
    assert ERROR.violations(response.json) == []
    assert "ZeroDivisionError" in caplog.text


def test_routes_come_from_the_document(tmp_path):
    content = json.loads(json.dumps(load().content))
    content["servers"] = [{"url": "https://rerank.example/api/v3"}]
    content["paths"] = {"/rank": content["paths"]["/rerank"]}
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(content))
    client = create_app(Settings(spec=path)).test_client()

    assert client.post("/api/v3/rank", json=BODY, headers=KEY).status_code == 200
    assert client.post("/rank", json=BODY, headers=KEY).status_code == 200
    assert client.post("/v1/rerank", json=BODY, headers=KEY).status_code == 404
    assert "remove /api/v3 from" in client.post("/api/v3/api/v3/rank").json["error"]["message"]


def test_a_path_that_ends_in_a_slash_is_served_without_a_redirect(tmp_path):
    content = json.loads(json.dumps(load().content))
    content["paths"] = {"/rank/": content["paths"]["/rerank"]}
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(content))
    client = create_app(Settings(spec=path)).test_client()

    assert client.post("/v1/rank/", json=BODY, headers=KEY).status_code == 200
    assert client.post("/v1/rank", json=BODY, headers=KEY).status_code == 200


def test_a_document_without_security_requires_no_key(tmp_path):
    content = json.loads(json.dumps(load().content))
    del content["security"]
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(content))

    assert create_app(Settings(spec=path)).test_client().post("/rerank", json=BODY).status_code == 200


def test_the_vendored_reading_accepts_what_the_corrected_one_rejects():
    client = create_app(Settings(reading="vendored")).test_client()

    assert client.post("/rerank", json={**BODY, "top_n": 0}, headers=KEY).status_code == 200
    assert CLIENT.post("/rerank", json={**BODY, "top_n": 0}, headers=KEY).status_code == 400


def test_the_repr_of_settings_contains_no_key():
    assert "secret" not in repr(Settings(api_keys=("secret",)))
