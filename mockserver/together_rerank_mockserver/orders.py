"""Orders: which fault is asked for, with what, how often; one grammar for every door.

As text it is `NAME[,parameter=value]...`, as in `429,retry_after=2` or `delay=250`; as JSON an object with the
same names, and with `times` and `then`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from together_rerank_mockserver.faults import EVERYWHERE, BodyFault, Catalogue, Fault, UnknownFault
from together_rerank_mockserver.faults.wire import DEFAULT_DELAY_MS

# The longest of each duration that can be asked for.
MOST_MS = {
    "delay": 3_600_000,
    "jitter": 3_600_000,
    "pause": 60_000,
    "retry_after": 86_400_000,
    "retry_after_ms": 86_400_000,
}
# What a parameter can be in its unit; `retry_after` can also be left out of the answer with `none`.
_MOST = {**MOST_MS, "retry_after": MOST_MS["retry_after"] // 1000}
_UNITS = {"retry_after": "seconds"}
_MOST_TIMES = 1_000_000
MAX_SEQUENCE = 1000
_LONGEST = 200


class BadOrder(ValueError):
    """An order that cannot be read; the message says what is wrong and what would be accepted."""


@dataclass(frozen=True, slots=True)
class Order:
    """One fault to meet.

    Attributes:
        parameters: `delay`, `jitter`, `pause` and `retry_after_ms` in ms, `retry_after` in s or None for no header.
        times: how many calls meet it, from a queue.
    """

    fault: Fault
    parameters: tuple[tuple[str, int | None], ...] = ()
    times: int = 1

    def get(self, name: str, default: int = 0) -> int:
        value = dict(self.parameters).get(name)
        return default if value is None else value

    @property
    def waits_for_a_200(self) -> bool:
        """Whether it is taken from a queue only once it shows, because it changes a 200."""
        return isinstance(self.fault, BodyFault)

    @property
    def described(self) -> dict[str, Any]:
        return {"fault": self.fault.name, "times": self.times, **dict(self.parameters)}


def from_text(text: str, catalogue: Catalogue) -> Order:
    """Return the order that *text* gives; raise BadOrder when it cannot be read."""
    if len(text) > _LONGEST:
        raise BadOrder(
            f"it is {len(text)} characters long, and a fault with all its parameters has fewer than {_LONGEST}"
        )
    if ";" in text:
        raise BadOrder("its parts are parted by commas, as in 429,retry_after=2")
    items = [item.strip() for item in text.split(",")]
    name = items.pop(0) if "=" not in items[0] else None
    pairs = [(key.strip(), value.strip()) for key, _, value in (item.partition("=") for item in items)]
    if repeated := {key for key, _ in pairs if [key for key, _ in pairs].count(key) > 1}:
        raise BadOrder(f"`{min(repeated)[:100]}` is given twice")
    return from_pairs(name, dict(pairs), catalogue)


def from_pairs(name: str | None, values: Mapping[str, str], catalogue: Catalogue) -> Order:
    """Return the order for the fault called *name*, None for a mere delay, with *values* as text.

    Raises:
        BadOrder: it cannot be made.
    """
    return _order(name, {key: _value(key, text) for key, text in values.items()}, catalogue)


def from_json(data: Any, catalogue: Catalogue) -> list[Order]:
    """Return the sequence of orders that *data* gives; raise BadOrder when it cannot be read."""
    orders = []
    for each in _chain(data):
        fields = {key: value for key, value in each.items() if key != "then"}
        times = fields.pop("times", 1)
        if type(times) is not int or not 1 <= times <= _MOST_TIMES:
            raise BadOrder(f"`times` must be an integer from 1 to {_MOST_TIMES}")
        name = fields.pop("fault", None)
        if type(name) not in (str, int, type(None)):
            raise BadOrder("`fault` must be the name of a fault, or a status")
        order = _order(None if name is None else str(name), fields, catalogue, extra=("fault", "times", "then"))
        orders.append(Order(order.fault, order.parameters, times))
    return orders


def _chain(data: Any) -> Iterator[dict[str, Any]]:
    for _ in range(MAX_SEQUENCE):
        if isinstance(data, str):
            data = {"fault": data}
        if not isinstance(data, dict):
            raise BadOrder('it must be an object such as {"fault": "429", "times": 2, "then": {"fault": "ok"}}')
        yield data
        if "then" not in data:
            return
        data = data["then"]
    raise BadOrder(f"at most {MAX_SEQUENCE} faults can follow one another")


def _order(name: str | None, values: Mapping[str, Any], catalogue: Catalogue, extra: tuple[str, ...] = ()) -> Order:
    if name is None and "delay" not in values:
        _refuse_unknown(values, (*extra, *_MOST), "an order")
        raise BadOrder("it names no fault; name one, or give `delay` in ms")
    if name is not None and "," in name:
        raise BadOrder(f"`{name[:100]}` is more than a name; give what follows the comma as fields of their own")
    try:
        fault = catalogue["delay" if name is None else name]
    except UnknownFault as unknown:
        raise BadOrder(str(unknown)) from unknown
    _refuse_unknown(values, (*extra, *fault.parameters, *EVERYWHERE), f"`{fault.name}`")
    parameters = {key: _checked(key, value) for key, value in values.items()}
    if fault.name == "delay" and "delay" not in parameters:
        parameters["delay"] = DEFAULT_DELAY_MS
    return Order(fault, tuple(parameters.items()))


def _refuse_unknown(values: Mapping[str, Any], known: tuple[str, ...], of: str) -> None:
    for key in values:
        if key not in known:
            near = get_close_matches(key[:100], known, n=1)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            raise BadOrder(f"`{key[:100]}` is not known of {of}{hint}; known: {', '.join(known)}")


def _value(key: str, text: str) -> Any:
    if key == "retry_after" and text.lower() == "none":
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else text


def _checked(key: str, value: Any) -> int | None:
    if key == "retry_after" and value is None:
        return None
    if type(value) is not int or not 0 <= value <= _MOST[key]:
        none = ", or none (null in JSON) to send none" if key == "retry_after" else ""
        raise BadOrder(
            f"`{key}` must be a whole number of {_UNITS.get(key, 'milliseconds')} from 0 to {_MOST[key]}{none}"
        )
    return value
