"""The wire family: replies that come late, in part, not at all, or as something else than they say."""

from __future__ import annotations

from dataclasses import replace

import orjson

from together_rerank_mockserver.call import Delivery, Reply
from together_rerank_mockserver.faults.fault import WireFault
from together_rerank_mockserver.rendering import to_json

DEFAULT_DELAY_MS = 1000
DEFAULT_PAUSE_MS = 200
# Only a server that hands over the socket can leave a client without an answer.
_RAW_SOCKET = "threaded"
_HTML = b"<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body><h1>It works</h1></body></html>\n"


def _delivered(name: Delivery, sentence: str, *parameters: str, server: str | None = None) -> WireFault:
    def spoil(reply: Reply) -> Reply:
        return replace(reply, delivery=name, pause_ms=DEFAULT_PAUSE_MS)

    return WireFault(name=name, sentence=sentence, parameters=parameters, server=server, spoil=spoil)


def _malformed(reply: Reply) -> Reply:
    return replace(reply, status=200, body=reply.body[:-1])


def _empty_body(reply: Reply) -> Reply:
    return replace(reply, status=200, body=b"")


def _html(reply: Reply) -> Reply:
    return replace(reply, status=200, body=_HTML, headers={**reply.headers, "Content-Type": "text/html"})


def _text(reply: Reply) -> Reply:
    return replace(reply, headers={**reply.headers, "Content-Type": "text/plain"})


def _gzip(reply: Reply) -> Reply:
    return replace(reply, headers={**reply.headers, "Content-Encoding": "gzip"})


def _latin_1(reply: Reply) -> Reply:
    """Encode in Latin-1; a body without a character that would show it gets one, in its id or message."""
    text = reply.body.decode(errors="replace")
    if not any("\x7f" < character < "\u0100" for character in text):
        text = _with_an_accent(text)
    return replace(reply, body=text.encode("latin-1", "replace"))


def _with_an_accent(text: str) -> str:
    try:
        data = orjson.loads(text)
        place, key = (data, "id") if "id" in data else (data["error"], "message")
        place[key] += "-é"
    except (KeyError, TypeError, ValueError):  # a recorded answer may have any form
        return f"{text}é"
    return to_json(data).decode()


def _bom(reply: Reply) -> Reply:
    return replace(reply, body=b"\xef\xbb\xbf" + reply.body)


FAULTS = (
    WireFault(name="delay", sentence="The answer comes late", spoil=lambda reply: reply),
    _delivered("hang", "The call is never answered; the connection stays open", server=_RAW_SOCKET),
    _delivered("drip", "The body comes in ten pieces, with a pause before each", "pause"),
    _delivered("reset", "The connection is reset (RST) before a byte", server=_RAW_SOCKET),
    _delivered("empty", "The connection is closed before a byte", server=_RAW_SOCKET),
    _delivered("truncate", "Half of the body comes, then the connection is closed"),
    WireFault(name="malformed-json", sentence="200, and the body lacks its last character", spoil=_malformed),
    WireFault(name="empty-body", sentence="200, and the body is empty", spoil=_empty_body),
    WireFault(name="html-200", sentence="200, and the body is a page of HTML", spoil=_html),
    WireFault(name="wrong-content-type", sentence="The JSON says that it is text/plain", spoil=_text),
    WireFault(name="bad-gzip", sentence="The body says that it is gzip, and is not", spoil=_gzip),
    WireFault(name="latin-1", sentence="The JSON is encoded in Latin-1 instead of UTF-8", spoil=_latin_1),
    WireFault(name="bom", sentence="The JSON begins with a byte order mark", spoil=_bom),
)
