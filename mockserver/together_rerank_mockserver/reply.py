"""What goes back to a client, before any server touches it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

# How a reply goes out: as it is, or as the wire fault of that name has it.
Delivery = Literal["whole", "drip", "truncate", "hang", "reset", "empty"]


@dataclass(slots=True)
class Reply:
    """One answer; not to be changed, and not frozen only because that trebles the time to make it.

    Attributes:
        headers: without those that a server adds, such as Content-Length.
        reason: why it is an error, for the log; None for a success.
        pause_ms: between two pieces, when it drips.
        received: the body of the request, as far as it was read.
        namespace: that the request is in.
        generation: of the namespace, when the request came.
    """

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    reason: str | None = None
    delivery: Delivery = "whole"
    pause_ms: int = 0
    received: bytes = b""
    namespace: str = "default"
    generation: int = 0

    @property
    def retry_after(self) -> float | None:
        """In how many seconds the client is told to come again; None when it is not."""
        milliseconds, seconds = _number(self.headers.get("retry-after-ms")), _number(self.headers.get("Retry-After"))
        return seconds if milliseconds is None else milliseconds / 1000

    @property
    def is_sent(self) -> bool:
        """Whether the client gets any of it."""
        return self.delivery not in ("hang", "reset", "empty")


def _number(header: str | None) -> float | None:
    """Return the number from 0 that *header* is; None when it is none, as a recorded date."""
    return float(header) if header and re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,6})?", header) else None
