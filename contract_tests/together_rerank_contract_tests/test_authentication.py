"""Who is let in."""

from __future__ import annotations

from together_rerank_contract_tests import refusals
from together_rerank_contract_tests.endpoint import Endpoint
from together_rerank_contract_tests.exchange import Exchange
from together_rerank_contract_tests.findings import NotApplicable, Unmet
from together_rerank_contract_tests.requirements import Level, document, kit, requirement

_UNAUTHORIZED = "/paths/~1rerank/post/responses/401"


@requirement(
    "RR-AUTH-001",
    "A request without a key is answered with 401.",
    Level.MUST,
    document("/security"),
    why="Whoever finds the port uses the model; and clients tell a missing key by 401 alone.",
    requests=1,
)
def test_a_request_without_a_key_is_refused(endpoint: Endpoint) -> None:
    _need_key(endpoint)
    _must_be_401(endpoint.posted(endpoint.reference.exchange.content, authorization=None), "no key was sent")


@requirement(
    "RR-AUTH-002",
    "A request with a wrong key is answered with 401.",
    Level.MUST,
    document(_UNAUTHORIZED),
    why="A key that is not looked at protects nothing; and no client asks for a new key on another status.",
    requests=1,
)
def test_a_request_with_a_wrong_key_is_refused(endpoint: Endpoint) -> None:
    _need_key(endpoint)
    exchange = endpoint.posted(endpoint.reference.exchange.content, authorization=refusals.WRONG_KEY)
    if exchange.status == 200 and refusals.accepts(exchange, "any-key"):
        raise NotApplicable("the endpoint says that it lets any key in")
    _must_be_401(exchange, "the key is wrong")


@requirement(
    "RR-AUTH-003",
    "A wrong key is told before a bad body.",
    Level.INFO,
    kit("who has no key learns nothing about what would be a good request"),
    why="Only who debugs: the error names the body, and the key is at fault.",
)
def test_the_key_is_looked_at_first(endpoint: Endpoint) -> None:
    _need_key(endpoint)
    valid = endpoint.posted(endpoint.reference.exchange.content, authorization=refusals.WRONG_KEY)
    if valid.status == 200:
        raise NotApplicable("the wrong key is let in")
    _must_be_401(endpoint.posted(refusals.NOT_JSON, authorization=refusals.WRONG_KEY), "the key is wrong")


def _need_key(endpoint: Endpoint) -> None:
    if not endpoint.transport.has_key:
        raise NotApplicable("no key was given by --api-key-env")


def _must_be_401(exchange: Exchange, reason: str) -> None:
    if refusals.refused(exchange).status != 401:
        raise Unmet(f"401, for {reason}", exchange.answered, exchange)
