"""Use the public names in a typed project. `make lint` checks the types in this file; nothing runs it."""

from pathlib import Path
from typing import Any, assert_type

import httpx
from flask import Flask
from hypothesis.strategies import SearchStrategy

import together_rerank_fixtures as fixtures
from together_rerank_fixtures import Deviation, Exchange
from together_rerank_fixtures.strategies import InvalidRequest, Rule, invalid_requests, requests, rules
from together_rerank_mockserver import (
    Finding,
    MockServer,
    RecordedRequest,
    RerankMock,
    Settings,
    create_app,
)
from together_rerank_spec import Document, Validator, Violation, load


def use_the_mock_server() -> str:
    settings = Settings(api_keys=("key",), latency_ms=20, chaos=("429=0.2",), rate_limit="60/minute")
    assert_type(create_app(settings), Flask)
    with MockServer(settings, port=0) as mock:
        assert_type(mock.app, Flask)
        return mock.url


def request_faults(rerank_mock: RerankMock) -> None:
    rerank_mock.fail(429, times=2, retry_after=0.1).then.fail(503, retry_after="none").then.ok()
    rerank_mock.fault("drip", delay=0.2, jitter=0.1, pause=0.1)
    rerank_mock.delay(0.5, times=2)


def override_the_ranking(rerank_mock: RerankMock) -> None:
    rerank_mock.rank([2, 0])
    rerank_mock.rank_first(containing="Peru")
    rerank_mock.scores({0: 0.9, 1: 0.1})
    rerank_mock.reset()


def assert_what_it_received(rerank_mock: RerankMock) -> None:
    assert_type(rerank_mock.base_url, str)
    assert_type(rerank_mock.client(), httpx.Client)
    assert_type(rerank_mock.requests, list[RecordedRequest])
    assert_type(rerank_mock.last_request.status, int | None)
    assert_type(rerank_mock.explain(rerank_mock.last_request), list[dict[str, Any]])
    assert_type(rerank_mock.resilience(), list[Finding])
    rerank_mock.expect_refusal()
    rerank_mock.assert_called(times=1, query="llamas", top_n=None, status=200)
    rerank_mock.assert_resilient()


def read_exchanges(folder: Path) -> list[Exchange]:
    exchange = fixtures.get("bad_request/unknown_field")
    assert_type(exchange, Exchange)
    assert_type(exchange.response.status, int)
    assert_type(exchange.deviations, tuple[Deviation, ...])
    return [*fixtures.all(status=200, broken=True), *fixtures.read(folder)]


def generate_requests() -> SearchStrategy[dict[str, Any]]:
    assert_type(invalid_requests(), SearchStrategy[InvalidRequest])
    assert_type(rules(), tuple[Rule, ...])
    return requests(model="any", objects=False, max_documents=3)


def validate(body: object) -> list[Violation]:
    document = load("vendored")
    assert_type(document, Document)
    return Validator(document.request_schema).violations(body)
