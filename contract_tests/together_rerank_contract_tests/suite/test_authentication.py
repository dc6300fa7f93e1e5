"""Who is let in."""

from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.suite.assertions import NOT_JSON, WRONG_KEY
from together_rerank_contract_tests.suite.endpoint import Endpoint, check_not_busy
from together_rerank_contract_tests.suite.requirements import (
    NotApplicable,
    RequirementFailed,
    document,
    info,
    kit,
    must,
)

_UNAUTHORIZED = "/paths/~1rerank/post/responses/401"


@must("RR-AUTH-001", document("/security"), requests=1)
def test_a_request_without_a_key_is_refused(endpoint: Endpoint) -> None:
    """A request without a key is answered with 401.

    Whoever finds the port uses the model; and clients tell a missing key by 401 alone.
    """
    _need_key(endpoint)
    _must_be_401(endpoint.post(endpoint.reference.exchange.content, authorization=None), "no key was sent")


@must("RR-AUTH-002", document(_UNAUTHORIZED), requests=1)
def test_a_request_with_a_wrong_key_is_refused(endpoint: Endpoint) -> None:
    """A request with a wrong key is answered with 401.

    A key that is not looked at protects nothing; and no client asks for a new key on another status.
    """
    _need_key(endpoint)
    exchange = endpoint.post(endpoint.reference.exchange.content, authorization=WRONG_KEY)
    if exchange.status == 200 and exchange.accepts("any-key"):
        raise NotApplicable("the endpoint says that it lets any key in")
    _must_be_401(exchange, "the key is wrong")


@info("RR-AUTH-003", kit("who has no key learns nothing about what would be a good request"))
def test_the_key_is_looked_at_first(endpoint: Endpoint) -> None:
    """A wrong key is told before a bad body.

    Only who debugs: the error names the body, and the key is at fault.
    """
    _need_key(endpoint)
    valid = endpoint.post(endpoint.reference.exchange.content, authorization=WRONG_KEY)
    if valid.status == 200:
        raise NotApplicable("the wrong key is let in")
    _must_be_401(endpoint.post(NOT_JSON, authorization=WRONG_KEY), "the key is wrong")


def _need_key(endpoint: Endpoint) -> None:
    if not endpoint.transport.has_key:
        raise NotApplicable("no key was given by --api-key-env")


def _must_be_401(exchange: Exchange, reason: str) -> None:
    if check_not_busy(exchange).status != 401:
        raise RequirementFailed(f"401, for {reason}", exchange.answered, exchange)
