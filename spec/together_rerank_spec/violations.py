"""Validation errors that people can act on: where the error is, what is there, and what is accepted.

Messages never quote the value, because it may be long or secret. The validator looks only for the
first error in each branch of `oneOf` or `anyOf`, and for the first invalid item of a list. It finds
that item by bisection with the fast validator, so a long value with many errors costs no more than
a short one.
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
# Keywords whose messages in jsonschema quote the value.
_QUOTING = (
    *("contains", "dependentRequired", "exclusiveMaximum", "exclusiveMinimum", "format", "maxProperties"),
    *("minProperties", "multipleOf", "not", "unevaluatedItems", "unevaluatedProperties", "uniqueItems"),
)
_KINDS = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}


def explainer(schema: dict[str, Any]) -> Any:
    """Return a validator of *schema* whose errors have the kit's messages."""
    keywords = {
        "type": _type,
        "required": _required,
        "additionalProperties": _additional_properties,
        "items": _items(schema),
        "oneOf": _one_of,
        "anyOf": _any_of,
        "enum": _with_message("enum", lambda limit: f"must be one of {', '.join(map(str, limit))}"),
        "const": _with_message("const", lambda limit: f"must be {limit}"),
        "minItems": _with_message("minItems", lambda limit: f"must have at least {_count(limit, 'item')}"),
        "maxItems": _with_message("maxItems", lambda limit: f"must have at most {_count(limit, 'item')}"),
        "minLength": _with_message("minLength", lambda limit: f"must have at least {_count(limit, 'character')}"),
        "maxLength": _with_message("maxLength", lambda limit: f"must have at most {_count(limit, 'character')}"),
        "minimum": _with_message("minimum", lambda limit: f"must be at least {limit}"),
        "maximum": _with_message("maximum", lambda limit: f"must be at most {limit}"),
        **{keyword: _with_message(keyword, partial(_unsatisfied, keyword)) for keyword in _QUOTING},
        "pattern": _with_message("pattern", lambda limit: f"must match {limit}"),
    }
    kind: Any = validators.extend(Draft202012Validator, keywords)  # type: ignore[no-untyped-call]
    # The registry is empty because jsonschema's default registry fetches references from the network.
    return kind(schema, registry=Registry())


def _type(validator: Any, types: Any, instance: Any, _schema: Any) -> Errors:
    wanted = _as_list(types)
    if not any(validator.is_type(instance, kind) for kind in wanted):
        yield ValidationError(_wrong_type(wanted, instance))


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
            yield ValidationError(f"is not a field; {_suggestion(name, list(known))}", path=[name])


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
    errors = _first_errors(validator, branches, instance)
    fitting = errors.count(None)
    if fitting > 1:
        forms = ", ".join(_branch_name(branch) for branch in branches)
        yield ValidationError(f"is ambiguous: it fits {fitting} of the forms it may have ({forms}), and must fit one")
    elif fitting == 0:
        yield from _furthest_error(errors)


def _any_of(validator: Any, branches: Any, instance: Any, _schema: Any) -> Errors:
    errors = _first_errors(validator, branches, instance)
    if None not in errors:
        yield from _furthest_error(errors)


def _first_errors(validator: Any, branches: Any, instance: Any) -> list[ValidationError | None]:
    return [next(validator.descend(instance, branch, schema_path=n), None) for n, branch in enumerate(branches)]


def _furthest_error(errors: list[ValidationError | None]) -> Errors:
    """Yield the error that is furthest into the value: its branch is probably the intended one.

    For example, `["a", {}]` is reported as a list of strings with an invalid item.
    """
    places = [(list(map(_sort_key, error.relative_path)), error) for error in errors if error is not None]
    last = max((place for place, _ in places), default=None)
    here = [error for place, error in places if place == last]
    if not here:
        return
    if all(error.validator == "type" for error in here):
        message = _wrong_type([kind for error in here for kind in _as_list(error.validator_value)], here[0].instance)
    else:
        message = "; or ".join(dict.fromkeys(error.message for error in here))
    if len(here) < len(places):
        message += ", as the ones before it are"
    yield ValidationError(message, path=here[0].relative_path)


def _sort_key(step: str | int) -> tuple[int, str]:
    return (step, "") if isinstance(step, int) else (-1, step)


def _with_message(keyword: str, describe: Callable[[Any], str]) -> Callable[..., Errors]:
    check = Draft202012Validator.VALIDATORS[keyword]

    def explain(validator: Any, limit: Any, instance: Any, schema: Any) -> Errors:
        if any(True for _ in check(validator, limit, instance, schema)):
            yield ValidationError(describe(limit))

    return explain


def _as_list(types: Any) -> list[str]:
    return [types] if isinstance(types, str) else types


def _wrong_type(wanted: list[str], instance: Any) -> str:
    kinds = " or ".join(dict.fromkeys(_with_article(kind) for kind in wanted))
    return f"must be {kinds}, not {_with_article('null' if instance is None else _KINDS.get(type(instance), 'value'))}"


def _unsatisfied(keyword: str, limit: Any) -> str:
    shown = f": {limit}" if isinstance(limit, int | float) and not isinstance(limit, bool) else ""
    return f"does not satisfy `{keyword}{shown}`"


def _suggestion(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name[:100].lower(), known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}"


def _branch_name(schema: Any) -> str:
    kind = schema.get("type", "value") if isinstance(schema, dict) else "value"
    items = schema.get("items") if kind == "array" else None
    inner = items.get("type") if isinstance(items, dict) else None
    return f"array of {inner}s" if inner else str(kind)


def _with_article(kind: str) -> str:
    return kind if kind == "null" else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
