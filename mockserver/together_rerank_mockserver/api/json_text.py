"""Read JSON strictly and write it compactly, with integers of any size."""

import json
import math
import re
from typing import Any

import orjson

from together_rerank_mockserver.api.errors import InvalidRequest
from together_rerank_spec import Validator

MAX_DEPTH = 100
_FITS_64_BITS = 19
# A double cannot hold an integer of more digits, and the fast parser rejects one.
_FITS_A_DOUBLE = 308
_LONG_NUMBER = re.compile(rb"(?<![0-9])[1-9][0-9]{308,}")
_NOT_JSON = re.compile(rb"NaN|Infinity")
_NO_HUGE_NUMBER = Validator(
    {
        "exclusiveMinimum": -(2**63),
        "exclusiveMaximum": 2**63,
        "items": {"$ref": "#"},
        "additionalProperties": {"$ref": "#"},
    }
)


class HugeInteger(str):
    """An integer beyond 64 bits, as its digits; it is returned unchanged and never used as a number."""

    __slots__ = ()


def parse(body: bytes) -> Any:
    """Return the JSON value of *body*; raise InvalidRequest if it is not JSON, or nested deeper than MAX_DEPTH."""
    if not body:
        raise InvalidRequest("The request has no body; it must be a JSON object")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "infinity" in error.msg and _LONG_NUMBER.search(body):
            # Validate the rest of the body with short numbers, then parse it with the largest double in their place.
            parse(_LONG_NUMBER.sub(b"9", body))
            return json.loads(body, parse_int=_within_a_double, parse_float=_float)
        raise InvalidRequest(_reason(body, error), kind="malformed_json") from error
    if _depth(value) > MAX_DEPTH:
        raise InvalidRequest(f"The body is nested deeper than {MAX_DEPTH} levels")
    return value


def parse_unique_keys(body: bytes) -> Any:
    """Return the JSON value of *body* as `parse` does; also raise InvalidRequest if an object has a key twice."""

    def check(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise InvalidRequest(f"The body has the key `{key[:100]}` twice in one object")
            seen.add(key)

    value = parse(body)
    json.loads(body, object_pairs_hook=check, parse_int=len)
    return value


def exact(body: bytes, value: Any) -> Any:
    """Return *value*, parsed from *body*, with every integer as it was written.

    The fast parser turns integers beyond 64 bits into floats. The body is parsed again if *value* has such a float.
    """
    return value if _NO_HUGE_NUMBER.is_valid(value) else json.loads(body, parse_int=_exactly, parse_float=_float)


def whole(value: Any) -> Any:
    """Return *value* as an integer if it is a whole float, which JSON does not distinguish from one."""
    return int(value) if type(value) is float and value.is_integer() else value


def _exactly(digits: str) -> int | HugeInteger:
    return int(digits) if len(digits) < _FITS_64_BITS else HugeInteger(digits)


def _within_a_double(digits: str) -> int:
    return int(digits) if len(digits) < _FITS_A_DOUBLE else (-1 if digits[0] == "-" else 1) * 10**_FITS_A_DOUBLE


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise InvalidRequest("The body has a number that a double cannot hold")
    return number


def _reason(body: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        body.decode()
    except UnicodeDecodeError as undecodable:
        place = undecodable.start
        return f"The body is not UTF-8: byte 0x{body[place]:02x} at offset {place}"
    where = f"line {error.lineno} column {error.colno}"
    if literal := _NOT_JSON.match(body.decode()[error.pos : error.pos + 10].encode()):
        return f"The body is not JSON: {literal[0].decode()} is not a number in JSON, {where}"
    if "surrogate" in error.msg:
        return f"The body is not JSON: a lone surrogate in a string, {where}"
    if "depth" in error.msg:
        return f"The body is nested deeper than {MAX_DEPTH} levels, {where}"
    return f"The body is not JSON: {error.msg}, {where}"


def _depth(value: Any) -> int:
    depth, level = 0, [value] if type(value) in (dict, list) else []
    while level:
        depth += 1
        level = [
            child
            for item in level
            for child in (item.values() if type(item) is dict else item)
            if type(child) is dict or type(child) is list
        ]
    return depth


def to_json(value: Any) -> bytes:
    """Return *value* as compact JSON: keys in their order, no spaces, non-ASCII characters literal."""
    return orjson.dumps(value, default=_number, option=orjson.OPT_PASSTHROUGH_SUBCLASS)


def _number(value: Any) -> Any:
    if isinstance(value, HugeInteger):
        return orjson.Fragment(value.encode())
    raise TypeError(f"{type(value).__name__} is not JSON")
