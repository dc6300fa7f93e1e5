"""The durations that can be asked for, and the most of each."""

from __future__ import annotations

MOST_MS = {
    "delay": 3_600_000,
    "jitter": 3_600_000,
    "pause": 60_000,
    "retry_after": 86_400_000,
    "retry_after_ms": 86_400_000,
}
