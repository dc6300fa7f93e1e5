"""Replay recorded exchanges: a request that is equal to a recorded one gets the recorded answer."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import quote

from together_rerank_fixtures import Exchange, FixtureError, bodies
from together_rerank_fixtures.exchange import ANY_BARE_KEY, ANY_KEY, header
from together_rerank_mockserver.api.messages import Call, Reply
from together_rerank_mockserver.api.rendering import shown_results
from together_rerank_spec import Document, load

# Headers that the server or the mock sets itself; recorded ones are dropped.
_OF_THE_SERVER = (
    *("connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"),
    *("preference-applied", "x-mock-accepts", "x-mock-reply", "x-request-id"),
)
# The spelling of headers that the mock reads or changes.
_WRITTEN_HERE = {name.lower(): name for name in ("Content-Type", "Content-Encoding", "Retry-After")} | {
    name: name for name in ("retry-after-ms", "x-ratelimit-reset")
}
_UTF_8 = ("charset=utf-8", "charset=utf8", 'charset="utf-8"')
_LONGEST_ID = 200

_Key = tuple[str | None, str | None, str, str | bytes]


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recorded answer to a request."""

    exchange: Exchange
    reply: Reply
    origin: str  # the value of `x-mock-reply`
    request_id: str  # from the answer; "" if it has none that fits a header
    reason: str | None  # why it is an error, for journal and log
    documents: int  # how many the request has
    results: tuple[list[int], int] | None  # as in the journal


class Replay:
    """Those of *exchanges*, from *source*, that are with the operation of *document*, whose paths *serves* accepts.

    Raises FixtureError if two of them have the same request.
    """

    def __init__(
        self, source: str, exchanges: Iterable[Exchange], document: Document, serves: Callable[[str], bool]
    ) -> None:
        self._document = document
        self._key_header = document.key_header or "Authorization"
        self._recorded: dict[_Key, Recorded] = {}
        # Exchanges of other sources come first: the mock can compute the kit's own answers.
        for exchange in sorted(exchanges, key=_is_the_kits):
            path = exchange.request.path
            # An exchange with an API at the root may have been recorded at the path of another.
            is_served = serves(path) or (not document.dialect and load().serves(path))
            if exchange.request.method != "POST" or not is_served:
                continue
            content_type = header(exchange.request.headers, "Content-Type")
            model = document.model_in(path)
            key = (_required_key(exchange, self._key_header), model, *_request(content_type, exchange.request.content))
            earlier = self._recorded.setdefault(key, self._answer(exchange)).exchange
            if earlier is not exchange and _is_the_kits(earlier) == _is_the_kits(exchange):
                raise FixtureError(f"{source}: {earlier.name} and {exchange.name} have the same request")

    def find(self, call: Call, content: bytes) -> Recorded | None:
        """Return the recorded answer to *call* with the body *content*; None if it was not recorded.

        JSON bodies are equal regardless of key order and spaces; 1 is not 1.0. API keys are compared only if the
        exchange is about a wrong key.
        """
        model, request = self._document.model_in(call.path), _request(call.headers.get("Content-Type"), content)
        keys = (call.headers.get(self._key_header) or "", None)
        found = (self._recorded.get((key, model, *request)) for key in keys)
        return next(filter(None, found), None)

    def _answer(self, exchange: Exchange) -> Recorded:
        response = exchange.response
        kept = {name: value for name, value in response.headers.items() if name.lower() not in _OF_THE_SERVER}
        headers = {_WRITTEN_HERE.get(name.lower(), name): value for name, value in kept.items()}
        reason = None if response.status < 400 else exchange.shows.rstrip(".")
        reply = Reply(response.status, response.content, headers)
        request = self._document.read_request(exchange.request.body) if response.status == 200 else None
        count = len(request["documents"]) if isinstance(request, dict) else 0
        results = shown_results(self._document.mapping.read_response(response.body))
        origin = f"replayed; name={quote(exchange.name)}"
        return Recorded(exchange, reply, origin, _request_id(exchange), reason, count, results)


def _is_the_kits(exchange: Exchange) -> bool:
    return exchange.source["kind"] == "kit"


def _required_key(exchange: Exchange, name: str) -> str | None:
    """Return the header *name*, of a key, that a request must have; None for any, "" for a request without one."""
    key = header(exchange.request.headers, name) or ""
    is_open = not key and exchange.response.status not in (401, 403)
    return None if key in (ANY_KEY, ANY_BARE_KEY) or is_open else key


def _request(content_type: str | None, content: bytes) -> tuple[str, str | bytes]:
    media, _, parameters = (content_type or "").lower().replace(" ", "").partition(";")
    charset = "" if parameters in _UTF_8 else parameters
    try:
        return f"{media};{charset}", json.dumps(bodies.value(content), sort_keys=True)
    except (ValueError, RecursionError):
        return f"{media};{charset}", content


def _request_id(exchange: Exchange) -> str:
    body = exchange.response.body
    recorded = body.get("id") if isinstance(body, dict) else None
    fits = isinstance(recorded, str) and len(recorded) <= _LONGEST_ID and recorded.isascii() and recorded.isprintable()
    return str(recorded) if fits else ""
