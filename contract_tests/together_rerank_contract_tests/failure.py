"""A failure that a check of Schemathesis found, as a line of a file between two processes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# In the environment of the process that finds them.
MODEL, FILE = "RERANK_CONTRACT_MODEL", "RERANK_CONTRACT_FAILURES"


@dataclass(frozen=True, slots=True)
class Failure:
    """One case that failed one check.

    Attributes:
        title: what kind of failure; of one check there are several.
        message: the check's own words.
        about: what was done to the case, where Schemathesis says so.
    """

    check: str
    title: str
    message: str
    about: str
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    content: bytes
    status: int
    received_headers: dict[str, str]
    received: bytes

    def write(self, path: Path) -> None:
        """Add it to the file at *path*."""
        fields: dict[str, Any] = asdict(self)
        coded = {name: base64.b64encode(fields[name]).decode() for name in ("content", "received")}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**fields, **coded}) + "\n")


def read(path: Path) -> Iterator[Failure]:
    """Yield what is in the file at *path*; a line that was not finished is left out."""
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []:
        if line.endswith("\n"):
            fields = json.loads(line)
            fields["headers"] = tuple((name, value) for name, value in fields["headers"])
            yield Failure(**{**fields, **{name: base64.b64decode(fields[name]) for name in ("content", "received")}})
