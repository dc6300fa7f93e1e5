"""Wire faults: replies that are late, partial, missing, or not what their headers say."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from together_rerank_mockserver.api.json_text import to_json
from together_rerank_mockserver.api.messages import Delivery, Reply
from together_rerank_mockserver.faults.fault import WireFault

DEFAULT_DELAY_MS = 1000
# Only a server that hands over the socket can leave a client without an answer.
_RAW_SOCKET = "threaded"
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
    """Return the fault that changes the body of a reply, some headers, and the fields in *changes*."""

    def apply(reply: Reply) -> Reply:
        return replace(reply, body=body(reply.body), headers={**reply.headers, **headers}, **changes)

    return WireFault(name=name, sentence=sentence, parameters=parameters, server=server, apply=apply)


def _delivered(name: Delivery, sentence: str, *parameters: str, server: str | None = None) -> WireFault:
    return _wire(name, sentence, parameters=parameters, server=server, delivery=name, pause_ms=200)


def _latin_1(body: bytes) -> bytes:
    """Encode in Latin-1; a body without a character that would show it gets one, in its id or message."""
    text = body.decode(errors="replace")
    if not any("\x7f" < character < "\u0100" for character in text):
        text = _with_an_accent(text)
    return text.encode("latin-1", "replace")


def _with_an_accent(text: str) -> str:
    try:
        data = orjson.loads(text)
        place, key = (data, "id") if "id" in data else (data["error"], "message")
        place[key] += "-é"
    except (KeyError, TypeError, ValueError):  # a recorded answer may have any form
        return f"{text}é"
    return to_json(data).decode()


FAULTS = (
    _wire("delay", "The answer comes late"),
    _delivered("hang", "The call is never answered; the connection stays open", server=_RAW_SOCKET),
    _delivered("drip", "The body comes in ten pieces, with a pause before each", "pause"),
    _delivered("reset", "The connection is reset (RST) before a byte", server=_RAW_SOCKET),
    _delivered("empty", "The connection is closed before a byte", server=_RAW_SOCKET),
    _delivered("truncate", "Half of the body comes, then the connection is closed"),
    _wire("malformed-json", "200, and the body lacks its last character", lambda body: body[:-1], status=200),
    _wire("empty-body", "200, and the body is empty", lambda _: b"", status=200),
    _wire(
        "html-200", "200, and the body is a page of HTML", lambda _: _HTML, {"Content-Type": "text/html"}, status=200
    ),
    _wire("wrong-content-type", "The JSON says that it is text/plain", headers={"Content-Type": "text/plain"}),
    _wire("bad-gzip", "The body says that it is gzip, and is not", headers={"Content-Encoding": "gzip"}),
    _wire("latin-1", "The JSON is encoded in Latin-1 instead of UTF-8", _latin_1),
    _wire("bom", "The JSON begins with a byte spec mark", lambda body: b"\xef\xbb\xbf" + body),
)
