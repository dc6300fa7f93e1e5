"""The paths that are the mock's own, and none of the API's."""

from __future__ import annotations

HEALTH = "/health"
ADMIN = "/__admin"


def is_admin(path: str) -> bool:
    """Return whether *path* is of the control plane."""
    return path == ADMIN or path.startswith(f"{ADMIN}/")


def is_own(path: str) -> bool:
    """Return whether *path* is the mock's own, and so no business of the journal."""
    return path == HEALTH or is_admin(path)
