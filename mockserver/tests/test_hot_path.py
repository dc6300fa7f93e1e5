"""The maximum cost of one call, in operations, because these do not differ between machines as seconds do."""

import io
import json
import re
import sys

import pytest
import yaml

from together_rerank_mockserver import endpoint as endpoint_module
from together_rerank_mockserver.faults.grammar import from_json
from together_rerank_mockserver.http.wsgi import Mock
from together_rerank_mockserver.http.wsgi_app import WsgiApp
from together_rerank_mockserver.settings import Settings
from together_rerank_spec import Validator, load

EXAMPLE = load().example({"$ref": "#/components/schemas/RerankRequest"})
# Calls of Python and C functions to answer the document's example; Flask takes 300 only to call a view.
MAX_CALLS = 535
# And for each additional document, of a dozen words.
MAX_CALLS_PER_DOCUMENT = 45


def environ(request, **headers):
    body = json.dumps(request).encode()
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/v1/rerank",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": "127.0.0.1:4010",
        "HTTP_AUTHORIZATION": "Bearer some-key",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        **headers,
    }


def answer(app, request, **headers):
    """Return the status, and the pieces of the body that the server gets."""
    statuses = []
    pieces = app(environ(request, **headers), lambda status, *_: statuses.append(status))
    return statuses[0], pieces


def operations(app, request, **headers):
    """Return how many Python and C functions are called for *request* when it is sent a second time."""
    answer(app, request, **headers)
    prepared = environ(request, **headers)
    counted = []

    def count(frame, event, argument):
        if event in ("call", "c_call"):
            counted.append(event)

    sys.setprofile(count)
    try:
        app(prepared, lambda *_: None)
    finally:
        sys.setprofile(None)
    return len(counted)


def documents(number):
    return [f"Document {each} is about llamas and pandas in China and Peru" for each in range(number)]


@pytest.fixture
def app():
    return WsgiApp(Mock())


def test_the_operations_of_an_answer_are_limited(app):
    assert answer(app, EXAMPLE)[0] == "200 OK"

    assert operations(app, EXAMPLE) <= MAX_CALLS


@pytest.mark.parametrize("query", ["What animals live near Peru?", "llama " * 200])
def test_operations_grow_linearly_with_the_documents(app, query):
    counts = [
        operations(app, {"model": "m", "query": query, "documents": documents(number)}) for number in (10, 100, 1000)
    ]

    assert counts[1] - counts[0] <= MAX_CALLS_PER_DOCUMENT * 90
    # Ten times as many documents; 12 and not 10, because more text can be searched in another way.
    assert counts[2] - counts[1] <= 12 * (counts[1] - counts[0])


@pytest.mark.parametrize("source", ["header", "model", "queue"])
def test_a_fault_takes_no_more_operations_than_an_answer(app, source):
    request, headers = EXAMPLE, {}
    if source == "header":
        headers = {"HTTP_PREFER": "code=429"}
    elif source == "model":
        request = {**EXAMPLE, "model": "mock/429"}
    else:
        endpoint = app.mock.endpoint
        endpoint.registry.open("default").enqueue(
            [each.queued for each in from_json({"fault": "429", "times": 10}, endpoint.catalogue)]
        )
    assert answer(app, request, **headers)[0] == "429 TOO MANY REQUESTS"

    assert operations(app, request, **headers) <= operations(WsgiApp(Mock()), EXAMPLE)


def test_a_call_parses_and_compiles_nothing_that_the_start_can(app):
    called = []

    def watch(patch, owner, name):
        function = getattr(owner, name)
        patch.setattr(
            owner, name, lambda *arguments, **options: (called.append(name), function(*arguments, **options))[1]
        )

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in ((yaml, "load"), (re, "compile"), (json, "loads"), (Validator, "__init__")):
            watch(patch, owner, name)
        status, _ = answer(app, EXAMPLE)

    assert (status, called) == ("200 OK", [])


def test_no_lock_is_held_while_documents_are_scored(monkeypatch):
    app = WsgiApp(Mock(Settings(rate_limit="1000/second", max_in_flight=5)))
    registry = app.mock.endpoint.registry
    held = []
    rank = endpoint_module.rank

    def spy(*arguments):
        held.append(registry._lock.locked())
        return rank(*arguments)

    monkeypatch.setattr(endpoint_module, "rank", spy)

    assert answer(app, EXAMPLE)[0] == "200 OK"
    assert held == [False]


def test_the_response_body_is_one_piece(app):
    _, pieces = answer(app, EXAMPLE)

    assert type(pieces) is list
    assert [len(json.loads(piece)["results"]) for piece in pieces] == [2]
