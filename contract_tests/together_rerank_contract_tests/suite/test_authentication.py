"""Which keys the endpoint accepts."""

from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.client.transport import Authorization, Credentials
from together_rerank_contract_tests.suite.endpoint import UNAUTHORIZED, Endpoint, check_not_busy
from together_rerank_contract_tests.suite.requirements import (
    NotApplicable,
    RequirementFailed,
    document,
    info,
    kit,
    must,
)
from together_rerank_contract_tests.suite.samples import NOT_JSON, PAIR, QUERY

_RESPONSE = "/paths/~1rerank/post/responses/401"
_FORWARDED = (
    ("X-Forwarded-For", "127.0.0.1"),
    ("X-Forwarded-Proto", "https"),
    ("X-Real-IP", "127.0.0.1"),
    ("Forwarded", "for=127.0.0.1;proto=https"),
)


@must("RR-AUTH-001", document("/security"), requests=4, quick=True)
def test_a_request_without_a_key_is_rejected(endpoint: Endpoint) -> None:
    """A request without a key gets a 401, even right after the same request with the key, and with a proxy's headers.

    Anyone who finds the port can use the model, and clients recognise a missing key only by a 401.
    """
    valid = _valid_content(endpoint)
    _check_401(endpoint.post(valid, authorization=None), "no key was sent")
    if endpoint.settings.quick:
        return
    other = endpoint.send(QUERY, PAIR, top_n=1, return_documents=True)
    # The same request with the key was just answered on the same connection.
    _check_401(endpoint.post(other.content, authorization=None), "no key was sent")
    _check_401(endpoint.post(valid, headers=_FORWARDED, authorization=None), "no key was sent")


@must("RR-AUTH-002", document(_RESPONSE), requests=6, quick=True)
def test_a_request_with_a_wrong_key_is_rejected(endpoint: Endpoint) -> None:
    """A request with a wrong key gets a 401, even if only one character or the scheme is wrong.

    A key that is not checked protects nothing, and clients ask for a new key only on a 401.
    """
    valid = _valid_content(endpoint)
    for credentials, reason in _wrong_credentials(endpoint)[: 1 if endpoint.settings.quick else None]:
        exchange = endpoint.post(valid, authorization=credentials)
        if exchange.status == 200 and exchange.accepts("any-key"):
            raise NotApplicable("the endpoint accepts any key (x-mock-accepts)")
        _check_401(exchange, reason)


@info("RR-AUTH-003", kit("a caller without a valid key must not learn which requests are valid"), requests=1)
def test_the_key_is_checked_first(endpoint: Endpoint) -> None:
    """The key is checked before the body.

    Debugging takes longer if the error is about the body although the key is wrong; no client breaks.
    """
    wrong, reason = _wrong_credentials(endpoint)[0]
    if endpoint.post(_valid_content(endpoint), authorization=wrong).status == 200:
        raise NotApplicable("the endpoint accepts a wrong key")
    _check_401(endpoint.post(NOT_JSON, authorization=wrong), reason)


def _wrong_credentials(endpoint: Endpoint) -> list[tuple[Authorization, str]]:
    key, name, scheme = endpoint.settings.key or "", endpoint.settings.key_name, endpoint.transport.key_scheme
    last = "A" if "B" in (key[:1], key[-1:]) else "B"
    of_the_scheme: list[tuple[Authorization, str]] = [
        (scheme.strip(), "the key is empty"),
        (Credentials(f"Basic {key}", f"Basic ${name}"), "the scheme is not Bearer"),
    ]
    return [
        (
            Credentials(f"{scheme}{key[:-1]}{last}", f"{scheme}${{{name}%?}}{last}"),
            "the last character of the key is wrong",
        ),
        (
            Credentials(f"{scheme}{last}{key[1:]}", f"{scheme}{last}${{{name}#?}}"),
            "the first character of the key is wrong",
        ),
        ("", f"the header {endpoint.transport.key_header} is empty"),
        *(of_the_scheme if scheme else []),
        (Credentials(f"{scheme}{key}B", f"{scheme}${{{name}}}B"), "the key has one character too many"),
    ]


def _valid_content(endpoint: Endpoint) -> bytes:
    """Return a request that the endpoint answers with the key; raise NotApplicable if there is no key."""
    if not endpoint.transport.has_key:
        raise NotApplicable("no key to send; --api-key-env names one")
    if not endpoint.checks_key:
        raise NotApplicable(f"the document lists no {UNAUTHORIZED}")
    return endpoint.reference.exchange.content


def _check_401(exchange: Exchange, reason: str) -> None:
    if check_not_busy(exchange).status != UNAUTHORIZED:
        raise RequirementFailed(f"401, because {reason}", exchange.response_excerpt, exchange)
