"""The health of a mock: that it answers, and which version it is."""

from __future__ import annotations

from together_rerank_mockserver.rendering import to_json
from together_rerank_mockserver.reply import Reply


def version() -> str:
    """Return which version this is."""
    from importlib import metadata  # slow to import

    return metadata.version("together-rerank-kit")


def well() -> dict[str, str]:
    """Return what a mock in good health says."""
    return {"status": "ok", "version": version()}


def reply() -> Reply:
    """Return the reply to whoever asks for it."""
    return Reply(200, to_json(well()), {"Content-Type": "application/json"})
