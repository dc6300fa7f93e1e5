"""Load Together's OpenAPI document, with or without the kit's corrections, and validate values against its schemas."""

from together_rerank_spec.document import READINGS, Document, DocumentError, dialect, dialects, load, read
from together_rerank_spec.overlay import OverlayError, apply_overlay
from together_rerank_spec.validation import Validator, Violation

__all__ = [
    "READINGS",
    "Document",
    "DocumentError",
    "OverlayError",
    "Validator",
    "Violation",
    "apply_overlay",
    "dialect",
    "dialects",
    "load",
    "read",
]
