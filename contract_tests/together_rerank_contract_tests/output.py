"""What the commands write: to the terminal, whoever reads it, and to files, whole or not at all."""

import sys
from contextlib import suppress
from pathlib import Path

import click


def show(text: str, *, to_stderr: bool = False) -> None:
    """Write *text*; whoever reads may have left, or know fewer characters."""
    out = sys.stderr if to_stderr else sys.stdout
    if out is None:  # closed before the start
        return
    encoding = getattr(out, "encoding", None) or "utf-8"
    with suppress(OSError, ValueError):
        out.write(text.encode(encoding, "backslashreplace").decode(encoding))
        out.flush()


def check_file(path: Path) -> None:
    """Raise UsageError if no report may be written to *path*."""
    if not path.name or not path.parent.is_dir():
        raise click.UsageError(f"'{path}': there is no such folder, or it names no file")


def write_file(path: Path, text: str) -> str:
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
