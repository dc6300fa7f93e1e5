"""What the API promises: the vendored document, how the kit reads it, and values held to its schemas."""

from together_rerank_spec.document import READINGS, Document, DocumentError, load, read, read_overlay
from together_rerank_spec.overlay import Misfit, OverlayError, apply_overlay, misfits
from together_rerank_spec.validation import Validator, Violation

__all__ = [
    "READINGS",
    "Document",
    "DocumentError",
    "Misfit",
    "OverlayError",
    "Validator",
    "Violation",
    "apply_overlay",
    "load",
    "misfits",
    "read",
    "read_overlay",
]
