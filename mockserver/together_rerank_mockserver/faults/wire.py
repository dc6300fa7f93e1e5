"""Wire faults: replies that are late, partial, missing, or not what their headers say."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from together_rerank_mockserver.api.json_text import to_json
from together_rerank_mockserver.api.messages import Delivery, Reply
from together_rerank_mockserver.faults.fault import RAW_SOCKET, WireFault

DEFAULT_DELAY_MS = 1000
_HTML = b"<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body><h1>It works</h1></body></html>\n"


def _wire(
    name: str,
    sentence: str,
    body: Callable[[bytes], bytes] = lambda body: body,
    headers: Mapping[str, str] = {},
    parameters: tuple[str, ...] = (),
    server: str | None = None,
    **changes: Any,
) -> WireFault:
    """Return a fault that changes the body of a reply, some headers, and the fields in *changes*."""

    def apply(reply: Reply) -> Reply:
        return replace(reply, body=body(reply.body), headers={**reply.headers, **headers}, **changes)

    return WireFault(name=name, sentence=sentence, parameters=parameters, server=server, apply=apply)


def _delivered(name: Delivery, sentence: str, *parameters: str, server: str | None = None) -> WireFault:
    return _wire(name, sentence, parameters=parameters, server=server, delivery=name, pause_ms=200)


def _latin_1(body: bytes) -> bytes:
    """Encode in Latin-1; add a non-ASCII character to a body that has none."""
    text = body.decode(errors="replace")
    if not any("\x7f" < character < "\u0100" for character in text):
        text = _with_an_accent(text)
    return text.encode("latin-1", "replace")


def _with_an_accent(text: str) -> str:
    """Return *text* with an accent at the end of its first string, or in a new field of its first object."""
    try:
        data = orjson.loads(text)
    except ValueError:  # a recorded answer may have any form
        return f"{text}é"
    holders = [holder for holder in _holders(data) if isinstance(holder, dict)]
    strings = ((holder, key) for holder in holders for key, value in holder.items() if isinstance(value, str))
    holder, key = next(strings, (holders[0], "note")) if holders else (None, "")
    if holder is None:
        return f"{text}é"
    holder[key] = f"{holder.get(key, '')}-é"
    return to_json(data).decode()


def _holders(data: Any) -> Iterator[Any]:
    """Yield *data* and all objects and lists in it."""
    if isinstance(data, dict | list):
        yield data
        for each in data.values() if isinstance(data, dict) else data:
            yield from _holders(each)


FAULTS = (
    _wire("delay", "The answer is late"),
    _delivered("hang", "There is no answer; the connection stays open", server=RAW_SOCKET),
    _delivered("drip", "The body arrives in ten pieces, with a pause before each", "pause"),
    _delivered("reset", "The connection is reset (RST) before any byte", server=RAW_SOCKET),
    _delivered("empty", "The connection is closed before any byte", server=RAW_SOCKET),
    _delivered("truncate", "Half of the body arrives, then the connection is closed"),
    _wire("malformed-json", "A 200 whose body lacks its last character", lambda body: body[:-1], status=200),
    _wire("empty-body", "A 200 with an empty body", lambda _: b"", status=200),
    _wire("html-200", "A 200 whose body is an HTML page", lambda _: _HTML, {"Content-Type": "text/html"}, status=200),
    _wire("wrong-content-type", "The Content-Type of the JSON is text/plain", headers={"Content-Type": "text/plain"}),
    _wire(
        "bad-gzip", "The Content-Encoding is gzip, but the body is not compressed", headers={"Content-Encoding": "gzip"}
    ),
    _wire("latin-1", "The JSON is encoded in Latin-1 instead of UTF-8", _latin_1),
    _wire("bom", "The JSON begins with a byte order mark", lambda body: b"\xef\xbb\xbf" + body),
)
