"""One request and all that came back, and the request as a line that can be run again."""

import json
import shlex
import textwrap
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from together_rerank_fixtures.redaction import Redactor

# Of a text that is shown.
_LONGEST = 600
# Header by which the mock says that it accepts any key, or any model, on purpose.
_ACCEPTS = "x-mock-accepts"


@dataclass(frozen=True)
class Exchange:
    """A request and its answer.

    Attributes:
        headers: what was sent beside what every request has; the key's name stands in the place of the key.
        content: the bytes that were sent.
        received: the bytes that came, without their encoding.
        decode_error: why the body could not be read as HTTP has it, "" when it could.
        mask: takes the key, which an endpoint may echo, out of what is shown.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    content: bytes
    status: int
    received_headers: dict[str, str]
    received: bytes
    decode_error: str = ""
    mask: Redactor = field(default_factory=Redactor)

    @cached_property
    def body(self) -> Any:
        """What came, read as JSON; NaN and Infinity are read too. None when it is no JSON."""
        try:
            body = json.loads(self.received.decode("utf-8-sig"))
            json.dumps(body, ensure_ascii=False).encode()  # half a character is none
        except (ValueError, RecursionError):
            return None
        return body

    @property
    def members(self) -> dict[str, Any]:
        """The members of the body; empty if it is not an object."""
        return self.body if isinstance(self.body, dict) else {}

    @cached_property
    def request(self) -> Any:
        """What was sent, read as JSON; None when it is none."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None

    @property
    def sent(self) -> str:
        return f"{self.method} {self.url} {excerpt(self.content)}".strip()

    @property
    def answered(self) -> str:
        return f"{self.status} {excerpt(self.mask.content(self.received))}".strip()

    def accepts(self, what: str) -> bool:
        """Return whether the endpoint declares that it accepts *what*: `any-key` or `any-model`."""
        return what in self.received_headers.get(_ACCEPTS, "").replace(",", " ").split()

    @property
    def curl(self) -> str:
        """The request as a command for a shell; the key is a variable of the environment."""
        method = ["-X", shlex.quote(self.method)] if self.method != "POST" or not self.content else []
        headers = self.headers
        if self.content and not any(name.lower() == "content-type" for name, _ in headers):
            headers = (*headers, ("Content-Type", ""))
        given = [part for name, value in headers for part in ("-H", _quoted(name, value))]
        data, piped = _data(self.content)
        return piped + " ".join(["curl", "-sS", "-i", *method, *given, *data, shlex.quote(self.url)])


def excerpt(content: bytes | str, longest: int = _LONGEST) -> str:
    """Return *content* as one line of text that can be shown, cut where it is long."""
    text = content if isinstance(content, str) else content.decode("utf-8", "backslashreplace")
    shown = printable(text[: longest + 1])
    return shown if len(text) <= longest else f"{shown[:longest]}... ({len(content)} in all)"


def printable(text: str) -> str:
    """Return *text* with an escape for each character that a terminal or a log would act on."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def wrapped(label: str, text: str, width: int = 110) -> list[str]:
    """Wrap *text* to *width*, with *label* before the first line and the others indented to match."""
    lines = textwrap.wrap(
        printable(text), width, initial_indent=label, subsequent_indent=" " * len(label), break_on_hyphens=False
    )
    return lines or [label]


def _quoted(name: str, value: str) -> str:
    """Return a header in quotes in which a shell puts the key for its variable, and does nothing else."""
    variable = value.removeprefix("Bearer $")
    if name == "Authorization" and variable != value and variable.isidentifier():
        return f'"{name}: Bearer ${variable}"'
    # Of a header without a value curl is to send none, not even its own.
    return shlex.quote(f"{name}: {value}" if value else f"{name}:")


def _data(content: bytes) -> tuple[list[str], str]:
    if not content:
        return [], ""
    text = content.decode("utf-8", "replace")
    if text.encode() == content and all(each.isprintable() for each in text):
        return ["--data-raw", shlex.quote(text)], ""
    # What an argument cannot hold, or a terminal would not show, goes through printf.
    escaped = "".join(chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\0{byte:03o}" for byte in content)
    return ["--data-binary", "@-"], f"printf %b {shlex.quote(escaped)} | "
