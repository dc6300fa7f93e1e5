"""Replay recorded exchanges: a request that is equal to a recorded one gets the recorded answer."""

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import together_rerank_fixtures as fixtures
from together_rerank_fixtures import Exchange, FixtureError, bodies
from together_rerank_fixtures.exchange import ANY_KEY, header
from together_rerank_mockserver.api.messages import Headers, Reply
from together_rerank_mockserver.settings import LIBRARY
from together_rerank_spec import Document, load

# What a server says of the connection, and the mock of its answer, whatever was recorded.
_OF_THE_SERVER = (
    *("connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"),
    *("preference-applied", "x-mock-accepts", "x-mock-reply", "x-request-id"),
)
# As the mock writes those that it looks at or changes.
_WRITTEN_HERE = {name.lower(): name for name in ("Content-Type", "Content-Encoding", "Retry-After")} | {
    name: name for name in ("retry-after-ms", "x-ratelimit-reset")
}
_UTF_8 = ("charset=utf-8", "charset=utf8", 'charset="utf-8"')
_LONGEST_ID = 200

_Key = tuple[str | None, str, str | bytes]


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recorded answer to a request."""

    exchange: Exchange
    reply: Reply
    origin: str  # the value of `x-mock-reply`
    request_id: str  # from the answer; "" if it has none that fits a header
    reason: str | None  # why it is an error, for journal and log


class Replay:
    """Exchanges with the operation of *document*, from the folder *source* or, if it is LIBRARY, the kit's own.

    Raises FixtureError if the folder has no exchanges, an invalid one, or two with the same request.
    """

    def __init__(self, source: str, document: Document) -> None:
        exchanges = fixtures.all() if source == LIBRARY else fixtures.read(Path(source))
        paths = {*document.routes, *load().routes}  # where it was recorded need not be where it is served
        self._recorded: dict[_Key, Recorded] = {}
        # Exchanges of other sources come first: the mock can compute the kit's own answers.
        for exchange in sorted(exchanges, key=_is_the_kits):
            if exchange.request.method != "POST" or exchange.request.path not in paths:
                continue
            content_type = header(exchange.request.headers, "Content-Type")
            key = (_narrow(exchange), *_request(content_type, exchange.request.content))
            earlier = self._recorded.setdefault(key, _recorded(exchange)).exchange
            if earlier is not exchange and _is_the_kits(earlier) == _is_the_kits(exchange):
                raise FixtureError(f"{source}: {earlier.name} and {exchange.name} have the same request")

    def find(self, headers: Headers, content: bytes) -> Recorded | None:
        """Return what was answered to this request; None when it was not recorded.

        JSON is equal whatever the order of its keys and the spaces between them; 1 is not 1.0. A key is
        compared where the exchange is about one that is wrong.
        """
        request = _request(headers.get("Content-Type"), content)
        return self._recorded.get((headers.get("Authorization"), *request)) or self._recorded.get((None, *request))


def _is_the_kits(exchange: Exchange) -> bool:
    return exchange.source["kind"] == "kit"


def _narrow(exchange: Exchange) -> str | None:
    """Return the key that a request must have, None for any; "" is none, which the mock refuses by itself."""
    key = header(exchange.request.headers, "Authorization") or ""
    is_open = not key and exchange.response.status not in (401, 403)
    return None if key == ANY_KEY or is_open else key


def _request(content_type: str | None, content: bytes) -> tuple[str, str | bytes]:
    media, _, parameters = (content_type or "").lower().replace(" ", "").partition(";")
    charset = "" if parameters in _UTF_8 else parameters
    try:
        return f"{media};{charset}", json.dumps(bodies.value(content), sort_keys=True)
    except (ValueError, RecursionError):
        return f"{media};{charset}", content


def _recorded(exchange: Exchange) -> Recorded:
    response = exchange.response
    kept = {name: value for name, value in response.headers.items() if name.lower() not in _OF_THE_SERVER}
    headers = {_WRITTEN_HERE.get(name.lower(), name): value for name, value in kept.items()}
    reason = None if response.status < 400 else exchange.shows.rstrip(".")
    reply = Reply(response.status, response.content, headers)
    return Recorded(exchange, reply, f"replayed; name={quote(exchange.name)}", _request_id(exchange), reason)


def _request_id(exchange: Exchange) -> str:
    body = exchange.response.body
    recorded = body.get("id") if isinstance(body, dict) else None
    fits = isinstance(recorded, str) and len(recorded) <= _LONGEST_ID and recorded.isascii() and recorded.isprintable()
    return str(recorded) if fits else ""
