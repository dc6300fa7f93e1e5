"""What goes back to a client, before any server touches it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer.

    Attributes:
        headers: without those that a server adds, such as Content-Length.
        reason: why it is an error, for the log; None for a success.
        delivery: how the body goes out: `whole`, or the name of the wire fault that spoils it.
        pause_ms: between two pieces, when it drips.
        received: the body of the request, as far as it was read.
    """

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    reason: str | None = None
    delivery: str = "whole"
    pause_ms: int = 0
    received: bytes = b""
