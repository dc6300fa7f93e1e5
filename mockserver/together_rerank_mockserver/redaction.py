"""Redaction: what of a request may be kept or shown, so that no key is."""

import re
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from itertools import takewhile

from together_rerank_fixtures.redaction import Redactor
from together_rerank_mockserver import body
from together_rerank_mockserver.errors import InvalidRequest
from together_rerank_mockserver.rendering import to_json

_SECRET_NAME = re.compile(
    r"access(?!-control)|auth|cookie|credential|jwt|key|passw|pwd|secret|session|signature|token", re.IGNORECASE
)
_SECRET_VALUE = re.compile(r"\b(?:bearer|basic)\s+\S|\b(?:(?:sk|pk|key)[-_]|(?:tgp|ghp|hf)_)[\w-]{8,}", re.IGNORECASE)
# A shorter key cannot be told from a word.
_SHORTEST = 8
_REMOVED = "[key]"
_BETWEEN = re.compile(r"[\s,;=]+")
# JSON may write any character as an escape; those of ASCII are undone, save the two that JSON needs.
_NEEDLESS = re.compile(rb"\\/|\\u00[2-7]")
_ESCAPE = re.compile(rb"\\(?:u00([2-7][0-9a-fA-F])|(.))", re.DOTALL)


class Redaction:
    """What is left out of one request: headers that are, or look like, secrets, and what they hold wherever it recurs.

    Args:
        headers: as they came.
        named: the key is a name and may be shown.
    """

    def __init__(self, headers: Iterable[tuple[str, str]], *, named: bool) -> None:
        self._secrets: list[str] = []
        self.headers: dict[str, str] = {}
        for name, value in headers:
            kept_name = _kept_name(name)
            if kept_name and (len(value) < _SHORTEST or not _SECRET_VALUE.search(value)):
                self.headers[kept_name] = value
            elif not (named and name.lower() == "authorization"):
                self._secrets += _secrets(value)
        self._redactor = Redactor(self._secrets, _REMOVED)
        self.text = self._redactor.text
        if self._secrets and self.text("\n".join([*self.headers, *self.headers.values()])).count(_REMOVED):
            self.headers = {self.text(name): self.text(value) for name, value in self.headers.items()}

    def message(self, message: str) -> str:
        """Return *message* without what is secret, be it cut short, or in another case."""
        for secret in self._secrets:
            message = _without(secret, message)
        return message

    def content(self, content: bytes, limit: int) -> bytes:
        """Return the first *limit* bytes of *content*, a body in JSON or not, without what is secret."""
        if not self._secrets:
            return content[:limit]
        # So long is a secret at the most, as JSON may write it; of one that is cut at the end no half is left.
        longest = 6 * max(map(len, self._secrets))
        shown = content[: limit + 2 * longest]
        is_escaped = b"\\" in shown and _NEEDLESS.search(shown)
        if not is_escaped and not self._redactor.is_in_content(shown):
            return content[:limit]
        if len(content) <= limit:
            with suppress(InvalidRequest):
                return to_json(self._redactor.value(body.exact(content, body.parse(content))))[:limit]
        shown = self._redactor.content(_ESCAPE.sub(_unescaped, shown))
        return shown[:limit] if len(content) <= limit + 2 * longest else shown[: min(limit, len(shown) - longest)]


def _without(secret: str, message: str) -> str:
    """Return *message* without *secret*, in any case, and without its first letters where it was cut."""
    low, wanted = message.lower(), secret.lower()
    if len(low) != len(message):  # some letters grow
        low, wanted = message, secret
    kept, at = "", 0
    while (found := low.find(wanted[:_SHORTEST], at)) >= 0:
        kept += message[at:found] + _REMOVED
        at = found + sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(low[found:], wanted, strict=False)))
    return kept + message[at:]


def _secrets(value: str) -> list[str]:
    """Return what of the *value* of a header must be shown nowhere, longest first: all of it, and its words."""
    whole = value.strip()
    rest = whole.partition(" ")[2].strip()  # without the scheme
    found = {rest if len(rest) >= _SHORTEST else whole, *_BETWEEN.split(whole)}
    if not whole.isascii():  # WSGI has the bytes of a header as Latin-1, whatever they are
        found |= {each.encode("latin-1").decode(errors="ignore") for each in found if not each.isascii()}
    return sorted([each for each in found if len(each) >= _SHORTEST], key=len, reverse=True)


@lru_cache(maxsize=256)
def _kept_name(name: str) -> str | None:
    return None if _SECRET_NAME.search(name) else name.lower()


def _unescaped(escape: re.Match[bytes]) -> bytes:
    digits, character = escape.groups()
    if digits is None:
        return b"/" if character == b"/" else escape[0]
    plain = bytes([int(digits, 16)])
    return escape[0] if plain in (b'"', b"\\", b"\x7f") else plain
