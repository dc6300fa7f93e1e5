"""The replay: recorded exchanges by what was asked, so that a request equal to one gets what was answered then."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import together_rerank_fixtures as fixtures
from together_rerank_fixtures import Exchange, FixtureError
from together_rerank_mockserver.reply import Reply
from together_rerank_mockserver.settings import LIBRARY
from together_rerank_spec import Document, load

# What a server says of the connection, whatever was recorded.
_OF_THE_SERVER = ("connection", "content-length", "date", "keep-alive", "server", "transfer-encoding")

_Key = tuple[str, str | bytes]


class Replay:
    """Exchanges with the operation of *document*, from the folder *source* or, if it is LIBRARY, the kit's own.

    Raises:
        FixtureError: the folder has none, or a file is not what it should be, or two answer the same request.
    """

    def __init__(self, source: str, document: Document) -> None:
        exchanges = fixtures.all() if source == LIBRARY else fixtures.read(Path(source))
        paths = {*document.routes, *load().routes}  # where it was recorded need not be where it is served
        self._replies: dict[_Key, tuple[Exchange, Reply]] = {}
        for exchange in _the_kits_last(exchanges):
            if exchange.request.method != "POST" or exchange.request.path not in paths:
                continue
            key = _key(_header(exchange.request.headers, "content-type"), exchange.request.content)
            earlier = self._replies.setdefault(key, (exchange, _reply(exchange)))[0]
            if earlier is not exchange and exchange.source["kind"] != "kit":
                raise FixtureError(f"{source}: {earlier.name} and {exchange.name} have the same request")

    def find(self, content_type: str | None, content: bytes) -> tuple[Exchange, Reply] | None:
        """Return the exchange whose request is this one, and its answer; None when it was not recorded.

        JSON is equal whatever the order of its keys and the spaces between them; 1 is not 1.0.
        """
        return self._replies.get(_key(content_type, content))


def origin(exchange: Exchange) -> str:
    """Return what `x-mock-reply` says of an answer from *exchange*."""
    return f"replayed; name={quote(exchange.name)}"


def request_id(exchange: Exchange) -> str:
    """Return the id that the answer itself has, "" when it has none that a header can hold."""
    body = exchange.response.body
    recorded = body.get("id") if isinstance(body, dict) else None
    return recorded if isinstance(recorded, str) and recorded.isascii() and recorded.isprintable() else ""


def _the_kits_last(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """Return *exchanges* with those first that somebody else answered: what the mock says it can compute."""
    return sorted(exchanges, key=lambda exchange: exchange.source["kind"] == "kit")


def _key(content_type: str | None, content: bytes) -> _Key:
    media = (content_type or "").partition(";")[0].strip().lower()
    try:
        return media, json.dumps(json.loads(content), sort_keys=True)
    except (ValueError, RecursionError):
        return media, content


def _reply(exchange: Exchange) -> Reply:
    response = exchange.response
    headers = {name: value for name, value in response.headers.items() if name.lower() not in _OF_THE_SERVER}
    reason = None if response.status < 400 else exchange.shows.rstrip(".")
    return Reply(response.status, response.content, headers, reason=reason)


def _header(headers: dict[str, str], name: str) -> str | None:
    return next((value for each, value in headers.items() if each.lower() == name), None)
