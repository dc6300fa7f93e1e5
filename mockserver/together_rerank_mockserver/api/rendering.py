"""Render ranked documents as a response body, and a document as the text that is ranked and returned."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from together_rerank_mockserver.api.errors import ApiError, InvalidRequest, Unauthorized
from together_rerank_mockserver.api.json_text import to_json
from together_rerank_mockserver.api.messages import JSON, Reply
from together_rerank_spec import Document, DocumentError, Validator
from together_rerank_spec.validation import SchemaError

_CHARACTERS_PER_TOKEN = 4
_SHOWN = 10


def returned_text(document: Any) -> str:
    """Return the `document.text` of a result: *document* itself if it is a string, else the whole object as JSON."""
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
    """Return the document's `UsageData`. A reranker reads the query once for each document."""
    prompt = len(texts) * _tokens(query) + sum(map(_tokens, texts))
    return {"prompt_tokens": prompt, "completion_tokens": 0, "total_tokens": prompt}


def results(ranking: Sequence[tuple[int, float]], documents: Sequence[Any] | None) -> list[dict[str, Any]]:
    """Return `results` for *ranking*, pairs of index and score; without *documents* each `document` is `{}`."""
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


def shown_results(body: Any) -> tuple[list[Any], int] | None:
    """Return the indexes of the first ten results in *body*, a canonical 200, and the number of all results.

    A fault or a recorded answer can give *body* another form; then return None.
    """
    try:
        return [each["index"] for each in body["results"][:_SHOWN]], len(body["results"])
    except (KeyError, TypeError):
        return None


def self_check(document: Document) -> None:
    """Check that *document* allows the answers of the mock; raise DocumentError if it does not."""
    ranking = [(1, 0.5), (0, 0.0)]
    used = usage("query", ["a", "b"])
    returned = ["a", {"b": 1}]
    for documents in [returned, None] if document.mapping.can_omit_documents else [returned]:
        canonical = answer("id", "model", results(ranking, documents), used)
        _check_sample(document, 200, document.success_body(canonical))
    for status in document.error_statuses:
        _check_sample(document, status, document.error_body(status, InvalidRequest("message", param="/pointer").data))


def error_reply(error: ApiError, document: Document | None = None) -> Reply:
    """Return the reply for *error*, in the form of *document*; without it, in the canonical form."""
    status, data, headers = error.status, error.data, dict(error.headers)
    if document is not None:
        mapping = document.mapping
        if isinstance(error, InvalidRequest) and error.kind:
            status = mapping.status(InvalidRequest.kind, status)
        status = error.status_setting or mapping.status(error.kind, status)
        if message := mapping.message(error.kind, error.values):
            data["error"]["message"] = message
        elif isinstance(error, Unauthorized) and not mapping.is_canonical and document.body_example(status):
            del data["error"]["message"]  # the example has the API's own
        data = document.error_body(status, data)
        if document.key_header != "Authorization":
            headers.pop("WWW-Authenticate", None)
        return reply_with(data, status, headers, document)
    return Reply(status, to_json(data), {**JSON, **headers})


def reply_with(body: Any, status: int, headers: Mapping[str, str], document: Document) -> Reply:
    """Return the reply with *body*, as `Document.error_body` returns it: JSON, a text, or None for no body."""
    if body is None:
        return Reply(status, b"", dict(headers))
    if isinstance(body, str):
        media_type = document.response_media_types(status)[0]
        return Reply(status, body.encode(), {"Content-Type": f"{media_type}; charset=utf-8", **headers})
    return Reply(status, to_json(body), {**JSON, **headers})


def _check_sample(document: Document, status: int, sample: Any) -> None:
    if status not in document.statuses:
        raise DocumentError(f"{document.name}: the operation has no response with status {status}")
    schema = document.response_schema(status)
    if schema is None and not isinstance(sample, dict):  # an error without a body, or with text
        return
    if schema is None:
        raise DocumentError(f"{document.name}: the response with status {status} is not JSON")
    try:
        violations = Validator(schema).violations(sample)
    except SchemaError as error:
        raise DocumentError(f"{document.name}: {error}") from error
    if violations:
        schema_of = f"its schema for status {status}"
        raise DocumentError(f"{document.name}: {schema_of} does not allow the mock's answer: {violations[0]}")


def _ranked_text(document: Any, places: dict[str, int] | None) -> str:
    if not isinstance(document, dict):
        return "\n".join(_leaves(document))
    if places is None:
        values = list(document.values())
    elif len(places) <= len(document):
        values = [document[field] for field in places if field in document]
    else:
        values = [document[field] for field in sorted(filter(places.__contains__, document), key=places.__getitem__)]
    try:
        return "\n".join(values)
    except TypeError:  # not all of them are strings, which is rare
        return "\n".join(_leaves(values))


def _leaves(value: Any) -> Iterator[str]:
    # A stack, because each level of nested generators would cost time for each leaf.
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


def _tokens(text: str) -> int:
    """Return about how many tokens a model would count: one for every four characters, rounded up."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)
