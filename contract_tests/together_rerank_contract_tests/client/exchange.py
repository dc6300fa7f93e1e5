"""One request with its response, and the request as a curl command."""

import json
import re
import shlex
import textwrap
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from together_rerank_fixtures.redaction import Redactor

# The most characters of a body to show.
_MAX_SHOWN = 600
# The mock sends this header if it accepts any key, or any model, on purpose.
_ACCEPTS = "x-mock-accepts"


@dataclass(frozen=True)
class Exchange:
    """A request and its response.

    Attributes:
        headers: the request headers without the defaults of every request; `$NAME` replaces the key.
        content: the request body.
        received: the response body, after the Content-Encoding is removed.
        decode_error: why the Content-Encoding of the response could not be decoded; "" if there is no error.
        mask: removes the key, which an endpoint may echo, from text that is shown.
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
        """The response body parsed as JSON, which may contain NaN and Infinity; None if it is not JSON."""
        try:
            body = json.loads(self.received.decode("utf-8-sig"))
            json.dumps(body, ensure_ascii=False).encode()  # a lone surrogate is not valid text
        except (ValueError, RecursionError):
            return None
        return body

    @property
    def members(self) -> dict[str, Any]:
        """The members of the response body; empty if it is not an object."""
        return self.body if isinstance(self.body, dict) else {}

    @cached_property
    def request(self) -> Any:
        """The request body parsed as JSON; None if it is not JSON."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None

    @property
    def request_excerpt(self) -> str:
        return f"{self.method} {self.url} {excerpt(self.content)}".strip()

    @property
    def response_excerpt(self) -> str:
        return f"{self.status} {excerpt(self.mask.content(self.received))}".strip()

    def accepts(self, feature: str) -> bool:
        """Return whether the header x-mock-accepts lists *feature*: `any-key` or `any-model`."""
        return feature in self.received_headers.get(_ACCEPTS, "").replace(",", " ").split()

    @property
    def curl(self) -> str:
        """The request as a shell command; it reads the key from an environment variable."""
        method = ["-X", shlex.quote(self.method)] if self.method != "POST" or not self.content else []
        headers = self.headers
        if self.content and not any(name.lower() == "content-type" for name, _ in headers):
            headers = (*headers, ("Content-Type", ""))
        header_options = [part for name, value in headers for part in ("-H", _quoted(name, value))]
        data, pipe = _data_options(self.content)
        return pipe + " ".join(["curl", "-sS", "-i", *method, *header_options, *data, shlex.quote(self.url)])


def excerpt(content: bytes | str, max_length: int = _MAX_SHOWN) -> str:
    """Return *content* as one printable line, cut to *max_length* characters."""
    text = content if isinstance(content, str) else content.decode("utf-8", "backslashreplace")
    shown = printable(text[: max_length + 1])
    return shown if len(text) <= max_length else f"{shown[:max_length]}... ({len(content)} in all)"


def printable(text: str) -> str:
    """Return *text* with every unprintable character escaped, and also `##[`, which starts a command on GitHub."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text).replace("##[", "#\\x23[")


def wrap(label: str, text: str, width: int = 110) -> list[str]:
    """Wrap *text* to *width*; put *label* before the first line, and indent the other lines by its length."""
    lines = textwrap.wrap(
        printable(text), width, initial_indent=label, subsequent_indent=" " * len(label), break_on_hyphens=False
    )
    # On GitHub, a line that starts with `::`, even after spaces, is a command.
    return [re.sub("^( *):(?=:)", r"\1\\x3a", line) for line in lines] or [label]


def _quoted(name: str, value: str) -> str:
    """Return a header quoted for a shell, which expands the variable of the key and nothing else."""
    variable = value.removeprefix("Bearer $")
    if name == "Authorization" and variable != value and variable.isidentifier():
        return f'"{name}: Bearer ${variable}"'
    # "Name:" tells curl not to send the header, not even its own default.
    return shlex.quote(f"{name}: {value}" if value else f"{name}:")


def _data_options(content: bytes) -> tuple[list[str], str]:
    if not content:
        return [], ""
    text = content.decode("utf-8", "replace")
    if text.encode() == content and all(each.isprintable() for each in text):
        return ["--data-raw", shlex.quote(text)], ""
    # Pass bytes that are not printable text through printf.
    escaped = "".join(chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\0{byte:03o}" for byte in content)
    return ["--data-binary", "@-"], f"printf %b {shlex.quote(escaped)} | "
