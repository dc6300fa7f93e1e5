"""The fault grammar: a fault and its parameters, as text and as JSON.

As text it is `NAME[,parameter=value]...`, as in `429,retry_after=2` or `delay=250`. As JSON it is an object with the
same names, and with `times` and `then`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from together_rerank_mockserver.faults.catalogue import Catalogue, UnknownFault
from together_rerank_mockserver.faults.fault import COMMON_PARAMETERS, Fault, WaitingFault
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
# The maximum of each parameter in its own unit; `retry_after` can also be `none`, which omits the header.
_MAX = {**MAX_MS, "retry_after": MAX_MS["retry_after"] // 1000}
_MAX_TIMES = 1_000_000
_LONGEST = 200


class InvalidFaultSpec(ValueError):
    """A request for a fault that is invalid; the message says what is wrong and what is accepted."""


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """One requested fault with its parameters."""

    fault: Fault
    # `delay`, `jitter`, `pause` and `retry_after_ms` in ms, `retry_after` in s or None for no header.
    parameters: tuple[tuple[str, int | None], ...] = ()
    times: int = 1  # how many calls get it from a queue

    def get(self, name: str, default: int = 0) -> int:
        value = dict(self.parameters).get(name)
        return default if value is None else value

    @property
    def waits(self) -> bool:
        """Whether it leaves a queue only when it has changed an answer."""
        return isinstance(self.fault, WaitingFault)

    @property
    def queued(self) -> QueuedFault:
        """The entry of a queue for it."""
        return QueuedFault(self, self.times, self.waits)

    @property
    def as_dict(self) -> dict[str, Any]:
        return {"fault": self.fault.name, "times": self.times, **dict(self.parameters)}


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
        times = fields.pop("times", 1)
        if type(times) is not int or not 1 <= times <= _MAX_TIMES:
            raise InvalidFaultSpec(f"`times` must be an integer from 1 to {_MAX_TIMES}")
        name = fields.pop("fault", None)
        if type(name) not in (str, int, type(None)):
            raise InvalidFaultSpec("`fault` must be the name of a fault, or a status")
        spec = _spec(None if name is None else str(name), fields, catalogue, extra=("fault", "times", "then"))
        specs.append(FaultSpec(spec.fault, spec.parameters, times))
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
        _refuse_unknown(values, (*extra, *_MAX), "a fault")
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
    if key == "retry_after" and text.lower() == "none":
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else text


def _checked(key: str, value: Any) -> int | None:
    if key == "retry_after" and value is None:
        return None
    if type(value) is not int or not 0 <= value <= _MAX[key]:
        unit = "seconds" if key == "retry_after" else "milliseconds"
        none = ", or `none` (null in JSON) for no header" if key == "retry_after" else ""
        raise InvalidFaultSpec(f"`{key}` must be an integer from 0 to {_MAX[key]} ({unit}){none}")
    return value
