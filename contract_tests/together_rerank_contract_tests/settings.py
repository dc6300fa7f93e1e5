"""The settings of a run: the endpoint, the level, and the limits on what is sent and read; validated on creation."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, quote, urlsplit

from together_rerank_spec import TOGETHER, Document, Validator, dialect, dialect_of, dialects, load, read, real_hosts

TOGETHER_KEY = "TOGETHER_API_KEY"
# The value of `dialect` that stands for every dialect that the kit has a document of.
AUTO = "auto"
_TOGETHER_DOMAINS = ("together.ai", "together.xyz")
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(?:(s|second|sec)|(m|min|minute)|(h|hour))", re.IGNORECASE)
# The slowest rate is one request an hour.
_MAX_SECONDS_BETWEEN = 3600
_HEADER_NAME = re.compile("[A-Za-z0-9_-]+")
# Headers that --header does not accept.
_OWN_HEADERS = {"accept-encoding", "connection", "content-length", "content-type", "host", "transfer-encoding"}


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a run.

    Attributes:
        url: the endpoint's URL, with or without the base path and the operation's path. Its query is moved to `query`.
        dialect: the API that the endpoint speaks: a name of `dialects()`, `auto`, or the file of an OpenAPI document.
        overlay: the file of an overlay for the file in `dialect`.
        documents: each operation that the endpoint may have.
        model: the model that every request names; None for the model in the document's example.
        key_name: the environment variable that holds the key; "" if no key is sent.
        level: the lowest level that fails the run, `must` or `should`; `info` equals `should`, and also runs INFO.
        timeout_s: the time limit for one complete response, from the start of the request.
        live: whether the endpoint may be a host of a real API, where requests cost money.
        headers: more headers of every request; their values are secrets.
        query: the query of every request, without the question mark; its values are secrets.
        cacert: a file of certificates in PEM format that replaces the public authorities.
        retries: how often a request is sent again if the endpoint is busy or the connection ends early.
        wait_s: how long to wait until the endpoint is ready, before the first response.
        max_time_s: the time limit for the whole run.
        max_response_bytes: the most bytes of a response body to read, after the Content-Encoding is removed.
    """

    url: str
    dialect: str = TOGETHER
    overlay: Path | None = None
    documents: tuple[Document, ...] = field(init=False, repr=False)
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
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    query: str = field(default="", repr=False)
    cacert: Path | None = None
    retries: int = 3
    wait_s: float = 0.0
    max_time_s: float = 900.0
    max_response_bytes: int = 8 * 1024 * 1024

    def __post_init__(self) -> None:
        _split(self.url)
        url, separator, query = self.url.partition("?")
        if separator:  # the dataclass is frozen
            object.__setattr__(self, "url", url)
            object.__setattr__(self, "query", query)
        object.__setattr__(self, "documents", self._operations())
        key_headers = {document.key_header.lower() for document in self.documents} | {"authorization"}
        for name, _ in self.headers if self.key else ():
            if name.lower() in key_headers:
                raise ValueError(f"--header {name} and the key in {self.key_name} cannot be combined")
        if self.model is not None and not self.model.isprintable():
            raise ValueError("--model has characters that cannot be sent; use printable characters only")

    def _operations(self) -> tuple[Document, ...]:
        """Return each operation that the endpoint may have; raise ValueError if `dialect` or `overlay` is invalid."""
        if self.dialect not in (AUTO, *dialects()):
            path = Path(self.dialect)
            if not path.is_file():
                names = ", ".join(dialects())
                raise ValueError(
                    f"--dialect {self.dialect[:100]}: neither the file of an OpenAPI document, nor {AUTO}, nor a name; "
                    f"the names are: {names}"
                )
            return _operations_in(path, self.overlay)
        if self.overlay is not None:
            raise ValueError("--overlay needs the file of an OpenAPI document in --dialect")
        if self.reading != "corrected" and self.dialect != TOGETHER:
            raise ValueError(f"--reading {self.reading} is about Together's document; --dialect {self.dialect} is not")
        if self.dialect == TOGETHER:
            return load(self.reading).operations
        if self.dialect != AUTO:
            return dialect(self.dialect).operations
        return tuple(operation for name in self._likely_names() for operation in dialect(name).operations)

    def _likely_names(self) -> list[str]:
        """Return the names of the APIs that the URL allows, Together first: by its host, or by its path, or all."""
        if self.is_together:
            return [TOGETHER]
        every = sorted(dialects(), key=lambda name: name != TOGETHER)
        at_host = [name for name in every if self.host in dialect(name).hosts]
        return at_host or [name for name in every if name == dialect_of(_split(self.url).path)] or every

    @property
    def host(self) -> str:
        return _split(self.url).hostname or ""

    @property
    def is_together(self) -> bool:
        return _is_together(self.host)

    def live_error(self, requests: int, tokens: int) -> str:
        """Return an error if a run of this size would cost money without `live`; "" if it may be sent."""
        if self.live or not (self.is_together or self.host.rstrip(".") in real_hosts()):
            return ""
        cost = f"this would send about {requests} requests and {tokens} tokens, which cost money"
        return f"{self.host} is the real API: {cost}; add --live to send them"

    @property
    def candidates(self) -> tuple[tuple[str, Document], ...]:
        """The possible URLs of the operation, each with its document, the most likely first.

        Each is the URL itself if it ends with the path of an operation, or else a path below it.
        """
        url = self.url.rstrip("/")
        found = [(*each, document) for document in self.documents for each in self._urls(url, document)]
        found.sort(key=lambda each: -each[0])
        complete = [each for each in found if each[1] == url]
        return tuple(dict.fromkeys((each, document) for _, each, document in complete or found))

    def _urls(self, url: str, document: Document) -> Iterator[tuple[int, str]]:
        """Yield the URLs of *document* at or below *url*, each with the number of characters that *url* has of it."""
        path = _split(url).path
        model = quote(self.model or document.default_model, safe="/")
        for route in document.routes:
            before, is_template, after = route.partition("{model}")
            if is_template and re.search(f"{re.escape(before)}.+{re.escape(after)}$", path):
                yield len(route), url
                continue
            concrete = route.replace("{model}", model)
            ends = [index for index, each in enumerate(concrete) if each == "/" and index] + [len(concrete)]
            common = max((end for end in ends if path.endswith(concrete[:end])), default=0)
            yield common, url + concrete[common:]


