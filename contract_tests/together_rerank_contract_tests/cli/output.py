"""Write the output of the commands: to the terminal, and to files, atomically."""

import sys
from contextlib import suppress
from pathlib import Path

import click


def show(text: str, *, to_stderr: bool = False) -> None:
    """Print *text*; ignore a closed pipe, and escape characters that the encoding lacks."""
    out = sys.stderr if to_stderr else sys.stdout
    if out is None:  # the process started with the stream closed
        return
    encoding = getattr(out, "encoding", None) or "utf-8"
    with suppress(OSError, ValueError):
        out.write(text.encode(encoding, "backslashreplace").decode(encoding))
        out.flush()


def check_file(path: Path) -> None:
    """Raise UsageError if *path* is not a file in an existing folder."""
    if not path.name or not path.parent.is_dir():
        raise click.UsageError(f"'{path}' does not name a file in an existing folder")


def append_to_file(path: Path, text: str) -> str:
    """Append *text* to the file *path*; return the error, "" if there is none."""
    try:
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        return f"{path}: {error.strerror}"
    return ""


def write_file(path: Path, text: str) -> str:
    """Write *text* to *path* atomically; return the error, "" if there is none."""
    try:
        path = path.resolve()
        if path.exists() and not path.is_file() and not path.is_dir():  # do not replace a pipe or a device
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
            return ""
        draft = path.with_name(f".{path.name}.part")
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")
        draft.replace(path)
    except OSError as error:
        return f"{path}: {error.strerror}"
    return ""
