"""The fault grammar: a fault and its parameters, as text and as JSON.

As text it is `NAME[,parameter=value]...`, as in `429,retry_after=2` or `delay=250`. As JSON it is an object with the
same names, and with `times` and `then`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from together_rerank_mockserver.api.durations import duration
from together_rerank_mockserver.api.json_text import whole
from together_rerank_mockserver.faults.catalogue import Catalogue, UnknownFault
from together_rerank_mockserver.faults.fault import COMMON_PARAMETERS, ConditionalFault, Fault
from together_rerank_mockserver.faults.status import BODIES
from together_rerank_mockserver.faults.wire import DEFAULT_DELAY_MS
from together_rerank_mockserver.state.namespace import MAX_QUEUE, QueuedFault

# The upper limit of each duration.
MAX_MS = {
    "delay": 3_600_000,
    "jitter": 3_600_000,
    "pause": 60_000,
    "retry_after": 86_400_000,
    "retry_after_ms": 86_400_000,
}
_MAX_S = MAX_MS["retry_after"] // 1000
PARAMETERS = (*MAX_MS, "body", "location")
ALWAYS = "always"
MAX_TIMES = 1_000_000
_LONGEST = 2000
_DATE = re.compile("date:[0-9]{1,5}")
_LOCATION = re.compile("[!-~]{1,1000}")  # a header: printable ASCII without spaces


class InvalidFaultSpec(ValueError):
    """A request for a fault that is invalid; the message says what is wrong and what is accepted."""


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """One requested fault with its parameters."""

    fault: Fault
    # `delay`, `jitter`, `pause` and `retry_after_ms` in ms; `retry_after` as `_retry_after` returns it.
    parameters: tuple[tuple[str, Any], ...] = ()
    times: int | None = 1  # how many calls get it from a queue; None for all until a reset

    def get(self, name: str, default: int = 0) -> int:
        value: int | None = dict(self.parameters).get(name)
        return default if value is None else value

    @property
    def is_conditional(self) -> bool:
        """Whether it leaves a queue only when it has changed an answer."""
        return isinstance(self.fault, ConditionalFault)

    @property
    def queued(self) -> QueuedFault:
        """The entry of a queue for it."""
        return QueuedFault(self, self.times)

    @property
    def as_dict(self) -> dict[str, Any]:
        return {
            "fault": self.fault.name,
            "times": ALWAYS if self.times is None else self.times,
            **dict(self.parameters),
        }


def from_text(text: str, catalogue: Catalogue) -> FaultSpec:
    """Parse *text*, such as `429,retry_after=2`; raise InvalidFaultSpec."""
    if len(text) > _LONGEST:
        raise InvalidFaultSpec(f"a fault with its parameters has at most {_LONGEST} characters, not {len(text)}")
    if ";" in text:
        raise InvalidFaultSpec("separate the parameters with commas, as in 429,retry_after=2")
    items = [item.strip() for item in text.split(",")]
    name = items.pop(0) if "=" not in items[0] else None
    pairs = [(key.strip(), value.strip()) for key, _, value in (item.partition("=") for item in items)]
    if repeated := {key for key, _ in pairs if [key for key, _ in pairs].count(key) > 1}:
        raise InvalidFaultSpec(f"`{min(repeated)[:100]}` is given twice")
    return from_pairs(name, dict(pairs), catalogue)


def from_pairs(name: str | None, values: Mapping[str, str], catalogue: Catalogue) -> FaultSpec:
    """Return the spec of the fault *name*, or of a delay if it is None; raise InvalidFaultSpec."""
    return _spec(name, {key: _value(key, text) for key, text in values.items()}, catalogue)


def from_json(data: Any, catalogue: Catalogue) -> list[FaultSpec]:
    """Parse *data* as a chain of faults, linked by `then`; raise InvalidFaultSpec."""
    specs = []
    for each in _chain(data):
        fields = {key: value for key, value in each.items() if key != "then"}
        times = whole(fields.pop("times", 1))
        if times != ALWAYS and (type(times) is not int or not 1 <= times <= MAX_TIMES):
            raise InvalidFaultSpec(f"`times` must be an integer from 1 to {MAX_TIMES}, or `{ALWAYS}`")
        if times == ALWAYS and "then" in each:
            raise InvalidFaultSpec(f"no fault can follow one whose `times` is `{ALWAYS}`")
        name = whole(fields.pop("fault", None))
        if "fault" in each and type(name) not in (str, int):
            raise InvalidFaultSpec("`fault` must be the name of a fault, or a status")
        spec = _spec(None if name is None else str(name), fields, catalogue, extra=("fault", "times", "then"))
        specs.append(FaultSpec(spec.fault, spec.parameters, None if times == ALWAYS else times))
    return specs


def _chain(data: Any) -> Iterator[dict[str, Any]]:
    for _ in range(MAX_QUEUE):
        if isinstance(data, str):
            data = {"fault": data}
        if not isinstance(data, dict):
            raise InvalidFaultSpec(
                'a fault must be an object such as {"fault": "429", "times": 2, "then": {"fault": "ok"}}'
            )
        yield data
        if "then" not in data:
            return
        data = data["then"]
    raise InvalidFaultSpec(f"a chain has at most {MAX_QUEUE} faults")


def _spec(name: str | None, values: Mapping[str, Any], catalogue: Catalogue, extra: tuple[str, ...] = ()) -> FaultSpec:
    if name is None and "delay" not in values:
        _refuse_unknown(values, (*extra, *PARAMETERS), "a fault")
        raise InvalidFaultSpec("no fault is named; give `fault`, or `delay` in ms")
    if name is not None and "," in name:
        raise InvalidFaultSpec(
            f"`{name[:100]}` is more than a name; give the parameters after the comma as fields of their own"
        )
    try:
        fault = catalogue["delay" if name is None else name]
    except UnknownFault as error:
        raise InvalidFaultSpec(str(error)) from error
    _refuse_unknown(values, (*extra, *fault.parameters, *COMMON_PARAMETERS), f"`{fault.name}`")
    parameters = {key: _checked(key, value) for key, value in values.items()}
    if fault.name == "delay" and "delay" not in parameters:
        parameters["delay"] = DEFAULT_DELAY_MS
    return FaultSpec(fault, tuple(parameters.items()))


def _refuse_unknown(values: Mapping[str, Any], known: tuple[str, ...], of: str) -> None:
    for key in values:
        if key not in known:
            near = get_close_matches(key[:100], known, n=1)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            raise InvalidFaultSpec(f"`{key[:100]}` is not a parameter of {of}{hint}; known: {', '.join(known)}")


def _value(key: str, text: str) -> Any:
    """Return *text*, the value of a parameter, as it is in JSON."""
    if text.isascii() and text.isdigit() and len(text) < 12:
        return int(text)
    return float(text) if key == "retry_after" and re.fullmatch(r"[0-9]{1,6}\.[0-9]{1,6}", text) else text


def _checked(key: str, value: Any) -> Any:
    if key in MAX_MS and isinstance(value, str):
        number = duration(value, "s" if key == "retry_after" else "ms")
        value = value if number is None else number
    value = whole(value)
    if key == "retry_after":
        return _retry_after(value)
    if key == "body":
        if value not in BODIES:
            raise InvalidFaultSpec(f"`body` must be one of {', '.join(BODIES)}")
    elif key == "location":
        if not isinstance(value, str) or not _LOCATION.fullmatch(value):
            raise InvalidFaultSpec("`location` must be a URL or a path: 1 to 1000 printable ASCII characters, no space")
    elif type(value) is not int or not 0 <= value <= MAX_MS[key]:
        raise InvalidFaultSpec(
            f"`{key}` must be an integer from 0 to {MAX_MS[key]} (milliseconds), or text such as 250ms or 2s"
        )
    return value


def _retry_after(value: Any) -> float | str | None:
    """Return *value* of `retry_after`: seconds, `wrong`, or `date:SECONDS`; None for no header."""
    if value is None or (isinstance(value, str) and value.lower() == "none"):
        return None
    if isinstance(value, str) and (value == "wrong" or (_DATE.fullmatch(value) and int(value[5:]) <= _MAX_S)):
        return value
    if type(value) not in (int, float) or not 0 <= value <= _MAX_S:
        others = "`date:2` for a date in 2 s, `wrong`, or `none` for no header"
        raise InvalidFaultSpec(f"`retry_after` must be seconds from 0 to {_MAX_S}, such as 2 or 0.5, {others}")
    return float(value) if value % 1 else int(value)
