"""What a newer document changes for clients of the operation, and whether it breaks them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from together_rerank_spec.change import Change, Difference, Effect, annotation_changes, field_changes
from together_rerank_spec.document import Document, DocumentError
from together_rerank_spec.endpoint_difference import endpoint_differences
from together_rerank_spec.overlay import misfits
from together_rerank_spec.schema_difference import SchemaComparison
from together_rerank_spec.schema_form import as_text
from together_rerank_spec.validation import SchemaError, Validator

Words = dict[Effect, str]

_BREAKS_REQUESTS: Words = {
    Effect.NARROWED: "what was accepted may be refused now",
    Effect.DEFAULT: "what is left out may mean something else now",
    Effect.UNKNOWN: "whether all that was accepted still is cannot be told",
}
_BREAKS_RESPONSES: Words = {
    Effect.WIDENED: "what never came may come now",
    Effect.UNKNOWN: "whether only what came before comes now cannot be told",
}
_MISSHAPEN = (ArithmeticError, AttributeError, IndexError, KeyError, TypeError)
_HARMLESS: Words = {
    Effect.NARROWED: "only what came before can come",
    Effect.WIDENED: "all that was accepted still is",
    Effect.DEFAULT: "of an answer it describes, and decides nothing",
    Effect.NEW_FIELD: "clients need not know it",
}


def differences(older: Document, newer: Document, overlay: Any = None) -> list[Difference]:
    """Return what *newer* changes, what breaks clients first, and the actions of *overlay* that do not apply to it.

    Only the operation is compared, with what it refers to. A request breaks where something that was
    accepted may be refused, a response where something may come that never came.

    Raises:
        DocumentError: a document's operation cannot be read to its end.
        OverlayError: *overlay* is no overlay.
    """
    for document in (older, newer):
        _check(document)
    try:
        found = [
            *endpoint_differences(older, newer),
            *_of_operation(older, newer),
            *_of_request(older, newer),
            *_of_responses(older, newer),
        ]
    except _MISSHAPEN as fault:
        raise _misshapen(f"{newer.name}, or {older.name}", fault) from fault
    except RecursionError as fault:
        raise DocumentError(f"{newer.name}, or {older.name}: its references go too deep") from fault
    if overlay is not None:
        found += _of_overlay(newer, overlay)
    return sorted(found, key=lambda each: not each.is_breaking)


def _check(document: Document) -> None:
    try:
        for schema in (document.request_schema, *map(document.response_schema, document.statuses)):
            Validator(schema or {})
    except SchemaError as fault:
        raise DocumentError(f"{document.name}: {fault}") from fault
    except _MISSHAPEN as fault:
        raise _misshapen(document.name, fault) from fault


def _misshapen(names: str, fault: Exception) -> DocumentError:
    return DocumentError(f"{names}: not the shape of an OpenAPI document ({type(fault).__name__}: {fault})")


def _of_operation(older: Document, newer: Document) -> Iterator[Difference]:
    compared = ("operationId", "parameters", "requestBody", "responses", "security", "servers")
    found = field_changes(older.operation, newer.operation, compared, describing=("tags",))
    yield from _told("operation", found, _BREAKS_REQUESTS)


def _of_request(older: Document, newer: Document) -> Iterator[Difference]:
    for kind in ("query", "header", "cookie", "path"):
        was, now = (
            _as_fields({each["name"]: each for each in document.parameters if each["in"] == kind}, closed=True)
            for document in (older, newer)
        )
        yield from _told(f"request {kind}", SchemaComparison(older, newer).changes(was, now), _BREAKS_REQUESTS)
    old, new = (document.resolve(document.operation["requestBody"]) for document in (older, newer))
    yield from _told("request body", _of_body(old, new), _BREAKS_REQUESTS)
    yield from _told("request", _of_content(SchemaComparison(older, newer), old, new, Effect.WIDENED), _BREAKS_REQUESTS)


def _of_body(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    yield from field_changes(old, new, compared=("content", "required"))
    was, now = (each.get("required", False) for each in (old, new))
    if was != now:
        yield Change(" required", as_text(was), as_text(now), Effect.NARROWED if now else Effect.WIDENED)


def _of_responses(older: Document, newer: Document) -> Iterator[Difference]:
    (old, noted), (new, renoted) = map(_responses, (older, newer))
    yield from _told("operation responses", annotation_changes(noted, renoted), _BREAKS_RESPONSES)
    statuses: dict[Difference, list[str]] = {}
    for status in (each for each in old if each in new):
        comparison = SchemaComparison(older, newer)
        headers = comparison.changes(_headers(older, old[status]), _headers(newer, new[status]))
        found = chain(
            field_changes(old[status], new[status], compared=("content", "headers"), describing=("links",)),
            (replace(each, place=f" header {each.place}") for each in headers),
            _of_content(comparison, old[status], new[status], Effect.NEW_FIELD),
        )
        for each in _told("", found, _BREAKS_RESPONSES):
            statuses.setdefault(each, []).append(status)
    yield from (replace(each, place=f"{' '.join(of)} {each.place}".strip()) for each, of in statuses.items())
    for status in (each for each in old if each not in new):
        is_success = status.startswith("2")
        why = "the answer that clients wait for is promised no more" if is_success else "an error less to meet"
        yield Difference(status, str(old[status].get("description", "")), None, is_success, why)
    for status in (each for each in new if each not in old):
        is_error = status[0] in "45d"
        why = "clients meet errors that are not listed anyway" if is_error else "an answer that clients do not know of"
        yield Difference(status, None, str(new[status].get("description", "")), not is_error, why)


def _responses(document: Document) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the responses by status, and what is noted beside them."""
    listed = document.operation["responses"]
    noted = {key: value for key, value in listed.items() if key.startswith("x-")}
    return {status: document.resolve(listed[status]) for status in listed if status not in noted}, noted


