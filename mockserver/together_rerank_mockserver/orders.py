"""Orders: which fault is asked for, with what, how often; one grammar for every door.

As text it is `NAME[,parameter=value]...`, as in `429,retry_after=2` or `delay=250`; as JSON an object with the
same names, and with `times` and `then`; as a Prefer header (RFC 7240) it is for one answer, as in Prism.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from together_rerank_mockserver.faults import EVERYWHERE, BodyFault, Catalogue, Fault, UnknownFault
from together_rerank_mockserver.faults.wire import DEFAULT_DELAY_MS

# The upper limit of each duration.
MOST_MS = {
    "delay": 3_600_000,
    "jitter": 3_600_000,
    "pause": 60_000,
    "retry_after": 86_400_000,
    "retry_after_ms": 86_400_000,
}
# What a parameter can be in its unit; `retry_after` can also be left out of the answer with `none`.
_MOST = {**MOST_MS, "retry_after": MOST_MS["retry_after"] // 1000}
_MOST_TIMES = 1_000_000
MAX_SEQUENCE = 1000
_LONGEST = 200
# Of so many unknown preferences in a header it is checked whether they are typos; more are sent on purpose.
_MOST_UNKNOWN = 20
_CHARACTER = r'(?:[^",]|"(?:[^"\\]|\\.)*")'
_ITEM = re.compile(f"{_CHARACTER}+")
_LIST = re.compile(f"(?:{_CHARACTER}|,)*")
_ESCAPED = re.compile(r"\\(.)")
_SELECTING = ("code", "fault")
_OF_THE_QUEUE = ("times", "then")
_PREFERENCES = (*_SELECTING, *EVERYWHERE, "retry_after", "retry_after_ms", "pause")


class BadOrder(ValueError):
    """An order that cannot be read; the message says what is wrong and what would be accepted."""


@dataclass(frozen=True, slots=True)
class Order:
    """One requested fault with its parameters."""

    fault: Fault
    # `delay`, `jitter`, `pause` and `retry_after_ms` in ms, `retry_after` in s or None for no header.
    parameters: tuple[tuple[str, int | None], ...] = ()
    times: int = 1  # how many calls get it from a queue

    def get(self, name: str, default: int = 0) -> int:
        value = dict(self.parameters).get(name)
        return default if value is None else value

    @property
    def waits_for_a_200(self) -> bool:
        """Whether it leaves a queue only when it has changed a 200, as body faults do."""
        return isinstance(self.fault, BodyFault)

    @property
    def described(self) -> dict[str, Any]:
        return {"fault": self.fault.name, "times": self.times, **dict(self.parameters)}


def from_text(text: str, catalogue: Catalogue) -> Order:
    """Parse *text* as an order; raise BadOrder if it is not a valid one."""
    if len(text) > _LONGEST:
        length = f"it is {len(text)} characters long"
        raise BadOrder(f"{length}, and a fault with all its parameters has fewer than {_LONGEST}")
    if ";" in text:
        raise BadOrder("its parts are parted by commas, as in 429,retry_after=2")
    items = [item.strip() for item in text.split(",")]
    name = items.pop(0) if "=" not in items[0] else None
    pairs = [(key.strip(), value.strip()) for key, _, value in (item.partition("=") for item in items)]
    if repeated := {key for key, _ in pairs if [key for key, _ in pairs].count(key) > 1}:
        raise BadOrder(f"`{min(repeated)[:100]}` is given twice")
    return from_pairs(name, dict(pairs), catalogue)


def from_pairs(name: str | None, values: Mapping[str, str], catalogue: Catalogue) -> Order:
    """Return the order for the fault *name*, or for a delay alone if it is None; raise BadOrder if it is invalid."""
    return _order(name, {key: _value(key, text) for key, text in values.items()}, catalogue)


def from_json(data: Any, catalogue: Catalogue) -> list[Order]:
    """Parse *data* as a sequence of orders; raise BadOrder if it is not a valid one."""
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


def from_prefer(header: str, catalogue: Catalogue) -> tuple[Order | None, str]:
    """Parse a Prefer *header*: return its order, if any, and the preferences in it that the mock knows.

    Unknown preferences are ignored, as the RFC requires, unless they look like a typo. The first of duplicates wins.
    Raises BadOrder if a known preference has an invalid value.
    """
    given: dict[str, str] = {}
    for item in _items(header):
        preference, _, others = item.partition(";")
        name, _, value = preference.partition("=")
        name = name.strip().lower()
        given.setdefault(name, _unquoted(value.strip()))
        if name in _PREFERENCES and any(
            each.partition("=")[0].strip().lower() in _PREFERENCES for each in others.split(";")
        ):
            raise BadOrder("preferences are parted by commas, as in code=429, retry_after=2")
    preferences = {name: value for name, value in given.items() if name in _PREFERENCES}
    for name in [name for name in given if name not in preferences][:_MOST_UNKNOWN]:
        _refuse_slip(name, catalogue)
    if not preferences:
        return None, ""
    applied = ", ".join(f"{name}={value}" for name, value in preferences.items())
    if all(name in preferences for name in _SELECTING):
        raise BadOrder("`code` and `fault` cannot both be asked for; of faults an answer has one, and perhaps a delay")
    parameters = {name: value for name, value in preferences.items() if name not in _SELECTING}
    return from_pairs(_name(preferences, catalogue), parameters, catalogue), applied


def _items(header: str) -> list[str]:
    """Return the items of *header*, a list (RFC 9110, 5.6.1); no items if a quoted string in it does not end."""
    # Equivalent to Werkzeug's parser, which a call must not import: see `WsgiApp`.
    if not _LIST.fullmatch(header):
        return []
    return [_unquoted(item) for item in (found.strip(" \t") for found in _ITEM.findall(header)) if item]


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return _ESCAPED.sub(r"\1", value[1:-1]) if is_quoted else value


def _refuse_slip(name: str, catalogue: Catalogue) -> None:
    """Raise BadOrder for an unknown preference that is probably a typo of a known one."""
    if name in [fault.name for fault in catalogue]:
        raise BadOrder(f"`{name}` is the name of a fault; ask for it with fault={name}")
    if name in _OF_THE_QUEUE:
        raise BadOrder(f"`{name}` is for the queue; a preference is about one answer")
    near = get_close_matches(name[:100], [known for known in _PREFERENCES if known[0] == name[:1]], n=1, cutoff=0.75)
    if near:
        raise BadOrder(
            f"`{name[:100]}` is not a preference; did you mean `{near[0]}`? known: {', '.join(_PREFERENCES)}"
        )


def _name(preferences: dict[str, str], catalogue: Catalogue) -> str | None:
    code = preferences.get("code")
    if code is None:
        return preferences.get("fault")
    codes = ["200", *(fault.name for fault in catalogue if fault.family == "status")]
    if code not in codes:
        raise BadOrder(f"`code` must be one of {', '.join(codes)}, not {code[:100]}")
    return code


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
        unit = "seconds" if key == "retry_after" else "milliseconds"
        none = ", or none (null in JSON) to send none" if key == "retry_after" else ""
        raise BadOrder(f"`{key}` must be a whole number of {unit} from 0 to {_MOST[key]}{none}")
    return value
