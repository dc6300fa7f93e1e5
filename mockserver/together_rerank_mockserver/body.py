"""Read the request's body within a limit, parse it strictly and validate it; errors name the reason and the place."""

import json
import math
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, cast

import orjson

from together_rerank_mockserver.call import Headers
from together_rerank_mockserver.errors import BodyTooLarge, InvalidRequest, UnsupportedEncoding
from together_rerank_spec import Document, DocumentError, Validator
from together_rerank_spec.validation import SchemaError

MAX_DEPTH = 100
_JSON_CHARSETS = ("", "utf-8", "utf8")
_FITS_64_BITS = 19
_HUGE = 2**63
# A double holds no integer of more digits than this, and so the fast parser takes none.
_FITS_A_DOUBLE = 308
_LONG_NUMBER = re.compile(rb"(?<![0-9])[1-9][0-9]{308,}")
_UNREAD = object()
_NOT_JSON = re.compile(rb"NaN|Infinity")
# Schema of the requests that the mock can rank, even if a document allows more.
_RANKABLE = Validator(
    {
        "type": "object",
        "required": ["model", "query", "documents"],
        "properties": {
            "model": {"type": "string"},
            "query": {"type": "string"},
            "documents": {"type": "array"},
            "top_n": {"type": ["integer", "null"]},
            "rank_fields": {"type": ["array", "null"], "items": {"type": "string"}},
        },
    }
)


class HugeInteger(str):
    """An integer beyond 64 bits, as its digits: kept, never computed with."""

    __slots__ = ()


def read(headers: Headers, read: Callable[[int], bytes], limit: int, why: str = "--max-body") -> bytes:
    """Return the body of a request with *headers*, reading one byte beyond *limit* at the most; *why* explains it.

    Raises:
        BodyTooLarge: it is longer than *limit*, by its Content-Length or as it is read.
        InvalidRequest: it is shorter than its Content-Length.
        UnsupportedEncoding: it has a Content-Encoding.
    """
    coding = headers.get("Content-Encoding")
    if coding and coding.strip().lower() != "identity":
        raise UnsupportedEncoding(coding)
    declared = headers.get("Content-Length")
    promised = int(declared[:20]) if declared and declared.isascii() and declared.isdigit() else 0
    if promised > limit:
        raise BodyTooLarge(limit, why)
    body = read(limit + 1)
    if len(body) < promised:
        raise InvalidRequest(f"The body ended after {len(body)} of {promised} bytes")
    if len(body) > limit:
        raise BodyTooLarge(limit, why)
    return body


