"""The settings of a mock, validated when they are created."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from together_rerank_spec import READINGS, Document, load, read

if TYPE_CHECKING:
    from together_rerank_mockserver.faults.catalogue import Catalogue
    from together_rerank_mockserver.faults.chaos import Chaos
    from together_rerank_mockserver.faults.grammar import FaultSpec

MAX_BODY = 32 * 1024 * 1024
READ_TIMEOUT_S = 30
JOURNAL_MAX = 1000
JOURNAL_BODY = 64 * 1024
# What to replay, in the place of a folder: the exchanges that the kit has.
LIBRARY = "library"
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?")


class SettingsError(ValueError):
    """An invalid setting: *field* names it, and *problem* is the end of a sentence that says what is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"`{field}` {problem}")
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one mock.

    Attributes:
        reading: of the vendored document, `corrected` or `vendored`.
        spec: another document in its place, read as it stands.
        overlay: what to apply to *spec*.
        replay: a folder of exchanges whose requests get the answers recorded in it, or `library` for the kit's own.
        api_keys: the keys let in; none given lets in any.
        models: the models served; none given serves any.
        max_body: the most bytes of a body that are read.
        read_timeout_s: how many seconds a body has to arrive.
        log_format: `text` or `json`; None writes no line per request.
        fault: the fault of every call, such as `429,retry_after=2`.
        chaos: faults and how often they are met, such as `429=0.2`.
        seed: of all that is left to chance.
        latency_ms: how long every answer is kept back.
        rate_limit: the calls that each namespace has, such as `60/minute`.
        max_in_flight: the most calls of a namespace that are answered at the same time; None for any number.
        journal_max: the most requests that each namespace's journal keeps.
        journal_body: the most bytes of a body that the journal keeps.
        one_namespace: whether all keys share one, those that are names too.
        admin_token: opens the control plane, and is needed to; None opens it to this machine.
        cors: the origins whose pages may read answers.
        host: the address that is listened on.

    Raises:
        SettingsError: a value is invalid.
        TypeError: a name is not a setting.
    """

    reading: str = "corrected"
    spec: Path | None = None
    overlay: Path | None = None
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
    rate_limit: str | None = None
    max_in_flight: int | None = None
    journal_max: int = JOURNAL_MAX
    journal_body: int = JOURNAL_BODY
    one_namespace: bool = False
    admin_token: str | None = field(default=None, repr=False)
    cors: tuple[str, ...] = ()
    host: str = "127.0.0.1"

    def __new__(cls, *_: Any, **values: Any) -> Self:
        """Raise TypeError for an unknown name, with a suggestion, before the constructor does."""
        known = [each.name for each in fields(cls)]
        if unknown := next((name for name in values if name not in known), None):
            near = get_close_matches(unknown, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(known)}"
            raise TypeError(f"`{unknown}` is not a setting; {hint}")
        return object.__new__(cls)

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None or each.default is not None:
                try:
                    object.__setattr__(self, each.name, _CHECKS[each.name](value))
                except ValueError as bad:
                    raise SettingsError(each.name, str(bad)) from bad
        if self.spec is not None and self.reading != "corrected":
            problem = "is of the vendored document; a document given as `spec` is read as it stands"
            raise SettingsError("reading", problem)
        if self.overlay is not None and self.spec is None:
            problem = "belongs to a document given as `spec`; the vendored one has an overlay of its own"
            raise SettingsError("overlay", problem)

    def document(self) -> Document:
        """Return the document to serve; raise DocumentError if it cannot be read."""
        return load(self.reading) if self.spec is None else read(self.spec, self.overlay)

    def chosen_faults(self, catalogue: Catalogue) -> tuple[FaultSpec | None, Chaos]:
        """Parse `fault` and `chaos`; raise SettingsError if one is invalid or *catalogue* does not have the fault."""
        from together_rerank_mockserver.faults.chaos import Chaos
        from together_rerank_mockserver.faults.grammar import InvalidFaultSpec, from_text

        name = "fault"
        try:
            fault = None if self.fault is None else from_text(self.fault, catalogue)
            name = "chaos"
            return fault, Chaos(self.chaos, catalogue)
        except InvalidFaultSpec as bad:
            raise SettingsError(name, f"cannot be read: {bad}") from bad


_Check = Callable[[Any], Any]


def _check(fits: _Check, wanted: str, convert: _Check | None = None, *, shown: bool = True) -> _Check:
    """Return a check that returns the value, converted, or raises ValueError with what is *wanted*."""

    def check(value: Any) -> Any:
        if not fits(value):
            raise ValueError(f"must be {wanted}" + (f", not {repr(value)[:200]}" if shown else ""))
        return convert(value) if convert else value

    return check


def _whole(least: int | None = None, most: int | None = None) -> _Check:
    def fits(value: Any) -> bool:
        return type(value) is int and (least is None or value >= least) and (most is None or value <= most)

    bounds = "" if least is None else f" from {least} on" if most is None else f" from {least} to {most}"
    return _check(fits, f"a whole number{bounds}")


def _list(fits: _Check, wanted: str, *, shown: bool = True) -> _Check:
    check_list = _check(lambda values: isinstance(values, list | tuple), "a list", shown=shown)
    check_item = _check(fits, wanted, shown=shown)
    return lambda values: tuple(check_item(value) for value in check_list(values))


def _rate(value: Any) -> str:
    from together_rerank_mockserver.state.quota import parse_rate

    parse_rate(_check(_is_text, "a rate such as 60/minute")(value))
    return str(value)


def _is_path(value: Any) -> bool:
    return isinstance(value, str | Path) and value != ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_printable(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and value.isprintable()


def _is_printable_ascii(value: Any) -> bool:
    return _is_printable(value) and value.isascii() and bool(value.strip())


def _is_origin(value: Any) -> bool:
    return isinstance(value, str) and bool(_ORIGIN.fullmatch(value))


_CHECKS: dict[str, _Check] = {
    "reading": _check(READINGS.__contains__, " or ".join(READINGS)),
    "spec": _check(_is_path, "a path", Path),
    "overlay": _check(_is_path, "a path", Path),
    "replay": _check(_is_path, f"a folder, or '{LIBRARY}'", str),
    "api_keys": _list(_is_printable_ascii, "printable ASCII, and not empty", shown=False),
    "models": _list(_is_printable, "printable, and not empty"),
    "max_body": _whole(1, 1024**4),
    "read_timeout_s": _whole(1, 3600),
    "log_format": _check(("text", "json").__contains__, "text or json"),
    "fault": _check(_is_text, "the name of a fault"),
    "chaos": _list(_is_text, "a fault and its probability, such as 429=0.2"),
    "seed": _whole(),
    "latency_ms": _whole(0, 3_600_000),
    "rate_limit": _rate,
    "max_in_flight": _whole(1),
    "journal_max": _whole(0),
    "journal_body": _whole(0),
    "one_namespace": _check(lambda value: isinstance(value, bool), "True or False"),
    "admin_token": _check(_is_printable_ascii, "printable ASCII, and not empty", shown=False),
    "cors": _list(_is_origin, "an origin like http://localhost:3000"),
    "host": _check(_is_text, "an address"),
}
