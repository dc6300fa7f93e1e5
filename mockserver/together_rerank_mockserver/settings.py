"""What a mock is told to be: one value, parsed at the edge and passed on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from together_rerank_spec import Document, load, read

MAX_BODY = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one mock.

    Attributes:
        reading: of the vendored document, `corrected` or `vendored`.
        spec: another document in its place, read as it stands.
        overlay: what to apply to *spec*.
        api_keys: the keys let in; none given lets in any.
        models: the models served; none given serves any.
        max_body: the most bytes of a body that are read.
        log_format: `text` or `json`; None writes no line per request.
    """

    reading: str = "corrected"
    spec: Path | None = None
    overlay: Path | None = None
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    models: tuple[str, ...] = ()
    max_body: int = MAX_BODY
    log_format: str | None = None

    def document(self) -> Document:
        """Return the document to serve.

        Raises:
            DocumentError: it cannot be read.
        """
        return load(self.reading) if self.spec is None else read(self.spec, self.overlay)