class Content:
    """The body of one request, parsed when `value` is first read; parsed again only if that failed."""

    __slots__ = ("_value", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._value: Any = _UNREAD

    @property
    def value(self) -> Any:
        """The JSON value that it is; raises InvalidRequest as `parse` does."""
        # A fault that is kept would keep itself alive, by the frames of its traceback, and the body with it.
        if self._value is _UNREAD:
            self._value = parse(self.raw)
        return self._value


class RequestParser:
    """Parses and validates requests by *document*; raises DocumentError if it does not allow a plain rerank request."""

    def __init__(self, document: Document) -> None:
        self._document = document
        try:
            self._schema = Validator(document.request_schema)
            self._check()
        except SchemaError as fault:
            raise DocumentError(f"{document.name}: {fault}") from fault

    def parse(self, content_type: str | None, content: Content) -> dict[str, Any]:
        """Return the request in *content*; raise InvalidRequest if it does not match the schema."""
        if content.raw:
            check_media_type(content_type, self._document.request_media_types)
        request = content.value
        if violations := self._schema.violations(request) or _RANKABLE.violations(request):
            places = [f"`{each.pointer}`" if each.pointer else "The body" for each in violations]
            sentences = [f"{place} {each.message}" for place, each in zip(places, violations, strict=True)]
            raise InvalidRequest("; ".join(sentences), param=violations[0].pointer)
        return cast(dict[str, Any], request)

    def _check(self) -> None:
        for violation in self._schema.violations({"model": "model", "query": "query", "documents": ["a"]}):
            if violation.pointer.startswith(("/query", "/documents")):
                problem = f"its request schema does not allow what is ranked: {violation}"
                raise DocumentError(f"{self._document.name}: {problem}")


# A client says the same each time; headers are longer than this on purpose only.
@lru_cache(maxsize=64)
def check_media_type(header: str | None, accepted: tuple[str, ...]) -> None:
    """Raise InvalidRequest unless *header*, a Content-Type, names one of *accepted*, in UTF-8."""
    media, *parameters = [part.strip().lower() for part in (header or "").split(";")]
    if not any(fnmatchcase(media, each.partition(";")[0].strip().lower()) for each in accepted):
        said = f"not {media[:100]}" if media else "and none was sent"
        raise InvalidRequest(f"The Content-Type must be {' or '.join(accepted)}, {said}")
    charset = next((p.removeprefix("charset=").strip('"') for p in parameters if p.startswith("charset=")), "")
    if charset not in _JSON_CHARSETS:
        raise InvalidRequest(f"The body must be UTF-8, and the Content-Type says charset={charset[:40]}")


def parse(body: bytes) -> Any:
    """Return the JSON value of *body*; raise InvalidRequest if it is not JSON, or nested deeper than MAX_DEPTH."""
    if not body:
        raise InvalidRequest("The request has no body; it must be a JSON object")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        if "infinity" in fault.msg and _LONG_NUMBER.search(body):
            # Read once with such numbers shortened, which proves all the rest; then with a stand-in for them.
            parse(_LONG_NUMBER.sub(b"9", body))
            return json.loads(body, parse_int=_within_a_double, parse_float=_float)
        raise InvalidRequest(_reason(body, fault)) from fault
    # Fewer brackets than that cannot be nested so deep; most bodies are not walked.
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise InvalidRequest(f"The body is nested deeper than {MAX_DEPTH} levels")
    return value


def parse_once(body: bytes) -> Any:
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

    The fast parser makes floats of integers beyond 64 bits; only where such a float is met is the
    body parsed again.
    """
    return json.loads(body, parse_int=_exactly, parse_float=_float) if _has_huge_number(value) else value


def _exactly(digits: str) -> int | HugeInteger:
    return int(digits) if len(digits) < _FITS_64_BITS else HugeInteger(digits)


def _within_a_double(digits: str) -> int:
    return int(digits) if len(digits) < _FITS_A_DOUBLE else (-1 if digits[0] == "-" else 1) * 10**_FITS_A_DOUBLE


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise InvalidRequest("The body has a number beyond what a double can hold")
    return number


def _reason(body: bytes, fault: orjson.JSONDecodeError) -> str:
    try:
        body.decode()
    except UnicodeDecodeError as bad:
        return f"The body is not UTF-8: byte 0x{body[bad.start]:02x} at offset {bad.start}"
    where = f"line {fault.lineno} column {fault.colno}"
    if literal := _NOT_JSON.match(body.decode()[fault.pos : fault.pos + 10].encode()):
        return f"The body is not JSON: {literal[0].decode()} is not a number in JSON, {where}"
    if "surrogate" in fault.msg:
        return f"The body is not JSON: a lone surrogate in a string, {where}"
    if "depth" in fault.msg:
        return f"The body is nested deeper than {MAX_DEPTH} levels, {where}"
    return f"The body is not JSON: {fault.msg}, {where}"


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [item for item in level if type(item) in (dict, list)]:
        depth += 1
        level = [child for item in level for child in (item.values() if type(item) is dict else item)]
    return depth


def _has_huge_number(value: Any) -> bool:
    kind = type(value)
    if kind is str:
        return False
    if kind is list or kind is dict:
        children = value.values() if kind is dict else value
        return any([_has_huge_number(child) for child in children if type(child) is not str])
    return kind in (int, float) and abs(value) >= _HUGE
