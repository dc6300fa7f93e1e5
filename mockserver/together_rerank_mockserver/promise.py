"""The promise: that a document allows every answer that the mock gives."""

from __future__ import annotations

from typing import Any

from together_rerank_mockserver import rendering
from together_rerank_mockserver.errors import InvalidRequest
from together_rerank_mockserver.ranking import Ranked
from together_rerank_spec import Document, DocumentError, Validator
from together_rerank_spec.validation import SchemaError


def check(document: Document) -> None:
    """Hold a sample of each kind of answer to *document*; raise DocumentError when it promises other answers."""
    ranking = [Ranked(1, 0.5), Ranked(0, 0.0)]
    used = rendering.usage("query", ["a", "b"])
    samples: list[tuple[int, Any]] = [
        (200, rendering.answer("id", "model", rendering.results(ranking, documents), used))
        for documents in (["a", {"b": 1}], None)
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
        raise DocumentError(
            f"{document.name}: its schema for status {status} does not allow the mock's answer: {violations[0]}"
        )
