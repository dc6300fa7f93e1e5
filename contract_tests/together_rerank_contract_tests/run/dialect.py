"""Recognise the family of rerank APIs from the shape of a response, and list how the shape differs from Together's."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from together_rerank_contract_tests.client.exchange import Exchange, excerpt, printable
from together_rerank_contract_tests.suite.answer import is_number
from together_rerank_contract_tests.suite.endpoint import Endpoint

# The most deviations to list, and the most characters of one.
_MAX, _MAX_SHOWN = 12, 100
_OF_BODY = ("id", "object", "model", "results", "usage")
_OF_RESULT = ("index", "relevance_score", "document")
_LITELLM = "LiteLLM's proxy, in Cohere's form"
# The project is tested with real servers of these dialects; the others are recognised by the shape only.
_TESTED = ("Together", "llama.cpp", "Infinity", _LITELLM)
# Predicates of a body and its first result: the first that is true decides; an exception counts as false.
_Predicate = Callable[[Any, dict[str, Any]], bool]
_DIALECTS: tuple[tuple[str, _Predicate], ...] = (
    ("TEI", lambda body, first: isinstance(body, list) and set(first) <= {"index", "score", "text"}),
    ("SGLang", lambda body, first: isinstance(body, list) and "score" in first),
    ("TEI", lambda body, _: {"error", "error_type"} <= body.keys()),
    (_LITELLM, lambda body, _: "meta" in body and "total_tokens" in (_get(body["meta"], "billed_units") or {})),
    ("Cohere v2", lambda body, _: str(_get(_get(body["meta"], "api_version"), "version")).startswith("2")),
    ("Cohere v1", lambda body, _: "meta" in body and "object" not in body and "usage" not in body),
    ("Infinity", lambda body, first: body.get("object") == "rerank" and ("created" in body or not _has_object(first))),
    (
        "llama.cpp",
        lambda body, first: (
            body.get("object") == "list" and "document" not in first and "prompt_tokens" in body["usage"]
        ),
    ),
    (
        "vLLM",
        lambda body, first: (
            "object" not in body and "id" in body and "prompt_tokens" in body["usage"] and "index" in first
        ),
    ),
    (
        "Jina",
        lambda body, first: (
            body.get("object", "list") == "list" and "total_tokens" in body["usage"] and "index" in first
        ),
    ),
    ("Together", lambda body, _: body.get("object") == "rerank"),
)


def describe(endpoint: Endpoint) -> str:
    """Return lines of text with the URL, the model and the dialect of *endpoint*."""
    lines = [f"endpoint  {endpoint.url}", f"model     {endpoint.model}"]
    if endpoint.first is not None:
        found = deviations(endpoint.first)
        lines.append(f"dialect   {dialect_of(endpoint.first)}" + (f": {', '.join(found)}" if found else ""))
    return "".join(f"{endpoint.transport.mask.text(printable(line))}\n" for line in lines)


def dialect_of(exchange: Exchange) -> str:
    """Return the dialect of the response in *exchange*, with "(by shape only)" if no real server was tested."""
    body = exchange.body
    for name, matches in _DIALECTS if isinstance(body, dict | list) else ():
        with suppress(AttributeError, KeyError, TypeError):
            if matches(body, _first(body)):
                return name if name in _TESTED else f"{name} (by shape only)"
    return "unknown"


def deviations(exchange: Exchange) -> list[str]:
    """Return how the shape of the response in *exchange* differs from Together's, a few words for each difference."""
    return [excerpt(exchange.mask.text(each), _MAX_SHOWN) for each in _deviations(exchange.body)][:_MAX]


def _deviations(body: Any) -> Iterator[str]:
    if isinstance(body, list):
        yield "a bare list of results"
    elif not isinstance(body, dict):
        yield "the body is not a JSON object"
        return
    else:
        yield from (f"no `{name}`" for name in _OF_BODY if name not in body)
        if body.get("object", "rerank") != "rerank":
            yield f"`object` is {body['object']!r}".replace("'", '"')
        if isinstance(body.get("usage"), dict) and "completion_tokens" not in body["usage"]:
            yield "no `usage.completion_tokens`"
        yield from (f"a field `{name}`" for name in sorted(body.keys() - _OF_BODY))
    yield from _result_deviations(_first(body))
    found = body.get("results") if isinstance(body, dict) else None
    results = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    scores = [each["relevance_score"] for each in results if is_number(each.get("relevance_score"))]
    if any(not 0 <= score <= 1 for score in scores):
        yield "scores outside 0 to 1"


def _result_deviations(first: dict[str, Any]) -> Iterator[str]:
    if not first:
        return
    yield from (f"no `{name}` in a result" for name in ("index", "relevance_score") if name not in first)
    if "document" not in first:
        yield "no `document`"
    elif not _has_object(first):
        yield "`document` is null" if first["document"] is None else "`document` is not an object"
    yield from (f"a field `{name}` in a result" for name in sorted(first.keys() - _OF_RESULT))


def _first(body: Any) -> dict[str, Any]:
    results = body if isinstance(body, list) else _get(body, "results")
    first = results[0] if isinstance(results, list) and results else {}
    return first if isinstance(first, dict) else {}


def _get(node: Any, name: str) -> Any:
    return node.get(name) if isinstance(node, dict) else None


def _has_object(first: dict[str, Any]) -> bool:
    return isinstance(first.get("document", {}), dict)
