"""Validate a value against a JSON Schema: a fast yes or no, and sentences with JSON Pointers for people."""

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, NoReturn

import jsonschema_rs


class SchemaError(ValueError):
    """A schema that cannot be compiled; the message is one line."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that a value does wrong.

    Attributes:
        pointer: JSON Pointer (RFC 6901) to the offending part, "" for the whole value.
        message: what is wrong and what would be accepted, without quoting the value.
    """

    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.pointer or 'the whole body'} {self.message}"


class Validator:
    """Validates against a JSON Schema 2020-12; raises SchemaError if that is malformed or refers outside itself."""

    def __init__(self, schema: dict[str, Any]) -> None:
        try:
            self._fast = jsonschema_rs.Draft202012Validator(schema, retriever=_refuse)
        except jsonschema_rs.ValidationError as fault:
            raise SchemaError(_complaint(fault)) from fault
        self._schema = schema

    def is_valid(self, value: Any) -> bool:
        """Return whether *value* satisfies the schema."""
        return self._fast.is_valid(value)

    def violations(self, value: Any, most: int = 5) -> list[Violation]:
        """Return what is wrong with *value*, *most* of it at the most; nothing when it is valid."""
        if self.is_valid(value):
            return []
        found = (
            Violation(pointer(error.absolute_path), _message(error)) for error in self._explainer.iter_errors(value)
        )
        return list(dict.fromkeys(islice(found, most))) or [Violation("", "does not match the schema")]

    @cached_property
    def _explainer(self) -> Any:
        # jsonschema is slow to import, and only invalid values need it.
        from together_rerank_spec.violations import explainer

        return explainer(self._schema)


def _message(error: Any) -> str:
    # The schema `false` has no keyword; jsonschema's words for it quote the value.
    return "is not allowed" if error.schema is False else str(error.message)


def _complaint(fault: jsonschema_rs.ValidationError) -> str:
    resource, absent, _ = fault.message.partition(" is not present in a registry")
    if absent:
        return f"a reference leads out of the document, which is not followed: {resource}"
    place = pointer(fault.instance_path)
    return f"the schema at {place} is malformed: {fault.message}" if place else fault.message


def pointer(path: Any) -> str:
    """Return the JSON Pointer (RFC 6901) that leads along *path*: names of fields and indexes."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"the reference {uri} leads out of the document")
