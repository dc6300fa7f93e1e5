"""Secrets by value: wherever a key stands in what is kept or shown, its name stands instead."""

import base64
import html
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

# A shorter one cannot be told from a part of a word.
SHORTEST = 4
_ESCAPED = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(.))")


class Mask:
    """Puts `$NAME` in the place of a secret, however a body or a header may write it.

    Args:
        secret: None or "" when there is none.
    """

    def __init__(self, secret: str | None = None, name: str = "") -> None:
        self._shown = f"${name}"
        self._forms = sorted(_forms(secret), key=len, reverse=True) if secret and not is_short(secret) else []

    def text(self, text: str) -> str:
        """Return *text* without the secret."""
        for form in self._forms:
            text = text.replace(form, self._shown)
        return text

    def is_in(self, text: str) -> bool:
        """Return whether the secret can be read in *text*, though it be escaped, twice, or with a zero in between."""
        plain = text.replace(self._shown, " ").replace("\0", "")
        return any(form in reading for reading in _readings(plain) for form in self._forms)

    def content(self, content: bytes) -> bytes:
        """Return *content* without the secret."""
        for form in self._forms:
            content = content.replace(form.encode(), self._shown.encode())
        return content

    def value(self, value: Any) -> Any:
        """Return *value*, which JSON can hold, without the secret in any of its strings."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.value(each) for key, each in value.items()}
        return [self.value(each) for each in value] if isinstance(value, list) else value


def is_short(secret: str) -> bool:
    """Return whether *secret* is too short to be masked."""
    return len(secret) < SHORTEST


def _readings(text: str) -> Iterator[str]:
    """Yield what somebody may read who undoes the escapes of *text*."""
    yield text
    yield unquote(text)
    yield html.unescape(text)
    for _ in range(2):  # JSON, and JSON as a string of JSON
        text = _ESCAPED.sub(_character, text)
        yield text


def _character(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2]
    return chr(int(code, 16)) if code else escape[3]


def _forms(secret: str) -> set[str]:
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(secret)[1:-1].replace("/", "\\/"),
        json.dumps(json.dumps(secret)[1:-1])[1:-1],
        repr(secret)[1:-1],
        quote(secret),
        quote(secret, safe=""),
        base64.b64encode(secret.encode()).decode().rstrip("="),
    }
