"""Pages of other origins read answers only when their origin was let in."""

import pytest

from together_rerank_mockserver.app import create_app
from together_rerank_mockserver.settings import Settings

ORIGIN = "http://app.example"
BODY = {"model": "m", "query": "llama", "documents": ["panda", "llama"]}
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


def client(*origins):
    return create_app(Settings(cors=origins)).test_client()


@pytest.mark.parametrize("path", ["/v1/rerank", "/__admin/faults"])
def test_a_preflight_of_an_origin_that_is_let_in_is_answered(path):
    answer = client(ORIGIN).options(path, headers=PREFLIGHT)

    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization,content-type"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("origins", [(), ("http://other.example",), (f"{ORIGIN}:81",)])
def test_others_learn_nothing(origins):
    preflight = client(*origins).options("/v1/rerank", headers=PREFLIGHT)
    answer = client(*origins).post("/v1/rerank", json=BODY, headers={"Origin": ORIGIN, "Authorization": "Bearer k"})

    assert preflight.status_code == 405
    assert answer.status_code == 200
    for each in (preflight, answer):
        assert not [name for name, _ in each.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("key", [{}, {"Authorization": "Bearer k"}])
def test_answers_and_refusals_can_be_read_with_the_headers_that_clients_act_on(key):
    answer = client(ORIGIN).post("/v1/rerank", json=BODY, headers={"Origin": ORIGIN} | key)

    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    forced = client().post(
        "/v1/rerank", json=BODY, headers={"Authorization": "Bearer k", "Prefer": "code=429, retry_after_ms=9"}
    )
    assert set(dict(forced.headers)) - {"Content-Type", "Content-Length"} <= exposed
    assert "Origin" in answer.headers["Vary"]
