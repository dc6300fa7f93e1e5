"""The health of a mock: that it answers, and which version it is."""

from __future__ import annotations

from together_rerank_mockserver import __version__
from together_rerank_mockserver.rendering import to_json
from together_rerank_mockserver.reply import Reply


def well() -> dict[str, str]:
    """Return what a mock in good health says."""
    return {"status": "ok", "version": __version__}


def reply() -> Reply:
    """Return the reply to whoever asks for it."""
    return Reply(200, to_json(well()), {"Content-Type": "application/json"})
