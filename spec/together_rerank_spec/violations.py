"""Rewrite jsonschema's errors for people: where the error is, what is there, and what is accepted.

Messages never quote the value: it may be long, or secret. A branch of `oneOf` or `anyOf` is
followed to its first fault only, and a list to its first bad item, found by bisection with the
fast validator, so that a long value with many faults costs no more than a short one.
"""

import difflib
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator, ValidationError, validators
from referencing import Registry

Errors = Iterator[ValidationError]
# Keywords that jsonschema's own words would quote the value for.
_UNWORDED = (
    *("contains", "dependentRequired", "exclusiveMaximum", "exclusiveMinimum", "format", "maxProperties"),
    *("minProperties", "multipleOf", "not", "unevaluatedItems", "unevaluatedProperties", "uniqueItems"),
)
_KINDS = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}


def explainer(schema: dict[str, Any]) -> Any:
    """Return a validator of *schema* whose errors carry the kit's sentences."""
    words = {
        "type": _type,
        "required": _required,
        "additionalProperties": _additional_properties,
        "items": _items(schema),
        "oneOf": _one_of,
        "anyOf": _any_of,
        "enum": _sentence("enum", lambda limit: f"must be one of {', '.join(map(str, limit))}"),
        "const": _sentence("const", lambda limit: f"must be {limit}"),
        "minItems": _sentence("minItems", lambda limit: f"must have at least {_count(limit, 'item')}"),
        "maxItems": _sentence("maxItems", lambda limit: f"must have at most {_count(limit, 'item')}"),
        "minLength": _sentence("minLength", lambda limit: f"must have at least {_count(limit, 'character')}"),
        "maxLength": _sentence("maxLength", lambda limit: f"must have at most {_count(limit, 'character')}"),
        "minimum": _sentence("minimum", lambda limit: f"must be at least {limit}"),
        "maximum": _sentence("maximum", lambda limit: f"must be at most {limit}"),
        **{keyword: _sentence(keyword, partial(_unmet, keyword)) for keyword in _UNWORDED},
        "pattern": _sentence("pattern", lambda limit: f"must match {limit}"),
    }
    kind: Any = validators.extend(Draft202012Validator, words)  # type: ignore[no-untyped-call]
    # An empty registry: jsonschema's default one would fetch a reference from the network.
    return kind(schema, registry=Registry())


def _type(validator: Any, types: Any, instance: Any, _schema: Any) -> Errors:
    wanted = _listed(types)
    if not any(validator.is_type(instance, kind) for kind in wanted):
        yield ValidationError(_unfit(wanted, instance))


def _required(validator: Any, required: Any, instance: Any, _schema: Any) -> Errors:
    if validator.is_type(instance, "object"):
        for name in required:
            if name not in instance:
                yield ValidationError("is missing", path=[name])


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Errors:
    if allowed is not False:
        yield from Draft202012Validator.VALIDATORS["additionalProperties"](validator, allowed, instance, schema)
        return
    if not validator.is_type(instance, "object"):
        return
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for name in instance:
        if name not in known and not any(re.search(pattern, name) for pattern in patterns):
            yield ValidationError(f"is not a field; {_nearest(name, list(known))}", path=[name])


def _items(root: dict[str, Any]) -> Callable[..., Errors]:
    definitions = {key: value for key, value in root.items() if key not in Draft202012Validator.VALIDATORS}

    def items(validator: Any, schema: Any, instance: Any, _schema: Any) -> Errors:
        if not validator.is_type(instance, "array"):
            return
        fast = jsonschema_rs.Draft202012Validator({**definitions, "items": schema})
        first = bisect_left(range(len(instance)), True, key=lambda last: not fast.is_valid(instance[: last + 1]))
        if first < len(instance):
            yield from validator.descend(instance[first], schema, path=first)

    return items


def _one_of(validator: Any, branches: Any, instance: Any, _schema: Any) -> Errors:
    faults = _first_faults(validator, branches, instance)
    fitting = faults.count(None)
    if fitting > 1:
        forms = ", ".join(_form(branch) for branch in branches)
        yield ValidationError(f"is ambiguous: it fits {fitting} of the forms it may have ({forms}), and must fit one")
    elif fitting == 0:
        yield from _furthest(faults)


def _any_of(validator: Any, branches: Any, instance: Any, _schema: Any) -> Errors:
    faults = _first_faults(validator, branches, instance)
    if None not in faults:
        yield from _furthest(faults)


def _first_faults(validator: Any, branches: Any, instance: Any) -> list[ValidationError | None]:
    return [next(validator.descend(instance, branch, schema_path=n), None) for n, branch in enumerate(branches)]


def _furthest(faults: list[ValidationError | None]) -> Errors:
    """The branch that goes wrong last is the one that was meant: ["a", {}] is a list of strings with a fault."""
    places = [(list(map(_order, fault.relative_path)), fault) for fault in faults if fault is not None]
    last = max((place for place, _ in places), default=None)
    here = [fault for place, fault in places if place == last]
    if not here:
        return
    if all(fault.validator == "type" for fault in here):
        message = _unfit([kind for fault in here for kind in _listed(fault.validator_value)], here[0].instance)
    else:
        message = "; or ".join(dict.fromkeys(fault.message for fault in here))
    if len(here) < len(places):
        message += ", as the ones before it are"
    yield ValidationError(message, path=here[0].relative_path)


def _order(step: str | int) -> tuple[int, str]:
    return (step, "") if isinstance(step, int) else (-1, step)


def _sentence(keyword: str, describe: Callable[[Any], str]) -> Callable[..., Errors]:
    check = Draft202012Validator.VALIDATORS[keyword]

    def explain(validator: Any, limit: Any, instance: Any, schema: Any) -> Errors:
        if any(True for _ in check(validator, limit, instance, schema)):
            yield ValidationError(describe(limit))

    return explain


def _listed(types: Any) -> list[str]:
    return [types] if isinstance(types, str) else types


def _unfit(wanted: list[str], instance: Any) -> str:
    kinds = " or ".join(dict.fromkeys(_a(kind) for kind in wanted))
    return f"must be {kinds}, not {_a('null' if instance is None else _KINDS.get(type(instance), 'value'))}"


def _unmet(keyword: str, limit: Any) -> str:
    shown = f": {limit}" if isinstance(limit, int | float) and not isinstance(limit, bool) else ""
    return f"does not satisfy `{keyword}{shown}`"


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name[:100].lower(), known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}"


def _form(schema: Any) -> str:
    kind = schema.get("type", "value") if isinstance(schema, dict) else "value"
    items = schema.get("items") if kind == "array" else None
    inner = items.get("type") if isinstance(items, dict) else None
    return f"array of {inner}s" if inner else str(kind)


def _a(kind: str) -> str:
    return kind if kind == "null" else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
