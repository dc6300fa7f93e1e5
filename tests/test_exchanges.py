"""The exchanges whose source is the kit are what a running mock answers, byte for byte."""

import contextlib
import http.client
import json

import pytest

import together_rerank_fixtures as fixtures
from mock_process import running, server  # noqa: F401  # a fixture

KIT = [exchange for exchange in fixtures.all() if exchange.source == {"kind": "kit"}]
FLAGS = {"api_keys": "--api-key", "models": "--model", "max_body": "--max-body"}


def flags(exchange):
    for name, value in exchange.mock.items():
        for each in value if isinstance(value, list) else [value]:
            yield from (FLAGS[name], str(each))


@pytest.fixture(scope="module")
def mocks(server):
    """One running mock for each way in which an exchange wants it started."""
    with contextlib.ExitStack() as stack:
        yield {ways: stack.enter_context(running("-q", *ways)) for ways in {tuple(flags(exchange)) for exchange in KIT}}


def send(mock, request):
    connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=20)
    connection.request(request.method, request.path, request.content, request.headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


# Whose body is the same as another's would get a second id, so each body is sent once only.
@pytest.mark.parametrize("exchange", KIT, ids=lambda exchange: exchange.name)
def test_the_mock_answers_as_the_library_says(mocks, exchange):
    response, content = send(mocks[tuple(flags(exchange))], exchange.request)

    assert response.status == exchange.response.status
    assert content == json.dumps(exchange.response.body, ensure_ascii=False, separators=(",", ":")).encode()
    for name, value in exchange.response.headers.items():
        assert response.headers[name] == value
    assert response.headers["x-mock-reply"] == ("scored" if response.status == 200 else "refused")


def test_every_success_of_the_kit_has_a_body_of_its_own():
    contents = [exchange.request.content for exchange in KIT if exchange.response.status == 200]

    assert len(set(contents)) == len(contents)


def test_the_documents_example_is_answered_with_the_documents_order():
    promised = fixtures.get("success/document_example")
    scored = fixtures.get("success/document_example_scored")

    assert scored.request == promised.request
    assert [result["index"] for result in scored.response.body["results"]] == [0, 2]
    assert [(result["index"], result["document"]) for result in scored.response.body["results"]] == [
        (result["index"], result["document"]) for result in promised.response.body["results"]
    ]
