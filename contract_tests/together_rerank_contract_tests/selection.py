"""Which of the library's requests an endpoint is asked, and how each is sent there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from urllib.parse import urlsplit

import together_rerank_fixtures as fixtures
from together_rerank_contract_tests import refusals
from together_rerank_contract_tests.endpoint import Endpoint
from together_rerank_contract_tests.exchange import Exchange
from together_rerank_contract_tests.transport import YES
from together_rerank_fixtures.exchange import ANY_KEY

# What a mock is told of whom and what it lets in; every endpoint has been told that.
_OF_EVERY_ENDPOINT = {"api_keys", "models"}


@dataclass(frozen=True, slots=True)
class Question:
    """A request of the library, as an endpoint is asked it.

    Attributes:
        exchange: the library's.
        request: with the endpoint's model, and with the path below its base.
        url: where it goes.
    """

    exchange: fixtures.Exchange
    request: fixtures.Request
    url: str

    @property
    def name(self) -> str:
        """The name of the exchange."""
        return self.exchange.name


def chosen(patterns: Sequence[str]) -> list[fixtures.Exchange]:
    """Return the exchanges whose answer their request brings about, and whose name is, or fits, one of *patterns*.

    Raises:
        LookupError: nothing fits one of them; it says which there are, or that no request brings them about.
    """
    exchanges = [exchange for exchange in fixtures.all() if not exchange.forced]
    for pattern in patterns:
        if any(fnmatchcase(exchange.name, pattern) for exchange in exchanges):
            continue
        if forced := [exchange.name for exchange in fixtures.all() if fnmatchcase(exchange.name, pattern)]:
            why = f"'{pattern}' fits only what no request brings about, and so no endpoint can be asked for"
            raise LookupError(f"--only: {why}: {', '.join(forced)}")
        names = ", ".join(exchange.name for exchange in exchanges)
        raise LookupError(f"--only: no exchange is called or fits '{pattern}'; there are: {names}")
    fitting = [e for e in exchanges if not patterns or any(fnmatchcase(e.name, pattern) for pattern in patterns)]
    # Of two with the same request the mock's answer says more than the document's example.
    once = {_sent(exchange): exchange for exchange in sorted(fitting, key=lambda e: e.source["kind"] == "kit")}
    return sorted(once.values(), key=lambda exchange: exchange.name)


def question(exchange: fixtures.Exchange, endpoint: Endpoint) -> Question:
    """Return *exchange*'s request as *endpoint* is asked it.

    What names the library's usual model names the endpoint's; what is not for the operation goes to the same base.
    """
    request, routes = exchange.request, endpoint.document.routes
    base, path = _divided(endpoint.url, routes)
    if request.path not in routes:
        path = request.path
    content = request.content
    for model in _usual_models():
        content = content.replace(json.dumps(model).encode(), json.dumps(endpoint.model, ensure_ascii=False).encode())
    body = None if request.body is None else json.loads(content)
    return Question(exchange, replace(request, path=path, content=content, body=body), f"{base}{path}")


def why_not(exchange: fixtures.Exchange, endpoint: Endpoint, first: Exchange) -> str:
    """Return why *exchange* says nothing of *endpoint*, whose first answer is *first*; "" when it does."""
    if told := sorted(set(exchange.mock) - _OF_EVERY_ENDPOINT):
        return f"only a server that is told `{told[0]}` answers so"
    if exchange.request.headers.get("Authorization") != ANY_KEY and not endpoint.transport.has_key:
        return "no key was given by --api-key-env"
    if "api_keys" in exchange.mock and refusals.accepts(first, "any-key"):
        return "the endpoint says that it lets any key in"
    if "models" in exchange.mock and refusals.accepts(first, "any-model"):
        return "the endpoint says that it serves any model"
    return ""


def ask(question: Question, endpoint: Endpoint) -> Exchange:
    """Return what came of *question*.

    Raises:
        BudgetSpent, Inconclusive: as the transport has it.
    """
    request = question.request
    given = request.headers.get("Authorization")
    headers = [(name, value) for name, value in request.headers.items() if name != "Authorization"]
    authorization = YES if given == ANY_KEY else given
    return endpoint.transport.send(request.method, question.url, headers, request.content, authorization=authorization)


def is_for_a_served_model(exchange: fixtures.Exchange) -> bool:
    """Return whether *exchange*'s request names a model of the library's successes, or none that could be read."""
    body = exchange.request.body
    return not isinstance(body, dict) or body.get("model") in (None, *_usual_models())


@cache
def _usual_models() -> tuple[str, ...]:
    answered = [exchange for exchange in fixtures.all(status=200) if not exchange.forced]
    return tuple(sorted({exchange.request.body["model"] for exchange in answered}))


def _divided(url: str, routes: Sequence[str]) -> tuple[str, str]:
    """Return the base and the path below it of the operation at *url*."""
    path = next(route for route in sorted(routes, key=len, reverse=True) if urlsplit(url).path.endswith(route))
    return url.removesuffix(path), path


def _sent(exchange: fixtures.Exchange) -> tuple[object, ...]:
    request = exchange.request
    return request.method, request.path, tuple(request.headers.items()), request.content
