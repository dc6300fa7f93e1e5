"""Redact the secrets of a request: headers that are or look like secrets, and secrets in URLs in other headers."""

import re
from collections.abc import Iterable
from functools import lru_cache

from together_rerank_fixtures.redaction import REACH, SHORTEST, Redactor, Span, replaced, spans

_SECRET_NAME = re.compile(
    r"access(?!-control)|auth|cookie|credential|jwt|key|passw|pwd|secret|session|signature|token", re.IGNORECASE
)
_SECRET_VALUE = re.compile(r"\b(?:bearer|basic)\s+\S|\b(?:(?:sk|pk|key)[-_]|(?:tgp|ghp|hf)_)[\w-]{8,}", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,;=\"]+")
# Redactors for more characters of secrets are not cached: they take much memory.
_USUAL = 1_000
# A header without these characters has no URL with a query or a password.
_OF_A_URL = re.compile(r"[=%@\\&]")
_PARAMETER = re.compile(rb"((?:[?&#]|(?<![^\s;,\"'<>(]))[^\s;,\"'<>(?&#=]++)=[\"']?")
_VALUE = re.compile(rb"[^\s;\"'<>&#]+")
_SECRET_PARAMETER = re.compile(
    rb"^[?&#](?:code|sig)$|access|auth(?!ors?$)|credential|jwt|key(?!word)|passw|pwd|secret|session|signature|token(?!s)",
    re.IGNORECASE,
)
_PASSWORD = re.compile(rb"//(?:[^/?#\s@:]*:)?([^/?#\s]+)@")


class Redaction:
    """Redacts one request: removes headers that are or look like secrets, and replaces their values elsewhere.

    Args:
        headers: the headers as received.
        named: whether the key is the name of a namespace, which may be shown.
        key_header: the header of the key, in lower case.
    """

    def __init__(self, headers: Iterable[tuple[str, str]], *, named: bool, key_header: str = "authorization") -> None:
        hidden: list[str] = []
        self.headers: dict[str, str] = {}
        for name, value in headers:
            kept_name = _kept_name(name, key_header)
            if kept_name and (len(value) < SHORTEST or not _SECRET_VALUE.search(value)):
                self.headers[kept_name] = value
            elif not (named and name.lower() == key_header):
                hidden.append(value)
        joined = "\n".join([*self.headers, *self.headers.values()])
        if _OF_A_URL.search(joined):
            self.headers = {name: _without_secrets_in_urls(value, hidden) for name, value in self.headers.items()}
        self._redactor = (_recent if sum(map(len, hidden)) <= _USUAL else _redactor)(*hidden)
        self._has_secrets = bool(hidden)
        self.text = self._redactor.text
        self.message = self._redactor.message
        if hidden and self.text(joined) is not joined:
            self.headers = {self.text(name): self.text(value) for name, value in self.headers.items()}

    def content(self, content: bytes, limit: int) -> bytes:
        """Return the first *limit* bytes of *content*, with the secrets replaced."""
        if not self._has_secrets:
            return content[:limit]
        shown = self._redactor.content(content[: limit + 2 * REACH])
        # The last bytes of truncated content may be a part of a secret.
        return shown[:limit] if len(content) <= limit + 2 * REACH else shown[: min(limit, len(shown) - REACH)]


def _redactor(*values: str) -> Redactor:
    return Redactor(secret for value in values for secret in _secrets(value))


# A client sends the same secrets each time.
_recent = lru_cache(maxsize=16)(_redactor)


def _secrets(value: str) -> set[str]:
    """Return the secrets in the *value* of a header: the value without its scheme, and its words."""
    whole = value.strip()
    rest = whole.partition(" ")[2].strip()  # without the scheme
    found = {rest if len(rest) >= SHORTEST else whole, *_BETWEEN.split(whole)}
    # WSGI replaces underscores in header names with hyphens.
    return {form for each in found if len(each) >= SHORTEST for form in (each, each.replace("_", "-"))}


def _without_secrets_in_urls(value: str, hidden: list[str]) -> str:
    """Return the *value* of a header without the secrets in its URLs, which are added to those *hidden*."""
    content = value.encode(errors="surrogatepass")
    if not (found := spans(content, _in_urls, depth=2)):
        return value
    hidden += [content[start:end].decode(errors="replace") for start, end in found]
    return replaced(content, found, b"[key]").decode(errors="replace")


def _in_urls(text: bytes) -> list[Span]:
    """Return where *text* has a secret parameter of a URL, or a password before its host."""
    found, at = [each.span(1) for each in _PASSWORD.finditer(text)], 0
    for each in _PARAMETER.finditer(text):
        if each.end() >= at and _SECRET_PARAMETER.search(each[1]) and (value := _VALUE.match(text, each.end())):
            found.append(value.span())
            at = value.end()
    return found


@lru_cache(maxsize=256)
def _kept_name(name: str, key_header: str) -> str | None:
    return None if _SECRET_NAME.search(name) or name.lower() == key_header else name.lower()