def _headers(document: Document, response: dict[str, Any]) -> dict[str, Any]:
    headers = {name.lower(): document.resolve(header) for name, header in (response.get("headers") or {}).items()}
    return _as_fields(headers, closed=False)


def _as_fields(described: dict[str, dict[str, Any]], *, closed: bool) -> dict[str, Any]:
    """Return parameters or headers as the schema of an object with a field for each."""
    return {
        "properties": {
            name: {"allOf": [each.get("schema", True)], "description": each.get("description", "")}
            for name, each in described.items()
        },
        "required": [name for name, each in described.items() if each.get("required")],
        "additionalProperties": not closed,
    }


def _of_content(
    comparison: SchemaComparison, old: dict[str, Any], new: dict[str, Any], one_more: Effect
) -> Iterator[Change]:
    was, now = (each.get("content") or {} for each in (old, new))
    for media in {**was, **now}:
        if media not in now:
            # For an answer, what comes in its place never came.
            effect = Effect.NARROWED if one_more is Effect.WIDENED else Effect.WIDENED
            yield Change(f" {media}", media, None, effect, "a media type less")
        elif media not in was:
            yield Change(f" {media}", None, media, one_more, "a media type more")
        else:
            prefix = f" {media} " if len({**was, **now}) > 1 else " "
            schemas = (each[media].get("schema", True) for each in (was, now))
            found = chain(field_changes(was[media], now[media], compared=("schema",)), comparison.changes(*schemas))
            yield from (replace(each, place=f"{prefix}{each.place}") for each in found)


def _told(where: str, found: Iterable[Change], breaking: Words) -> Iterator[Difference]:
    for each in found:
        words = breaking.get(each.effect) or _HARMLESS.get(each.effect, "")
        place = " ".join(f"{where} {each.place}".split())
        why = ": ".join(filter(None, (each.what, words)))
        yield Difference(place, each.was, each.now, each.effect in breaking, why)


def _of_overlay(newer: Document, overlay: Any) -> Iterator[Difference]:
    for each in misfits(newer.content, overlay):
        update = "remove" if each.update is None else as_text(each.update)
        if each.is_needless:
            why = f"the overlay's action has become needless, {each.target}: the document says so itself now"
        else:
            why = f"the overlay's action no longer applies, {each.target}: {each.because}"
        yield Difference(f"overlay action {each.number}", update, None, not each.is_needless, why)