def _operations_in(path: Path, overlay: Path | None) -> tuple[Document, ...]:
    """Return the operations of the document in the file *path*; raise ValueError if one cannot be judged."""
    operations = read(path, overlay).operations
    for document in operations:
        if 200 not in document.statuses:
            raise ValueError(f"{document.name}: the operation lists no response 200")
        try:
            schemas = [document.request_schema, *map(document.response_schema, document.statuses)]
            for schema in filter(None, schemas):
                Validator(schema)
        except ValueError as error:
            raise ValueError(f"{document.name}: {error}") from error
    return operations


def key_for(url: str, name: str | None) -> tuple[str | None, str]:
    """Return the key for *url* and the environment variable that holds it.

    The variable is *name*; without *name*, it is TOGETHER_API_KEY for a host of Together, and no key for other hosts.
    Raises ValueError if the variable is not set, or has characters that a header cannot contain.
    """
    if name is None:
        if not _is_together(_split(url).hostname or ""):
            return None, ""
        name = TOGETHER_KEY
    if not name.isidentifier():
        raise ValueError("--api-key-env takes the name of an environment variable, such as MY_KEY, not the key itself")
    key = os.environ.get(name, "")
    if not key:
        # Do not print an unusual name: it may be the key itself, passed by mistake.
        shown = name if name.isupper() else "that --api-key-env names"
        raise ValueError(f"the environment variable {shown} is not set or empty; it must hold the key")
    if not key.isascii() or not key.isprintable() or key != key.strip():
        raise ValueError(f"the key in {name} must be printable ASCII without spaces around it")
    return key, name


def seconds_between(rate: str) -> float:
    """Parse *rate*, such as `5/s`, into the seconds between requests; raise ValueError if it is invalid."""
    match = _RATE.fullmatch(rate.strip())
    number = float(match[1]) if match else 0.0
    seconds = (1 if match[2] else 60 if match[3] else 3600) / number if match and number else 0.0
    if not 0 < seconds <= _MAX_SECONDS_BETWEEN:
        raise ValueError(f"'{rate[:40]}' is not a rate such as 5/s, 60/minute or 100/hour")
    return seconds


def header_of(text: str) -> tuple[str, str]:
    """Parse *text*, such as `api-key=abc`, into the name and value of a header; raise ValueError if it is invalid."""
    name, separator, value = text.partition("=")
    if not separator or not _HEADER_NAME.fullmatch(name):  # do not print the text: it may have a secret
        raise ValueError("--header takes NAME=VALUE, where NAME has letters, digits, - and _")
    if name.lower() in _OWN_HEADERS:
        raise ValueError(f"--header cannot set {name}, which the command sets itself")
    if not value or not value.isascii() or not value.isprintable() or value != value.strip():
        raise ValueError(f"the value of --header {name} must be printable ASCII without spaces around it")
    return name, value


def _is_together(host: str) -> bool:
    return f".{host.rstrip('.')}".endswith(tuple(f".{domain}" for domain in _TOGETHER_DOMAINS))


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in ("http", "https") and bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:  # includes UnicodeError, from an invalid host name
        is_valid = False
    if not is_valid or not url.isprintable() or " " in url or not url.isascii():
        # Do not print a URL that may have a password or a secret in its query.
        shown = "the argument" if "@" in url or "?" in url else f"'{url}'"
        raise ValueError(f"{shown} is not a URL such as http://127.0.0.1:8000")
    if parts.username or parts.password:
        raise ValueError("the URL must not contain a user or password; use --api-key-env NAME to send a key")
    if "#" in url:
        raise ValueError("the URL must not contain a fragment; it would not be sent")
    return parts
