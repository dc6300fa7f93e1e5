"""Ranked documents to a response body, and a document to the text that is ranked and returned."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from together_rerank_mockserver.body import HugeInteger, exact
from together_rerank_mockserver.errors import InvalidRequest
from together_rerank_mockserver.ranking import Query, Ranked
from together_rerank_mockserver.tokens import count
from together_rerank_spec import Document, DocumentError, Validator
from together_rerank_spec.validation import SchemaError


def to_json(value: Any) -> bytes:
    """Return *value* as compact JSON: keys in their order, no spaces, non-ASCII characters literal."""
    return orjson.dumps(value, default=_number, option=orjson.OPT_PASSTHROUGH_SUBCLASS)


def returned_text(document: Any) -> str:
    """Return what `document.text` says of *document*: the string itself, or the whole object as JSON."""
    return document if isinstance(document, str) else to_json(document).decode()


def ranked_text(document: Any, fields: Sequence[str] | None) -> str:
    """Return the text by which *document* is ranked.

    A string is its own text. An object gives the values named by *fields*, each once and in that order, or all
    values if *fields* is None. Nested values give their leaves.
    """
    return ranked_texts([document], fields)[0]


def ranked_texts(documents: Sequence[Any], fields: Sequence[str] | None) -> list[str]:
    places = None if fields is None else {field: place for place, field in enumerate(dict.fromkeys(fields))}
    return [document if isinstance(document, str) else _ranked_text(document, places) for document in documents]


def usage(query: str, texts: Sequence[str]) -> dict[str, int]:
    """Return the document's `UsageData`; a reranker reads the query once more with every document."""
    prompt = len(texts) * count(query) + sum(map(count, texts))
    return {"prompt_tokens": prompt, "completion_tokens": 0, "total_tokens": prompt}


def results(ranking: Sequence[Ranked], documents: Sequence[Any] | None) -> list[dict[str, Any]]:
    """Return `results` for *ranking*; without *documents* each document is an empty object."""
    return [
        {
            "index": index,
            "relevance_score": score,
            "document": {} if documents is None else {"text": returned_text(documents[index])},
        }
        for index, score in ranking
    ]


def answer(request_id: str, model: str, ranked: list[dict[str, Any]], used: dict[str, int]) -> dict[str, Any]:
    """Return the body of a 200, the document's `RerankResponse`, with *ranked* as its `results`."""
    return {"id": request_id, "object": "rerank", "model": model, "results": ranked, "usage": used}


def explain(raw: bytes, request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return, best first, each document's `index`, `score`, `whole`, `parts`, `adjacent`, `in_order`, `text`."""
    query = Query(request["query"])
    documents = exact(raw, request)["documents"]
    evidence = query.evidences(ranked_texts(documents, request.get("rank_fields")))
    rows = [
        {"index": index, **asdict(why), "text": returned_text(document)}
        for index, (document, why) in enumerate(zip(documents, evidence, strict=True))
    ]
    return sorted(rows, key=lambda row: -row["score"])


def check_answers(document: Document) -> None:
    """Validate a sample of each kind of answer against *document*; raise DocumentError if one does not match."""
    ranking = [Ranked(1, 0.5), Ranked(0, 0.0)]
    used = usage("query", ["a", "b"])
    samples: list[tuple[int, Any]] = [
        (200, answer("id", "model", results(ranking, documents), used)) for documents in (["a", {"b": 1}], None)
    ]
    samples += [(status, InvalidRequest("message", param="/pointer").data) for status in document.error_statuses]
    for status, sample in samples:
        _hold(document, status, sample)


def _hold(document: Document, status: int, sample: Any) -> None:
    if status not in document.statuses:
        raise DocumentError(f"{document.name}: the operation has no answer with status {status}")
    schema = document.response_schema(status)
    if schema is None:
        raise DocumentError(f"{document.name}: the answer with status {status} is not JSON")
    try:
        violations = Validator(schema).violations(sample)
    except SchemaError as fault:
        raise DocumentError(f"{document.name}: {fault}") from fault
    if violations:
        schema_of = f"its schema for status {status}"
        raise DocumentError(f"{document.name}: {schema_of} does not allow the mock's answer: {violations[0]}")


def _ranked_text(document: Any, places: dict[str, int] | None) -> str:
    if not isinstance(document, dict):
        return "\n".join(_leaves(document))
    named = document if places is None else sorted(filter(places.__contains__, document), key=places.__getitem__)
    values = [document[field] for field in named]
    try:
        return "\n".join(values)
    except TypeError:  # it is seldom that not all are strings, and joining finds out
        return "\n".join(_leaves(values))


def _leaves(value: Any) -> Iterator[str]:
    # A stack, as each level of nested generators would take time for each leaf.
    stack = [value]
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            stack += reversed(value.values())
        elif isinstance(value, list):
            stack += reversed(value)
        elif value is not None:
            yield to_json(value).decode()


def _number(value: Any) -> Any:
    if isinstance(value, HugeInteger):
        return orjson.Fragment(value.encode())
    raise TypeError(f"{type(value).__name__} is not JSON")
