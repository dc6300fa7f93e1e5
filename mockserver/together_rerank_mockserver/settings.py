"""What a mock is told to be: one value, parsed at the edge and passed on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from together_rerank_spec import Document, load, read

MAX_BODY = 32 * 1024 * 1024
JOURNAL_MAX = 1000
JOURNAL_BODY = 64 * 1024
# What to replay, in the place of a folder: the exchanges that the kit has.
LIBRARY = "library"


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one mock.

    Attributes:
        reading: of the vendored document, `corrected` or `vendored`.
        spec: another document in its place, read as it stands.
        overlay: what to apply to *spec*.
        replay: a folder of exchanges whose requests get the answers recorded in it, or `library` for the kit's own.
        api_keys: the keys let in; none given lets in any.
        models: the models served; none given serves any.
        max_body: the most bytes of a body that are read.
        log_format: `text` or `json`; None writes no line per request.
        fault: what every call meets, in the text form of an order.
        chaos: faults and how often they are met, such as `429=0.2`.
        seed: of all that is left to chance.
        latency_ms: how long every answer is kept back.
        rate_limit: the calls that each namespace has, such as `60/minute`.
        max_in_flight: the most calls of a namespace that are answered at the same time; 0 for any number.
        journal_max: the most requests that each namespace's journal keeps.
        journal_body: the most bytes of a body that the journal keeps.
        one_namespace: whether all keys share one, those that are names too.
        admin_token: opens the control plane, and is needed to; None opens it to this machine.
        cors: the origins whose pages may read answers.
        host: the address that is listened on.
    """

    reading: str = "corrected"
    spec: Path | None = None
    overlay: Path | None = None
    replay: str | None = None
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    models: tuple[str, ...] = ()
    max_body: int = MAX_BODY
    log_format: str | None = None
    fault: str | None = None
    chaos: tuple[str, ...] = ()
    seed: int = 0
    latency_ms: int = 0
    rate_limit: str | None = None
    max_in_flight: int = 0
    journal_max: int = JOURNAL_MAX
    journal_body: int = JOURNAL_BODY
    one_namespace: bool = False
    admin_token: str | None = field(default=None, repr=False)
    cors: tuple[str, ...] = ()
    host: str = "127.0.0.1"

    def document(self) -> Document:
        """Return the document to serve.

        Raises:
            DocumentError: it cannot be read.
        """
        return load(self.reading) if self.spec is None else read(self.spec, self.overlay)
