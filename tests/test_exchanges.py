"""A running mock returns the exchanges whose source is the kit, byte for byte."""

import contextlib
import http.client
import os
import re
import sys

import pytest

import together_rerank_fixtures as fixtures
from faults_and_rules import BREAKS
from mock_process import running, server  # noqa: F401  # a fixture
from snippets import ROOT
from terminals import on_terminal
from together_rerank_contract_tests.run import session
from together_rerank_spec import dialects

EXCHANGES = [exchange for dialect in dialects() for exchange in fixtures.all(dialect=dialect)]
KIT = [exchange for exchange in EXCHANGES if exchange.source == {"kind": "kit"}]
FLAGS = {"api_keys": "--api-key", "models": "--model", "max_body": "--max-body"}


def flags(exchange):
    for name, value in exchange.mock.items():
        for each in value if isinstance(value, list) else [value]:
            if name != "fault":  # a header can request it
                yield from (FLAGS[name], str(each))


@pytest.fixture(scope="module")
def mocks(server):
    """Start a mock for each combination of flags that an exchange needs."""
    with contextlib.ExitStack() as stack:
        yield {
            options: stack.enter_context(running("-q", *options))
            for options in {tuple(flags(exchange)) for exchange in KIT}
        }


def send(mock, request, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=20)
    connection.request(request.method, request.path, request.content, request.headers | headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def origin(exchange):
    name = exchange.name.partition("/")[0]
    suffix = f"; dialect={name}" if name in dialects() else ""
    if "fault" in exchange.mock:
        return f"forced; fault={exchange.mock['fault']}; by=header{suffix}"
    return ("scored" if exchange.response.status == 200 else "refused") + suffix


@pytest.mark.served
# A body that is sent twice gets another id, so each body is sent only once.
@pytest.mark.parametrize("exchange", KIT, ids=lambda exchange: exchange.name)
def test_the_mock_returns_the_exchanges_of_the_library(mocks, exchange):
    preference = {"Prefer": f"fault={exchange.mock['fault']}"} if "fault" in exchange.mock else {}
    response, content = send(mocks[tuple(flags(exchange))], exchange.request, **preference)

    assert response.status == exchange.response.status
    assert content == exchange.response.content
    for name, value in exchange.response.headers.items():
        assert response.headers[name] == value
    assert response.headers["x-mock-reply"] == origin(exchange)


NOT_FORCED = [exchange for exchange in EXCHANGES if not exchange.forced]


@pytest.mark.served
@pytest.mark.parametrize("exchange", NOT_FORCED, ids=lambda exchange: exchange.name)
def test_a_response_that_is_not_forced_is_caused_by_the_request(mocks, exchange):
    response, _ = send(mocks[tuple(flags(exchange))], exchange.request)

    assert response.status == exchange.response.status


@pytest.mark.served
def test_the_requests_of_forced_exchanges_get_200_without_the_fault(mocks):
    forced = [exchange for exchange in EXCHANGES if exchange.forced]

    assert {exchange.name: send(mocks[()], exchange.request)[0].status for exchange in forced} == {
        exchange.name: 200 for exchange in forced
    }


def test_a_broken_exchange_breaks_the_rule_that_it_names():
    of_a_fault = [exchange for exchange in EXCHANGES if exchange.is_broken and "fault" in exchange.mock]

    assert len(of_a_fault) > 20
    for exchange in of_a_fault:
        assert {each.rule for each in exchange.deviations} & BREAKS[exchange.mock["fault"]], exchange.name


def test_every_rule_is_a_requirement_of_the_contract_tests():
    rules = {each.rule for exchange in EXCHANGES for each in exchange.deviations if each.rule}

    assert rules <= {each.id for each in session.tests()}


@pytest.mark.slow
def test_make_fixtures_would_change_nothing():
    command = [sys.executable, "-P", ROOT / "fixtures/refresh.py", "--check"]
    ran = on_terminal(*command, env=os.environ, pipe_stdout=True)

    assert (ran.status, ran.stdout, ran.left) == (0, "", "")
    assert re.fullmatch(r"\d+ s, about \d+ s left: \d+ of \d+ exchanges", ran.shown[-1])


def test_no_two_successes_of_the_kit_have_the_same_body():
    contents = [exchange.request.content for exchange in KIT if exchange.response.status == 200]

    assert len(set(contents)) == len(contents)


def test_the_example_of_the_document_is_ranked_as_documented():
    documented = fixtures.get("success/document_example")
    scored = fixtures.get("success/document_example_scored")

    assert scored.request == documented.request
    assert [result["index"] for result in scored.response.body["results"]] == [0, 2]
    assert [(result["index"], result["document"]) for result in scored.response.body["results"]] == [
        (result["index"], result["document"]) for result in documented.response.body["results"]
    ]
