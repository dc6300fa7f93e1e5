"""Load the OpenAPI documents of rerank APIs, and validate values against their schemas."""

from together_rerank_spec.document import (
    READINGS,
    TOGETHER,
    Document,
    DocumentError,
    dialect,
    dialect_of,
    dialects,
    load,
    operation_at,
    read,
    real_hosts,
)
from together_rerank_spec.mapping import value_at
from together_rerank_spec.overlay import OverlayError, apply_overlay
from together_rerank_spec.validation import Validator, Violation

__all__ = [
    "READINGS",
    "TOGETHER",
    "Document",
    "DocumentError",
    "OverlayError",
    "Validator",
    "Violation",
    "apply_overlay",
    "dialect",
    "dialect_of",
    "dialects",
    "load",
    "operation_at",
    "read",
    "real_hosts",
    "value_at",
]
