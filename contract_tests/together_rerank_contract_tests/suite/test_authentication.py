"""Which keys the endpoint accepts."""

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
def test_a_request_without_a_key_is_rejected(endpoint: Endpoint) -> None:
    """A request without a key gets a 401.

    Anyone who finds the port can use the model, and clients recognise a missing key only by a 401.
    """
    _require_key(endpoint)
    _check_401(endpoint.post(endpoint.reference.exchange.content, authorization=None), "no key was sent")


@must("RR-AUTH-002", document(_UNAUTHORIZED), requests=1)
def test_a_request_with_a_wrong_key_is_rejected(endpoint: Endpoint) -> None:
    """A request with a wrong key gets a 401.

    A key that is not checked protects nothing, and clients ask for a new key only on a 401.
    """
    _require_key(endpoint)
    exchange = endpoint.post(endpoint.reference.exchange.content, authorization=WRONG_KEY)
    if exchange.status == 200 and exchange.accepts("any-key"):
        raise NotApplicable("the endpoint accepts any key (x-mock-accepts)")
    _check_401(exchange, "the key is wrong")


@info("RR-AUTH-003", kit("a caller without a valid key must not learn which requests are valid"))
def test_the_key_is_checked_first(endpoint: Endpoint) -> None:
    """The key is checked before the body.

    Debugging takes longer if the error is about the body although the key is wrong; no client breaks.
    """
    _require_key(endpoint)
    valid = endpoint.post(endpoint.reference.exchange.content, authorization=WRONG_KEY)
    if valid.status == 200:
        raise NotApplicable("the endpoint accepts a wrong key")
    _check_401(endpoint.post(NOT_JSON, authorization=WRONG_KEY), "the key is wrong")


def _require_key(endpoint: Endpoint) -> None:
    if not endpoint.transport.has_key:
        raise NotApplicable("no key to send; --api-key-env names one")


def _check_401(exchange: Exchange, reason: str) -> None:
    if check_not_busy(exchange).status != 401:
        raise RequirementFailed(f"401, because {reason}", exchange.response_excerpt, exchange)
