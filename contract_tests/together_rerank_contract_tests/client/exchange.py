"""One request with its response, and the request as a curl command."""

import json
import re
import shlex
import textwrap
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from together_rerank_fixtures.redaction import Redactor
from together_rerank_spec import Document, load

# The most characters of a body to show.
_MAX_SHOWN = 600
# The variable of the key, as `Transport` shows it: the whole key, or the key without a character at its end.
_VARIABLE = re.compile(r"(?:[A-Za-z]+ )?[A-Z]?\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*(?:[%#]\?)?\}[A-Z]?)", re.ASCII)
# The mock sends this header if it accepts any key, or any model, on purpose.
_ACCEPTS = "x-mock-accepts"
# Search only this many bytes of a body for secrets before it is cut to an excerpt.
_MAX_SEARCHED = 1 << 16


@dataclass(frozen=True)
class Exchange:
    """A request and its response.

    Attributes:
        headers: the request headers without the defaults of every request; `$NAME` replaces the key.
        content: the request body.
        received: the response body, after the Content-Encoding is removed, as far as it could be read.
        decode_error: why the response body could not be read or decoded completely; "" if there is no error.
        mask: removes the secrets, which an endpoint may echo, from text that is shown.
        secret_headers: the headers of --header; a variable such as `$API_KEY` replaces each value.
        query: the query of every request; a variable replaces each value. It can be put into double quotes in a shell.
        document: the document of the API that the request was written for.
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
    secret_headers: tuple[tuple[str, str], ...] = ()
    query: str = ""
    document: Document = field(default_factory=load, repr=False)

    @property
    def body(self) -> Any:
        """The response body parsed as JSON, which may contain NaN and Infinity; None if it is not JSON.

        Do not change it: it is cached.
        """
        return _parsed(self.received)

    @property
    def members(self) -> dict[str, Any]:
        """The members of the response body in the canonical form; empty if it has none."""
        return self.document.mapping.read_response(self.body)

    @cached_property
    def sent(self) -> Any:
        """The request body parsed as JSON; None if it is not JSON."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None

    @cached_property
    def request(self) -> Any:
        """The request body in the canonical form; None if it is not JSON."""
        return self.document.read_request(self.sent)

    @property
    def request_excerpt(self) -> str:
        return f"{self.method} {self.url}{self._query} {excerpt(self.content)}".strip()

    @property
    def response_excerpt(self) -> str:
        more = len(self.received) - _MAX_SEARCHED
        shown = self.mask.content(self.received[:_MAX_SEARCHED])
        return f"{self.status} {excerpt(shown, more=max(0, more))}".strip()

    @property
    def _query(self) -> str:
        return self.query and ("&" if "?" in self.url else "?") + self.query

    def accepts(self, feature: str) -> bool:
        """Return whether the header x-mock-accepts lists *feature*: `any-key` or `any-model`."""
        return feature in self.received_headers.get(_ACCEPTS, "").replace(",", " ").split()

    @property
    def curl(self) -> str:
        """The request as a shell command; it reads the secrets from environment variables."""
        method = ["-X", shlex.quote(self.method)] if self.method != "POST" or not self.content else []
        headers, key_header = self.headers, self.document.key_header or "Authorization"
        if self.content and not any(name.lower() == "content-type" for name, _ in headers):
            headers = (*headers, ("Content-Type", ""))
        header_options = [part for name, value in headers for part in ("-H", _quoted(name, value, key_header))]
        header_options += [part for name, value in self.secret_headers for part in ("-H", f'"{name}: {value}"')]
        data, pipe = _data_options(self.content)
        url = shlex.quote(self.url) + (f'"{self._query}"' if self.query else "")
        return pipe + " ".join(["curl", "-sS", "-i", *method, *header_options, *data, url])


def excerpt(content: bytes | str, max_length: int = _MAX_SHOWN, *, more: int = 0) -> str:
    """Return *content*, of which *more* characters are missing, as one printable line of *max_length* characters."""
    text = content if isinstance(content, str) else content.decode("utf-8", "backslashreplace")
    shown = printable(text[: max_length + 1])
    return shown if len(text) <= max_length else f"{shown[:max_length]}... ({len(text) + more} in all)"


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


@lru_cache(maxsize=2)  # a run may store many bodies, but no parsed copies of them
def _parsed(content: bytes) -> Any:
    try:
        body = json.loads(content.decode("utf-8-sig"))
        if b"\\u" in content:
            json.dumps(body, ensure_ascii=False).encode()  # a lone surrogate is not valid text
    except (ValueError, RecursionError):
        return None
    return body


def _quoted(name: str, value: str, key_header: str) -> str:
    """Return a header quoted for a shell, which expands the variable of the key and nothing else."""
    if name == key_header and _VARIABLE.fullmatch(value):
        return f'"{name}: {value}"'
    if name == key_header and not value:
        return f"'{name};'"  # with the semicolon, curl sends an empty header
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
