"""Before anything is found out of an endpoint: the way to it, what it would cost, and why it says no 200."""

from __future__ import annotations

from together_rerank_contract_tests.budget import Budget
from together_rerank_contract_tests.exchange import Exchange, excerpt
from together_rerank_contract_tests.settings import Settings
from together_rerank_contract_tests.transport import Transport

# Of what an endpoint says that is no rerank server.
_LONGEST = 300


def transport_for(settings: Settings) -> Transport:
    """Return the way to the endpoint.

    Raises:
        ValueError: what the environment says of proxies or certificates cannot be followed.
    """
    return Transport(
        Budget(settings.max_requests, settings.max_tokens, settings.seconds_between),
        key=settings.key,
        key_name=settings.key_name,
        timeout_s=settings.timeout_s,
        host=settings.host,
    )


def refusal(settings: Settings, requests: int, tokens: int) -> str:
    """Return why so much may not be sent, "" when it may."""
    if not settings.is_together or settings.live:
        return ""
    return (
        f"{settings.host} is the real API: this would send about {requests} requests and {tokens} tokens, "
        "which somebody pays for; add --live to do so"
    )


def why_not_200(exchange: Exchange, settings: Settings) -> str:
    """Return what *exchange*, the first, got in the place of a 200, and what may help."""
    said = f"{exchange.url} answers {excerpt(exchange.answered, _LONGEST)}"
    match exchange.status:
        case 401 | 403 if settings.key:
            return f"{said}, with the key that was sent"
        case 401 | 403:
            return f"{said}, and no key was sent; --api-key-env NAME sends one"
        case 404 | 405:
            tried = ", ".join(settings.places)
            return f"{said}; the operation is elsewhere (tried {tried}), or --model must name a model that it serves"
        case 400 | 422:
            return f"{said}; --model names a model that it serves"
        case _ if 300 <= exchange.status < 400:
            return f"{said}, and would go to {exchange.received_headers.get('location')}; redirects are not followed"
    return said
