"""The page that explains a request: one of the journal, or one that is typed in."""

from typing import Any

from flask import Response, request

from together_rerank_mockserver.api.errors import ApiError, InvalidRequest
from together_rerank_mockserver.api.json_text import exact, to_json
from together_rerank_mockserver.endpoint import Endpoint
from together_rerank_mockserver.http.console.context import Console, given, number, parse
from together_rerank_mockserver.http.console.curl import JSON, curl
from together_rerank_mockserver.http.console.explanation import MAX_MARKED, MAX_SHOWN, explain
from together_rerank_mockserver.http.console.journal_page import endpoint_of, find, pretty, shown
from together_rerank_mockserver.ranking.override import RankingOverride
from together_rerank_spec import dialect, dialects

_FIELDS = ("api", "query", "documents", "top_n", "rank_fields", "model")
_EXAMPLE = {"query": "llamas in Peru", "documents": "Pandas live in China.\nA llama, seen in Peru.\nLlamas in Peru"}


def explain_page(console: Console) -> Response:
    """Show the form, and how the request in it is ranked, if there is one."""
    fields, values = dict.fromkeys(_FIELDS, ""), {}
    problem: ApiError | None = console.check_namespace()
    try:
        if recorded := request.args.get("request"):
            fields |= _fields_of(console, recorded)
        elif request.method == "POST":
            fields |= {name: given(name) for name in _FIELDS}
        else:
            fields |= _EXAMPLE
        values = {} if problem else _explained(console, fields)
    except ApiError as error:
        problem = error
    return console.page(
        "explain.html.j2",
        problem.status if problem else 200,
        fields=fields,
        names=console.names,
        apis=_apis(console),
        problem=problem and str(problem),
        override=_override(console),
        most=MAX_SHOWN,
        longest=MAX_MARKED,
        **{"explanation": None, **values},
    )


def _apis(console: Console) -> list[str]:
    """Return the paths of all operations, those at the root first."""
    settings = console.mock.settings
    others = [name for name in dialects() if settings.spec or name != settings.dialect]
    below = [f"/{name}{each.routes[0]}" for name in others for each in dialect(name).operations]
    return [*(endpoint.routes[0] for endpoint in console.mock.operations.root), *below]


def _endpoint(console: Console, path: str) -> Endpoint:
    endpoint = console.mock.operations.at(path) if path else console.mock.operations.root[0]
    if endpoint is None:
        raise InvalidRequest(f"`API` must be the path of an operation, not {path[:200]}")
    return endpoint


def _override(console: Console) -> RankingOverride | None:
    """Return the ranking that the next call gets, without taking it."""
    namespace = console.registry.look(console.namespace)
    queued = list(namespace.override_queue)
    override: RankingOverride | None = queued[0].override if queued else namespace.override
    return override


def _explained(console: Console, fields: dict[str, str]) -> dict[str, Any]:
    endpoint = _endpoint(console, fields["api"])
    canonical = _request(fields, endpoint)
    explanation = explain(endpoint, canonical, _override(console), console.mock.operations.state.limits)
    command = curl(
        console.base_url,
        explanation.path,
        explanation.body.decode(),
        endpoint.document,
        namespace=console.namespace,
        headers=JSON,
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
        canonical["top_n"] = number(top_n)
    if rank_fields := fields["rank_fields"]:
        canonical["rank_fields"] = [each.strip() for each in rank_fields.split(",")]
    return canonical


def _documents(text: str) -> Any:
    """Return the documents in *text*: a JSON list, or one document in each line."""
    if text.startswith("["):
        content = text.encode()
        return exact(content, parse(content, "The list of documents"))
    return [line for line in map(str.strip, text.splitlines()) if line]


def _fields_of(console: Console, request_id: str) -> dict[str, str]:
    """Return the fields of the form for a request of the journal; raise InvalidRequest if its body cannot be read."""
    found = shown(console, find(console, request_id))
    canonical = found.canonical
    if not isinstance(canonical, dict) or not isinstance(canonical.get("documents"), list):
        raise InvalidRequest("The body of this request was cut, or is not that of a rerank request")
    documents, rank_fields, top_n = canonical["documents"], canonical.get("rank_fields"), canonical.get("top_n")
    lines = "\n".join(filter(lambda each: isinstance(each, str), documents))
    return {
        "api": endpoint_of(console, found.entry.path).routes[0],
        "query": found.query,
        # As lines only if they are read back as the same documents.
        "documents": lines if lines[:1] != "[" and _documents(lines) == documents else pretty(to_json(documents)),
        "top_n": "" if top_n is None else str(top_n),
        "rank_fields": ", ".join(map(str, rank_fields)) if isinstance(rank_fields, list) else "",
        "model": str(canonical.get("model") or ""),
    }
