"""What a run is told: which endpoint, how far to go, and what it may spend; refused where it makes no sense."""

import os
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from together_rerank_spec import Document, load

TOGETHER_KEY = "TOGETHER_API_KEY"
_TOGETHER_DOMAINS = ("together.ai", "together.xyz")
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(?:(s|second|sec)|(m|min|minute)|(h|hour))", re.IGNORECASE)
# One request an hour is the slowest rate.
_LONGEST_DISTANCE_S = 3600


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is told.

    Attributes:
        url: of the endpoint, with or without the base path and the operation's path.
        model: None for the one of the document's example.
        key_name: of the environment variable that holds the key; "" when none is sent.
        level: the lowest that fails the run: `must`, `should`; `info` is `should`, and runs INFO too.
        timeout_s: for the whole of one answer, from the first byte of the request on.
        live: the endpoint may be Together's own, where requests cost money.
    """

    url: str
    model: str | None = None
    key: str | None = None
    key_name: str = ""
    reading: str = "corrected"
    level: str = "must"
    quick: bool = False
    fuzz: bool = False
    max_requests: int | None = None
    max_tokens: int | None = None
    seconds_between: float = 0.0
    timeout_s: float = 30.0
    seed: int = 0
    live: bool = False

    def __post_init__(self) -> None:
        _split(self.url)
        if self.model is not None and not self.model.isprintable():
            raise ValueError("the name of the model has characters that cannot be sent")

    @property
    def document(self) -> Document:
        return load(self.reading)

    @property
    def host(self) -> str:
        return _split(self.url).hostname or ""

    @property
    def is_together(self) -> bool:
        return _is_together(self.host)

    def refusal(self, requests: int, tokens: int) -> str:
        """Return why so many *requests* and *tokens* may not be sent, "" when they may."""
        if not self.is_together or self.live:
            return ""
        costs = f"this would send about {requests} requests and {tokens} tokens, which somebody pays for"
        return f"{self.host} is the real API: {costs}; add --live to do so"

    @property
    def places(self) -> tuple[str, ...]:
        """Where the operation may be, the likeliest first: the URL as it is given, or below it."""
        url, path = self.url.rstrip("/"), self.document.routes[-1]
        below = _split(url).path
        if below.endswith(path):
            return (url,)
        bases = self.document.base_paths
        if any(base and below.endswith(base) for base in bases):
            return (url + path,)
        return tuple(dict.fromkeys([*(url + base + path for base in bases), url + path]))


def key_for(url: str, name: str | None) -> tuple[str | None, str]:
    """Return the key for *url* and the name of its variable: *name*, or for a host of Together the usual one.

    Raises ValueError if the variable is not set, or has characters that a header cannot contain.
    """
    if name is None:
        if not _is_together(_split(url).hostname or ""):
            return None, ""
        name = TOGETHER_KEY
    if not name.isidentifier():
        raise ValueError("--api-key-env takes the name of an environment variable, such as MY_KEY, not a key")
    key = os.environ.get(name, "")
    if not key:
        # What is no usual name may be the key itself, by mistake.
        shown = name if name.isupper() else "that --api-key-env names"
        raise ValueError(f"the environment variable {shown} is not set, or empty; it must hold the key")
    if not key.isascii() or not key.isprintable() or key != key.strip():
        raise ValueError(f"the key in {name} has characters that no header can hold, or spaces around it")
    return key, name


def seconds_between(rate: str) -> float:
    """Parse *rate*, such as `5/s`, into the seconds between requests; raise ValueError if it is invalid."""
    match = _RATE.fullmatch(rate.strip())
    number = float(match[1]) if match else 0.0
    seconds = (1 if match[2] else 60 if match[3] else 3600) / number if match and number else 0.0
    if not 0 < seconds <= _LONGEST_DISTANCE_S:
        raise ValueError(f"'{rate[:40]}' is not a rate like 5/s, 60/minute, 100/hour")
    return seconds


def _is_together(host: str) -> bool:
    return f".{host.rstrip('.')}".endswith(tuple(f".{domain}" for domain in _TOGETHER_DOMAINS))


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:  # includes UnicodeError, from an invalid host name
        fits = False
    if not fits or not url.isprintable() or " " in url or not url.isascii():
        shown = url.partition("@")[2] or url  # hide the password
        raise ValueError(f"'{shown}' is not a URL like http://127.0.0.1:8000")
    if parts.username or parts.password:
        raise ValueError("a URL must hold no user or password; give a key by --api-key-env")
    if "?" in url or "#" in url:
        raise ValueError("a URL must hold no query and no fragment; they would not be sent")
    return parts
