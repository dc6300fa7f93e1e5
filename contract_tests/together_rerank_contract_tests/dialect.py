"""Which server answers so: the family of rerank APIs that the shape of an answer belongs to, and how it deviates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from together_rerank_contract_tests.answer import is_number
from together_rerank_contract_tests.exchange import Exchange

# Of deviations that are told.
_MOST = 12
_KNOWN = {"id", "object", "model", "results", "usage"}
_KNOWN_OF_RESULT = {"index", "relevance_score", "document"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """A family of servers.

    Attributes:
        tried: a server of it is started by the kit's own tests; the others are known by their shape alone.
    """

    name: str
    fits: Callable[[Any, dict[str, Any]], bool]
    tried: bool = False

    @property
    def shown(self) -> str:
        """The name, and how sure that is."""
        return self.name if self.tried else f"{self.name} (by shape only)"


def _usage(body: dict[str, Any]) -> set[str]:
    usage = body.get("usage")
    return set(usage) if isinstance(usage, dict) else set()


# The first that fits counts. Of `body` the form, of `first` the first result.
_DIALECTS = (
    Dialect("TEI", lambda body, first: isinstance(body, list) and set(first) <= {"index", "score", "text"}),
    Dialect("SGLang", lambda body, first: isinstance(body, list) and "score" in first),
    Dialect("TEI", lambda body, _: isinstance(body, dict) and {"error", "error_type"} <= set(body)),
    Dialect(
        "LiteLLM's proxy, in Cohere's form",
        lambda body, _: "meta" in body and "total_tokens" in ((body["meta"] or {}).get("billed_units") or {}),
        tried=True,
    ),
    Dialect(
        "Cohere v2",
        lambda body, _: "meta" in body and str(_version(body)).startswith("2"),
    ),
    Dialect("Cohere v1", lambda body, _: "meta" in body and ("object" not in body and "usage" not in body)),
    Dialect(
        "Infinity",
        lambda body, first: (
            body.get("object") == "rerank" and ("created" in body or not isinstance(first.get("document", {}), dict))
        ),
    ),
    Dialect(
        "llama.cpp",
        lambda body, first: (
            body.get("object") == "list" and "document" not in first and "prompt_tokens" in _usage(body)
        ),
        tried=True,
    ),
    Dialect(
        "vLLM",
        lambda body, first: (
            "object" not in body and "id" in body and "prompt_tokens" in _usage(body) and "index" in first
        ),
    ),
    Dialect(
        "Jina",
        lambda body, first: (
            body.get("object", "list") == "list" and "total_tokens" in _usage(body) and "index" in first
        ),
    ),
    Dialect("Together", lambda body, first: body.get("object") == "rerank" and isinstance(first, dict), tried=True),
)


def named(exchange: Exchange) -> str:
    """Return the name of the dialect of the answer in *exchange*."""
    body = exchange.body
    first = _first(body)
    for dialect in _DIALECTS:
        if isinstance(body, dict | list) and _fits(dialect, body, first):
            return dialect.shown
    return "unknown"


def deviations(exchange: Exchange) -> list[str]:
    """Return in what the form of the answer in *exchange* differs from Together's, a few words each."""
    return _deviations(exchange.body)[:_MOST]


def _deviations(body: Any) -> list[str]:
    if isinstance(body, list):
        return ["a bare list of results", *_of_result(_first(body))]
    if not isinstance(body, dict):
        return ["no JSON object"]
    return [*_of_body(body), *_of_result(_first(body)), *_of_scores(body)]


def _of_body(body: dict[str, Any]) -> Iterator[str]:
    yield from (f"no `{name}`" for name in ("id", "object", "model", "results", "usage") if name not in body)
    if body.get("object", "rerank") != "rerank":
        yield f"`object` is {body['object']!r}".replace("'", '"')
    if isinstance(body.get("usage"), dict) and "completion_tokens" not in body["usage"]:
        yield "no `usage.completion_tokens`"
    yield from (f"a field `{name}`" for name in sorted(set(body) - _KNOWN))


def _of_result(first: dict[str, Any]) -> Iterator[str]:
    if not first:
        return
    yield from (f"no `{name}` in a result" for name in ("index", "relevance_score") if name not in first)
    if "document" not in first:
        yield "no `document`"
    elif not isinstance(first["document"], dict):
        yield "`document` is null" if first["document"] is None else "`document` is no object"
    yield from (f"a field `{name}` in a result" for name in sorted(set(first) - _KNOWN_OF_RESULT))


def _of_scores(body: dict[str, Any]) -> Iterator[str]:
    results = body.get("results")
    found = (
        [each.get("relevance_score") for each in results if isinstance(each, dict)] if isinstance(results, list) else []
    )
    scores = [float(score) for score in found if score is not None and is_number(score)]
    if any(not 0 <= score <= 1 for score in scores):
        yield "scores outside 0 to 1"


def _fits(dialect: Dialect, body: Any, first: dict[str, Any]) -> bool:
    try:
        return dialect.fits(body, first)
    except (AttributeError, KeyError, TypeError):
        return False


def _first(body: Any) -> dict[str, Any]:
    results = body if isinstance(body, list) else body.get("results") if isinstance(body, dict) else None
    first = results[0] if isinstance(results, list) and results else {}
    return first if isinstance(first, dict) else {}


def _version(body: dict[str, Any]) -> Any:
    return ((body["meta"] or {}).get("api_version") or {}).get("version")
