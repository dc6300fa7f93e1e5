"""Requests that no endpoint should take, and what came of them."""

from __future__ import annotations

import json

from together_rerank_contract_tests import samples
from together_rerank_contract_tests.endpoint import BUSY, Endpoint
from together_rerank_contract_tests.exchange import Exchange
from together_rerank_contract_tests.findings import Inconclusive

WRONG_KEY = "Bearer not-a-key-of-this-endpoint"
UNKNOWN_MODEL = "no-such-company/no-such-model"
NOT_JSON = b'{"model": '
# How an endpoint says that it lets any key in, or serves any model, on purpose.
_ACCEPTS = "x-mock-accepts"


def empty_documents(endpoint: Endpoint) -> Exchange:
    """Return what came of a request without a document."""
    return endpoint.asked({"query": samples.QUERY, "documents": []})


def not_json(endpoint: Endpoint) -> Exchange:
    """Return what came of a body that is no JSON."""
    return endpoint.posted(NOT_JSON)


def unknown_model(endpoint: Endpoint) -> Exchange:
    """Return what came of a request for a model that nobody has."""
    return endpoint.posted(json.dumps({"model": UNKNOWN_MODEL, "query": "a", "documents": ["a", "b"]}).encode())


def refused(exchange: Exchange) -> Exchange:
    """Return *exchange*, if the endpoint had the time to judge the request.

    Raises:
        Inconclusive: it was busy.
    """
    if exchange.status in BUSY:
        raise Inconclusive(f"the endpoint answers {exchange.answered}")
    return exchange


def refusals(endpoint: Endpoint) -> list[Exchange]:
    """Return what came of invalid requests, and was an error; a busy endpoint has not come to that."""
    exchanges = [empty_documents(endpoint), not_json(endpoint), unknown_model(endpoint)]
    return [each for each in exchanges if each.status >= 400 and each.status not in BUSY]


def accepts(exchange: Exchange, what: str) -> bool:
    """Return whether the endpoint says of itself that it takes *what*, `any-key` or `any-model`."""
    return what in exchange.received_headers.get(_ACCEPTS, "").replace(",", " ").split()


def lets_any_key_in(endpoint: Endpoint) -> bool:
    """Return whether the endpoint says of itself that any key will do."""
    return accepts(endpoint.reference.exchange, "any-key")
