"""The settings of a mock, validated when they are created."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from together_rerank_spec import READINGS, TOGETHER, Document, dialect, dialects, load, read
from together_rerank_spec.urls import is_loopback, url_of

if TYPE_CHECKING:
    from together_rerank_mockserver.faults.catalogue import Catalogue
    from together_rerank_mockserver.faults.chaos import Chaos
    from together_rerank_mockserver.faults.grammar import FaultSpec
    from together_rerank_mockserver.state.store import Store

MAX_BODY = 32 * 1024 * 1024
READ_TIMEOUT_S = 30
JOURNAL_MAX = 1000
JOURNAL_BODY = 64 * 1024
# The value of `replay` for the exchanges of the kit, instead of a folder.
LIBRARY = "library"
_MAX_MS = 3_600_000
# No characters that a client or a proxy encodes, and no segment that begins with a dot, which a client may resolve.
_BASE_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?")


class SettingsError(ValueError):
    """A setting is invalid: *field* is its name, and *problem* says what is wrong with it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"`{field}` {problem}")
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one mock.

    Attributes:
        reading: how to read the vendored document, `corrected` or `vendored`.
        spec: the path of another OpenAPI document to serve, read as it is.
        overlay: the path of an OpenAPI Overlay to apply to *spec*.
        operation: the method and the path of the operation of *spec* to serve, such as `("POST", "/rerank")`; None for
            every one with the extension `x-rerank`, or else the one with the `operationId` `rerank`.
        dialect: the API at the root: `together`, or another that the kit has a document of.
        replay: a folder of exchanges to answer with, or `library` for the exchanges of the kit.
        api_keys: the accepted keys; if empty, any key is accepted.
        models: the served models; if empty, any model is served.
        max_body: the maximum bytes of a request body.
        read_timeout_s: the maximum seconds for a request body to arrive.
        log_format: `text` or `json` for a log line per request; None for no log.
        fault: the fault of every call, such as `429,retry_after=2`.
        chaos: faults with their probabilities, such as `429=0.2`.
        seed: the seed of chaos, jitter and latency.
        latency_ms: how long an answer without a fault takes, in milliseconds.
        latency_per_document_ms: how much longer it takes for each document, in milliseconds.
        latency_distribution: how these times vary, such as `uniform=0.5` or `lognormal=0.4`; None for not at all.
        capacity: how many calls of a namespace are answered at the same time, while others wait; None for all.
        max_documents: the maximum documents of a request; None for no limit.
        max_document_chars: the maximum characters of a document, as it is ranked; None for no limit.
        max_tokens: the maximum `usage.total_tokens` of a request; None for no limit.
        limit_status: the status of a request above one of these limits; None for the one that the API has, or 400.
        rate_limit: the quota of each namespace, such as `60/minute`; None for no quota.
        max_in_flight: the maximum concurrent calls of a namespace; None for no limit.
        journal_max: the maximum requests in the journal of each namespace; 0 for no journal.
        journal_body: the maximum bytes of a body in the journal.
        one_namespace: whether all keys share one namespace, also keys that begin with `test-`.
        admin_token: the token that the control plane requires; None allows this machine only, without a token.
        no_admin: whether the control plane is closed to everyone.
        workers: how many processes answer; above 1 without `state`, each has a state of its own.
        state: the URL of a Redis that keeps the state, such as `redis://localhost/0`; None for memory.
        cors: the origins whose pages may read answers.
        host: the address to listen on.
        base_path: the path below which the mock answers, such as `/rerank-mock`; None for the root.
        tls_cert: the path of the certificate for HTTPS, in PEM format; `tls_key` is required, too.
        tls_key: the path of its key.

    The names of faults, and the files of `spec`, `overlay` and `replay`, are checked when the mock is created; those of
    `tls_cert` and `tls_key` when the server starts.

    Raises:
        SettingsError: a value is invalid.
        TypeError: a name is not a setting.
    """

    reading: str = "corrected"
    spec: Path | None = None
    overlay: Path | None = None
    operation: tuple[str, str] | None = None
    dialect: str = TOGETHER
    replay: str | None = None
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    models: tuple[str, ...] = ()
    max_body: int = MAX_BODY
    read_timeout_s: int = READ_TIMEOUT_S
    log_format: str | None = None
    fault: str | None = None
    chaos: tuple[str, ...] = ()
    seed: int = 0
    latency_ms: int = 0
    latency_per_document_ms: float = 0
    latency_distribution: str | None = None
    capacity: int | None = None
    max_documents: int | None = None
    max_document_chars: int | None = None
    max_tokens: int | None = None
    limit_status: int | None = None
    rate_limit: str | None = None
    max_in_flight: int | None = None
    journal_max: int = JOURNAL_MAX
    journal_body: int = JOURNAL_BODY
    one_namespace: bool = False
    admin_token: str | None = field(default=None, repr=False)
    no_admin: bool = False
    workers: int = 1
    state: str | None = field(default=None, repr=False)  # can contain a password
    cors: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    base_path: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None

    def __new__(cls, *_: Any, **values: Any) -> Self:
        """Raise TypeError with a suggestion for an unknown setting."""
        known = [each.name for each in fields(cls)]
        if unknown := next((name for name in values if name not in known), None):
            near = get_close_matches(unknown, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}"
            raise TypeError(f"`{unknown}` is not a setting; {hint}")
        return object.__new__(cls)

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None or each.default is not None:
                try:
                    object.__setattr__(self, each.name, _CHECKS[each.name](value))
                except ValueError as error:
                    raise SettingsError(each.name, str(error)) from error
        self._check_combinations()

    def _check_combinations(self) -> None:
        for name, (others, problem) in _NEEDS.items():
            if getattr(self, name) is not None and not any(getattr(self, other) for other in others):
                raise SettingsError(name, problem)
        if self.spec is not None and self.reading != "corrected":
            problem = "applies to the vendored document only; a document given as `spec` is read as it is"
            raise SettingsError("reading", problem)
        if self.dialect != TOGETHER and (self.spec is not None or self.reading != "corrected"):
            other = "spec" if self.spec is not None else "reading"
            raise SettingsError("dialect", f"names the document at the root, and so does `{other}`")
        for name in ("rate_limit", "max_in_flight", "capacity"):
            if getattr(self, name) is not None and self.workers > 1 and self.state is None:
                raise SettingsError(name, "needs `state` if there is more than one of `workers`")
        if self.no_admin and self.admin_token is not None:
            raise SettingsError("no_admin", "closes the control plane, which `admin_token` opens; use one of the two")

    def url(self, port: int) -> str:
        """Return the URL of a server with these settings that listens on *port*."""
        return url_of(self.host, port, "https" if self.tls_cert else "http") + (self.base_path or "")

    @property
    def why_admin_is_closed(self) -> str:
        """Why nobody can use the control plane; empty if somebody can."""
        if self.no_admin:
            return "closed by --no-admin"
        if self.admin_token is None and not is_loopback(self.host):
            return "closed, because other machines can reach the mock; --admin-token TOKEN opens it"
        return ""

    def store(self) -> Store:
        """Return the Redis that `state` names, without a connection; raise SettingsError if it cannot be used."""
        from together_rerank_mockserver.state.store import Store

        try:
            return Store(self.state or "")
        except ImportError as error:
            problem = "needs the package redis: pip install 'together-rerank-kit[redis]'"
            raise SettingsError("state", problem) from error
        except ValueError as error:
            raise SettingsError("state", f"is not the URL of a Redis: {error}") from error

    def document(self) -> Document:
        """Return the document to serve; raise DocumentError if it cannot be read."""
        if self.spec is not None:
            return read(self.spec, self.overlay, self.operation)
        return load(self.reading) if self.dialect == TOGETHER else dialect(self.dialect)

    def chosen_faults(self, catalogue: Catalogue) -> tuple[FaultSpec | None, Chaos]:
        """Parse `fault` and `chaos`; raise SettingsError if one is invalid or *catalogue* does not have the fault."""
        from together_rerank_mockserver.faults.chaos import Chaos
        from together_rerank_mockserver.faults.grammar import InvalidFaultSpec, from_text

        name = "fault"
        try:
            fault = None if self.fault is None else from_text(self.fault, catalogue)
            name = "chaos"
            chaos = Chaos(self.chaos, catalogue)
        except InvalidFaultSpec as error:
            wanted = "a fault" if name == "fault" else "faults with probabilities"
            raise SettingsError(name, f"must be {wanted}: {error}") from error
        if fault and chaos.is_certain:
            raise SettingsError("fault", "never applies, because the probabilities of `chaos` add up to 1")
        return fault, chaos


def checked(settings: Any) -> Settings:
    """Return *settings*, or the default settings for None; raise TypeError for anything else."""
    if settings is not None and not isinstance(settings, Settings):
        raise TypeError(f"settings must be Settings(...), not {type(settings).__name__}")
    return settings or Settings()


_Check = Callable[[Any], Any]


def _check(fits: _Check, wanted: str, convert: _Check | None = None, *, shown: bool = True) -> _Check:
    """Return a check that returns the value, converted, or raises ValueError with what is *wanted*."""

    def check(value: Any) -> Any:
        if not fits(value):
            raise ValueError(f"must be {wanted}" + (f", not {repr(value)[:200]}" if shown else ""))
        return convert(value) if convert else value

    return check


def _whole(least: int | None = None, most: int | None = None) -> partial[int]:
    """Return a check for an integer; its last `args` are the bounds."""
    return partial(_number, "an integer", (int,), least, most)


def _number(wanted: str, types: tuple[type, ...], least: int | None, most: int | None, value: Any) -> Any:
    if type(value) in types and (least is None or value >= least) and (most is None or value <= most):
        return value
    bounds = "" if least is None else f" of at least {least}" if most is None else f" from {least} to {most}"
    raise ValueError(f"must be {wanted}{bounds}, not {repr(value)[:200]}")


def _list(fits: _Check, wanted: str, *, shown: bool = True) -> _Check:
    check_list = _check(lambda values: isinstance(values, list | tuple), "a list", shown=shown)
    check_item = _check(fits, wanted, shown=shown)
    return lambda values: tuple(check_item(value) for value in check_list(values))


def _distribution(value: Any) -> str:
    from together_rerank_mockserver.latency import parse_distribution

    parse_distribution(_check(_is_text, "a distribution such as lognormal=0.4")(value))
    return str(value)


def _rate(value: Any) -> str:
    from together_rerank_mockserver.state.quota import parse_rate

    parse_rate(_check(_is_text, "a rate such as 60/minute")(value))
    return str(value)


def _is_path(value: Any) -> bool:
    return isinstance(value, str | Path) and value != ""


def _is_operation(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_printable, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_printable(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and value.isprintable()


def _is_printable_ascii(value: Any) -> bool:
    return _is_printable(value) and value.isascii() and bool(value.strip())


_TLS_OPTIONS = ("ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile")


def _is_state(value: Any) -> bool:
    if not _is_printable_ascii(value):
        return False
    try:
        parts = urlsplit(value)
        is_host = bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:  # the port is not a number, or the host is not a name
        return False
    known = _TLS_OPTIONS if parts.scheme == "rediss" else ()
    # Others would change what the mock relies on, such as the form of an answer.
    if not all(name == "db" or name in known for name in parse_qs(parts.query, keep_blank_values=True)):
        return False
    if parts.scheme == "unix":
        return bool(parts.path)
    return parts.scheme in ("redis", "rediss") and is_host and bool(re.fullmatch("/?[0-9]*", parts.path))


def _is_base_path(value: Any) -> bool:
    return isinstance(value, str) and bool(_BASE_PATH.fullmatch(value))


def _is_origin(value: Any) -> bool:
    return isinstance(value, str) and bool(_ORIGIN.fullmatch(value))


_SPEC_ONLY = (("spec",), "applies to a document given as `spec` only; the documents of the kit need none")
_WITH_LATENCY = (("latency_ms", "latency_per_document_ms"), "needs `latency_ms` or `latency_per_document_ms`")
# Settings that have no effect without at least one of others, and the problem if all of those are missing.
_NEEDS = {
    "overlay": _SPEC_ONLY,
    "operation": _SPEC_ONLY,
    "latency_distribution": _WITH_LATENCY,
    "capacity": _WITH_LATENCY,
    "limit_status": (
        ("max_documents", "max_document_chars", "max_tokens"),
        "needs `max_documents`, `max_document_chars` or `max_tokens`",
    ),
    "tls_cert": (("tls_key",), "needs `tls_key`, too"),
    "tls_key": (("tls_cert",), "needs `tls_cert`, too"),
}

_CHECKS: dict[str, _Check] = {
    "reading": _check(READINGS.__contains__, " or ".join(READINGS)),
    "spec": _check(_is_path, "a path", Path),
    "overlay": _check(_is_path, "a path", Path),
    "operation": _check(_is_operation, "a method and a path, such as POST /rerank", tuple),
    "dialect": _check(dialects().__contains__, f"one of {', '.join(dialects())}"),
    "replay": _check(_is_path, f"a folder, or '{LIBRARY}'", str),
    "api_keys": _list(_is_printable_ascii, "printable ASCII and not empty", shown=False),
    "models": _list(_is_printable, "printable and not empty"),
    "max_body": _whole(1, 1024**4),
    "read_timeout_s": _whole(1, 3600),
    "log_format": _check(("text", "json").__contains__, "text or json"),
    "fault": _check(_is_text, "the name of a fault"),
    "chaos": _list(_is_text, "a fault and its probability, such as 429=0.2"),
    "seed": _whole(),
    "latency_ms": _whole(0, _MAX_MS),
    "latency_per_document_ms": partial(_number, "a number", (int, float), 0, _MAX_MS),
    "latency_distribution": _distribution,
    "capacity": _whole(1, 10_000),
    "max_documents": _whole(1),
    "max_document_chars": _whole(1),
    "max_tokens": _whole(1),
    "limit_status": _whole(400, 599),
    "rate_limit": _rate,
    "max_in_flight": _whole(1),
    "journal_max": _whole(0),
    "journal_body": _whole(0),
    "one_namespace": _check(lambda value: isinstance(value, bool), "True or False"),
    "admin_token": _check(_is_printable_ascii, "printable ASCII and not empty", shown=False),
    "no_admin": _check(lambda value: isinstance(value, bool), "True or False"),
    "workers": _whole(1, 64),
    "state": _check(
        _is_state,
        "a URL such as redis://localhost/0, rediss://... or unix://..., whose only options are db and, for rediss, "
        + ", ".join(_TLS_OPTIONS),
        shown=False,
    ),
    "cors": _list(_is_origin, "an origin like http://localhost:3000"),
    "host": _check(_is_text, "an address"),
    "base_path": _check(
        _is_base_path, "a path of letters, digits and -._~, such as /rerank-mock", lambda value: value.rstrip("/")
    ),
    "tls_cert": _check(_is_path, "a path", Path),
    "tls_key": _check(_is_path, "a path", Path),
}
