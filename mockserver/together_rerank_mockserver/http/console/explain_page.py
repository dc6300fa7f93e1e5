"""The page that explains a request: one of the journal, or one that is typed in."""

from typing import Any

from flask import Response, request

from together_rerank_mockserver.api import json_text
from together_rerank_mockserver.api.errors import ApiError, InvalidRequest
from together_rerank_mockserver.endpoint import Endpoint
from together_rerank_mockserver.http.console.context import Console, given
from together_rerank_mockserver.http.console.curl import curl
from together_rerank_mockserver.http.console.explanation import MAX_MARKED, MAX_SHOWN, explain
from together_rerank_mockserver.http.console.journal_page import find, pretty, shown
from together_rerank_mockserver.ranking.override import RankingOverride
from together_rerank_spec import dialect_of, dialects

_FIELDS = ("dialect", "query", "documents", "top_n", "rank_fields", "model")
_EXAMPLE = {"query": "llamas in Peru", "documents": "Pandas live in China.\nA llama, seen in Peru.\nLlamas in Peru"}


def explain_page(console: Console) -> Response:
    """Show the form, and how the request in it is ranked, if there is one."""
    console.ask("GET", "/ranking")  # checks the namespace
    fields, values, problem = dict.fromkeys(_FIELDS, ""), {}, None
    try:
        if recorded := request.args.get("request"):
            fields |= _fields_of(console, recorded)
        elif request.method == "POST":
            fields |= {name: given(name) for name in _FIELDS}
        else:
            fields |= _EXAMPLE
        values = _explained(console, fields)
    except ApiError as error:
        problem = error
    return console.page(
        "explain.html.j2",
        problem.status if problem else 200,
        fields=fields,
        names=console.names,
        dialects=_dialects(console),
        problem=problem and str(problem),
        override=_override(console),
        most=MAX_SHOWN,
        longest=MAX_MARKED,
        **{"explanation": None, **values},
    )


def _dialects(console: Console) -> list[str]:
    """The names of the APIs, that at the root first; it has no name if it is that of --spec."""
    settings = console.mock.settings
    root = "" if settings.spec else settings.dialect
    return [root, *(name for name in dialects() if name != root)]


def _endpoint(console: Console, dialect: str) -> Endpoint:
    if dialect and dialect not in dialects():
        raise InvalidRequest(f"`{dialect[:100]}` is no dialect; known: {', '.join(dialects())}")
    return console.mock.operations.near(f"/{dialect}")[0]


def _override(console: Console) -> RankingOverride | None:
    """Return the ranking that the next call gets, without taking it."""
    namespace = console.registry.look(console.namespace)
    queued = list(namespace.override_queue)
    override: RankingOverride | None = queued[0].override if queued else namespace.override
    return override


def _explained(console: Console, fields: dict[str, str]) -> dict[str, Any]:
    endpoint = _endpoint(console, fields["dialect"])
    canonical = _request(fields, endpoint)
    explanation = explain(endpoint, canonical, _override(console), console.mock.operations.state.limits)
    command = curl(
        console.base_url,
        explanation.path,
        explanation.body.decode(),
        endpoint.document,
        namespace=console.namespace,
        headers={"Content-Type": "application/json"},
    )
    return {
        "explanation": explanation,
        "curl": command,
        "body": pretty(explanation.body),
        "answer": pretty(explanation.answer),
    }


def _request(fields: dict[str, str], endpoint: Endpoint) -> dict[str, Any]:
    """Return *fields*, those of the form, as a canonical request."""
    canonical: dict[str, Any] = {
        "model": fields["model"] or endpoint.document.default_model,
        "query": fields["query"],
        "documents": _documents(fields["documents"]),
    }
    if top_n := fields["top_n"]:
        canonical["top_n"] = int(top_n) if top_n.isascii() and top_n.isdigit() and len(top_n) < 10 else top_n
    if rank_fields := fields["rank_fields"]:
        canonical["rank_fields"] = [each.strip() for each in rank_fields.split(",")]
    return canonical


def _documents(text: str) -> Any:
    """Return the documents in *text*: a JSON list, or one document in each line."""
    if text.startswith("["):
        content = text.encode(errors="replace")
        return json_text.exact(content, json_text.parse(content))
    return [line for line in map(str.strip, text.splitlines()) if line]


def _fields_of(console: Console, request_id: str) -> dict[str, str]:
    """Return the fields of the form for a request of the journal; raise InvalidRequest if its body cannot be read."""
    found = shown(console, find(console, request_id))
    canonical = found.canonical
    if not isinstance(canonical, dict) or not isinstance(canonical.get("documents"), list):
        raise InvalidRequest("The body of this request was cut, or is not that of a rerank request")
    documents, rank_fields = canonical["documents"], canonical.get("rank_fields")
    is_plain = all(isinstance(each, str) and each.strip() == each and each.split("\n") == [each] for each in documents)
    return {
        "dialect": dialect_of(found.entry.path) or _dialects(console)[0],
        "query": found.query,
        "documents": "\n".join(documents) if is_plain else pretty(json_text.to_json(documents)),
        "top_n": str(canonical.get("top_n") or ""),
        "rank_fields": ", ".join(map(str, rank_fields)) if isinstance(rank_fields, list) else "",
        "model": str(canonical.get("model") or ""),
    }
