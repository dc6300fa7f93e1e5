"""Calls of the operation do not go through Flask, and nobody can tell but by the time it takes."""

import json

import pytest
from flask import signals

from together_rerank_mockserver.app import create_app
from together_rerank_mockserver.settings import Settings

BODY = {"model": "m", "query": "llama", "documents": ["panda", "llama"]}
KEY = {"Authorization": "Bearer key"}
REQUESTS = [
    {"json": BODY},
    {"json": BODY, "headers": {"Authorization": "nothing"}},
    {"json": {"query": "llama"}},
    {"data": b"{", "content_type": "application/json"},
    {"data": b"{}", "content_type": "text/plain"},
    {"data": b"", "headers": KEY},
    {"json": BODY, "headers": {**KEY, "Prefer": "code=429, retry_after=2"}},
    {"json": BODY, "headers": {**KEY, "Prefer": "code=529"}},
    {"json": BODY, "headers": {**KEY, "Prefer": "fault=html"}},
    {"json": BODY, "headers": {**KEY, "Prefer": "fault=unsorted"}},
    {"json": BODY, "headers": {**KEY, "Prefer": "fault=drip, pause=0"}},
    {"json": BODY, "headers": {**KEY, "Prefer": "fault=truncate"}},
    {"json": BODY, "headers": {**KEY, "Prefer": "fault=hang"}},
    {"json": BODY, "headers": {**KEY, "Prefer": "fault=no-such"}},
    {"json": BODY | {"model": "mock/503"}, "headers": KEY},
]


def without_shortcut():
    app = create_app()
    app.before_request(lambda: None)  # which all calls must pass
    return app


def ask(app, **request):
    response = app.test_client().post("/v1/rerank", **{"headers": KEY, **request})
    return response.status, [*response.headers], response.data


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: str(each)[:60])
def test_the_answer_is_the_same_byte_for_byte(request_):
    assert ask(create_app(), **request_) == ask(without_shortcut(), **request_)


def test_flask_is_not_asked(monkeypatch):
    app = create_app()
    monkeypatch.setattr(app, "full_dispatch_request", lambda: pytest.fail("through Flask"))

    assert ask(app, json=BODY)[0] == "200 OK"
    with pytest.raises(pytest.fail.Exception):
        app.test_client().get("/health")


@pytest.mark.parametrize(
    "hook", ["before_request", "after_request", "teardown_request", "teardown_appcontext", "url_value_preprocessor"]
)
def test_a_hook_of_whoever_embeds_the_app_sees_every_call(hook):
    app = create_app()
    seen = []

    def note(*given):
        seen.append(hook)
        return given[0] if hook == "after_request" else None

    getattr(app, hook)(note)

    assert ask(app, json=BODY)[0] == "200 OK"
    assert seen == [hook]


@pytest.mark.parametrize("name", ["request_started", "request_finished", "request_tearing_down", "appcontext_pushed"])
def test_who_listens_to_a_signal_hears_of_every_call(name):
    app = create_app()
    heard = []

    def listen(sender, **_):
        heard.append(sender)

    with getattr(signals, name).connected_to(listen):
        assert ask(app, json=BODY)[0] == "200 OK"

    assert heard == [app]


def test_a_bug_in_the_endpoint_is_an_answer_all_the_same(monkeypatch, caplog):
    monkeypatch.setattr("together_rerank_mockserver.endpoint.rank", lambda *_: 1 / 0)
    app = create_app()

    status, _, content = ask(app, json=BODY)

    assert status == "500 INTERNAL SERVER ERROR"
    assert "ZeroDivisionError" in json.loads(content)["error"]["message"]
    assert "a bug in the mock" in caplog.text


def test_pages_of_other_origins_are_let_in_through_flask():
    app = create_app(Settings(cors=("http://localhost:3000",)))

    _, headers, _ = ask(app, json=BODY, headers={**KEY, "Origin": "http://localhost:3000"})

    assert ("Access-Control-Allow-Origin", "http://localhost:3000") in headers
