"""A page of another origin can read answers only if its origin is allowed."""

from functools import partial

import pytest
from werkzeug.test import Client

from together_rerank_mockserver.http.flask_app import create_app
from together_rerank_mockserver.http.wsgi import Mock
from together_rerank_mockserver.http.wsgi_app import WsgiApp
from together_rerank_mockserver.settings import Settings

ORIGIN = "http://app.example"
BODY = {"model": "m", "query": "llama", "documents": ["panda", "llama"]}
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


@pytest.fixture(params=["create_app", "serve"])
def client(request):
    """Return a function that creates a client for the Flask application, or for the application of `serve`."""

    def make(*origins):
        settings = Settings(cors=origins)
        application = create_app(settings) if request.param == "create_app" else WsgiApp(Mock(settings))
        return partial(Client(application).open, environ_overrides={"REMOTE_ADDR": "127.0.0.1"})

    return make


@pytest.mark.parametrize("path", ["/v1/rerank", "/__admin/faults"])
def test_a_preflight_of_an_allowed_origin_is_answered(client, path):
    answer = client(ORIGIN)(path, method="OPTIONS", headers=PREFLIGHT)

    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization,content-type"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("origins", [(), ("http://other.example",), (f"{ORIGIN}:81",)])
def test_other_origins_get_no_cors_headers(client, origins):
    preflight = client(*origins)("/v1/rerank", method="OPTIONS", headers=PREFLIGHT)
    answer = client(*origins)(
        "/v1/rerank", method="POST", json=BODY, headers={"Origin": ORIGIN, "Authorization": "Bearer k"}
    )

    assert preflight.status_code == 405
    assert answer.status_code == 200
    for each in (preflight, answer):
        assert not [name for name, _ in each.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("key", [{}, {"Authorization": "Bearer k"}])
def test_an_allowed_origin_can_read_answers_errors_and_their_headers(client, key):
    answer = client(ORIGIN)("/v1/rerank", method="POST", json=BODY, headers={"Origin": ORIGIN} | key)

    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    forced = client()(
        "/v1/rerank",
        method="POST",
        json=BODY,
        headers={"Authorization": "Bearer k", "Prefer": "code=429, retry_after_ms=9"},
    )
    assert set(dict(forced.headers)) - {"Content-Type", "Content-Length"} <= exposed
    assert "Origin" in answer.headers["Vary"]
