"""A report as a file: written whole or not at all, and refused before anything is sent where it cannot be."""

from __future__ import annotations

from pathlib import Path

import click


def check(path: Path) -> None:
    """Let *path* pass if a report may be written there.

    Raises:
        UsageError: it may not.
    """
    if not path.name or not path.parent.is_dir():
        raise click.UsageError(f"'{path}': there is no such folder, or it names no file")


def write(path: Path, text: str) -> str:
    """Write *text* to *path*, all of it or nothing; return what kept it from that, if anything did."""
    try:
        path = path.resolve()
        if path.exists() and not path.is_file() and not path.is_dir():  # a pipe or a device stays what it is
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
            return ""
        draft = path.with_name(f".{path.name}.part")
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")
        draft.replace(path)
    except OSError as fault:
        return f"{path}: {fault.strerror}"
    return ""
