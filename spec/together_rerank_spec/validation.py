"""Validate values against a JSON Schema: a fast check, and readable messages with JSON Pointers."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any, NoReturn

import jsonschema_rs


class SchemaError(ValueError):
    """A schema cannot be compiled; the message is one line."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One place where a value does not satisfy a schema.

    Attributes:
        pointer: JSON Pointer (RFC 6901) to the invalid part; "" for the whole value.
        message: what is wrong and what the schema accepts. It does not quote the value.
        keyword: the keyword of JSON Schema that the value does not satisfy; "" if there is none.
    """

    pointer: str
    message: str
    keyword: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.pointer or 'the whole body'} {self.message}"


class Validator:
    """Validates against a JSON Schema 2020-12; raises SchemaError if it is malformed or refers to another document."""

    def __init__(self, schema: dict[str, Any]) -> None:
        try:
            self._fast = jsonschema_rs.Draft202012Validator(schema, retriever=_reject_reference)
        except jsonschema_rs.ValidationError as error:
            raise SchemaError(_schema_error(error)) from error
        self._schema = schema

    def is_valid(self, value: Any) -> bool:
        """Return whether *value* satisfies the schema."""
        return self._fast.is_valid(value)

    def violations(self, value: Any, most: int = 5) -> list[Violation]:
        """Return the violations in *value*, at most *most* of them; an empty list if *value* is valid."""
        if self.is_valid(value):
            return []
        found = (
            Violation(pointer(error.absolute_path), _message(error), str(error.validator or ""))
            for error in self._explainer.iter_errors(value)
        )
        return list(dict.fromkeys(islice(found, most))) or [Violation("", "does not match the schema")]

    @cached_property
    def _explainer(self) -> Any:
        # jsonschema is slow to import, and only invalid values need it.
        from together_rerank_spec.violations import explainer

        return explainer(self._schema)


def _message(error: Any) -> str:
    # The schema `false` has no keyword, and jsonschema's message for it quotes the value.
    return "is not allowed" if error.schema is False else str(error.message)


def _schema_error(error: jsonschema_rs.ValidationError) -> str:
    resource, is_missing, _ = error.message.partition(" is not present in a registry")
    if is_missing:
        return f"a reference leads out of the document, which the kit does not follow: {resource}"
    place = pointer(error.instance_path)
    return f"the schema at {place} is malformed: {error.message}" if place else error.message


def pointer(path: Any) -> str:
    """Return *path*, a sequence of field names and indexes, as a JSON Pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _reject_reference(uri: str) -> NoReturn:
    raise ValueError(f"the reference {uri} leads out of the document")
