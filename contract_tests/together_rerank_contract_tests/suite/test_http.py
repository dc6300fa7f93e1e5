"""What HTTP allows around a request: how it is framed, and what happens on the connection before and after it."""

import json
from contextlib import suppress

from together_rerank_contract_tests.client.transport import Dropped
from together_rerank_contract_tests.suite.assertions import assert_accepted
from together_rerank_contract_tests.suite.endpoint import JSON_TYPE, Endpoint, check_not_busy
from together_rerank_contract_tests.suite.requirements import NotApplicable, RequirementFailed, kit, must, should
from together_rerank_contract_tests.suite.samples import NOT_JSON, OTHER_QUERY, PAIR, QUERY

_LARGE = 100_000
# Longer than gunicorn keeps an idle connection, which is 2 seconds.
_PAUSE_S = 2.1
_LENGTH_REQUIRED, _TOO_LARGE = 411, 413


@should("RR-HTTP-001", kit("a recipient must parse the chunked transfer coding (RFC 9112, section 7.1)"), requests=1)
def test_a_chunked_request_is_read(endpoint: Endpoint) -> None:
    """A request whose body is sent in chunks is accepted, like one with a Content-Length.

    Clients that stream the body, and proxies, send chunks; a server that cannot read them sees an empty body.
    """
    exchange = endpoint.resend(_content(endpoint), chunked=True)
    if exchange.status == _LENGTH_REQUIRED:
        endpoint.limits.add("requires a Content-Length", exchange)
        raise NotApplicable("the endpoint requires a Content-Length")
    assert_accepted(exchange)


@should("RR-HTTP-002", kit("the document sets no limit on the size of a request"), requests=1)
def test_a_large_body_is_read(endpoint: Endpoint) -> None:
    """A body of 100 kB is read to its end.

    Forty passages of a few thousand characters are a usual request.
    """
    content = _content(endpoint)
    exchange = endpoint.post(content[:-1] + b" " * (_LARGE - len(content)) + content[-1:])
    if exchange.status == _TOO_LARGE:
        endpoint.limits.add_size(f"takes no body of {_LARGE} bytes", exchange)
        raise NotApplicable(f"the endpoint takes no body of {_LARGE} bytes")
    assert_accepted(exchange)


@should(
    "RR-HTTP-003", kit("the names in an object should be unique, and parsers differ (RFC 8259, section 4)"), requests=1
)
def test_a_duplicate_key_breaks_nothing(endpoint: Endpoint) -> None:
    """A request with a duplicate key gets a 200 or a 4xx.

    A client retries after a 500, although the same request can never succeed.
    """
    content = _content(endpoint)
    other = json.loads(endpoint.content({"query": OTHER_QUERY, "documents": PAIR}))
    different = {name: value for name, value in other.items() if value != json.loads(content)[name]}
    exchange = endpoint.post(content[:-1] + b", " + json.dumps(different).encode()[1:])
    if exchange.status != 200 and not 400 <= check_not_busy(exchange).status < 500:
        raise RequirementFailed("a 200 or a 4xx", exchange.response_excerpt, exchange)


@must("RR-HTTP-004", kit("a connection stays usable after a response (RFC 9112, section 9.3)"), requests=5)
def test_a_connection_is_used_again(endpoint: Endpoint) -> None:
    """The endpoint answers the next request on a connection, right after a rejected request and after a pause.

    The client's next request fails although it is valid.
    """
    content = _content(endpoint)
    if endpoint.checks_key:
        endpoint.resend(content, authorization=None)
    else:
        endpoint.resend(NOT_JSON)
    assert_accepted(endpoint.resend(content))
    if not endpoint.settings.is_together:  # at its hosts, a gateway handles other methods
        with suppress(Dropped):
            endpoint.transport.send("PUT", endpoint.url, JSON_TYPE, content)
        assert_accepted(endpoint.resend(content))
    endpoint.transport.wait(_PAUSE_S, "idle connection")
    assert_accepted(endpoint.resend(content))


@should("RR-HTTP-005", kit("RFC 9110, sections 9.1 and 15.5.6"), requests=1)
def test_head_is_rejected(endpoint: Endpoint) -> None:
    """A HEAD request gets a 4xx or a 501, because the document does not list the method.

    Health checks and link checkers take a 200 for a working endpoint, and a 500 for a broken one.
    """
    if endpoint.settings.is_together:
        raise NotApplicable("at Together's hosts, a gateway handles other methods")
    exchange = check_not_busy(endpoint.transport.send("HEAD", endpoint.url))
    if not 400 <= exchange.status < 500 and exchange.status != 501:
        raise RequirementFailed("405, or another 4xx or 501", str(exchange.status), exchange)


def _content(endpoint: Endpoint) -> bytes:
    return endpoint.rerank(QUERY, PAIR).exchange.content
