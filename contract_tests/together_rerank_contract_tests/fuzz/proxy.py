"""A local proxy that routes the requests of Schemathesis through the budgeted client."""

import json
import secrets
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from together_rerank_contract_tests.client.budget import BudgetSpent
from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.client.transport import (
    ENDPOINT_KEY,
    Dropped,
    Inconclusive,
    Refused,
    Transport,
    Unsendable,
)
from together_rerank_contract_tests.client.variables import Headers

# Request headers that the transport sets itself, or that apply to one connection only.
_NOT_FORWARDED = {"host", "connection", "content-length", "transfer-encoding", "authorization", "accept-encoding"}
# Response headers that are not returned; without `location`, Schemathesis cannot follow a redirect to another host.
_NOT_RETURNED = {"connection", "content-length", "transfer-encoding", "content-encoding", "keep-alive", "location"}
# Header that marks a response by the proxy itself; the value tells a dropped connection from an unsent request.
NO_ANSWER = "x-contract-no-answer"
UNSENT, DROPPED = "unsent", "dropped"
# Header with the name of the exchange; schemathesis_hooks.py reads it.
_NAME = "x-contract-exchange"
_OWN = (NO_ANSWER, _NAME)
# The most bytes of a response body to store; there may be thousands of responses.
_MAX_STORED = 4_000


class Proxy:
    """A server on loopback that forwards requests for the operation, at *path*, to the endpoint's *url*.

    Attributes:
        token: Schemathesis sends it as the key; the proxy replaces it with the real key.
        error: why a request failed: budget spent, time-out, or an error of the proxy; "" if none failed.
        exchanges: the exchanges, by the name in the response header.
    """

    def __init__(self, transport: Transport, path: str, url: str) -> None:
        self.token = secrets.token_hex(16)
        self.error = ""
        self.exchanges: dict[str, Exchange] = {}
        self._transport = transport
        self._path = path
        self._operation_url = url
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def forward(self, method: str, path: str, headers: list[tuple[str, str]], content: bytes) -> Exchange:
        """Send the request to the endpoint and return the exchange; if that fails, return one with a 400 or 502."""
        url = self._operation_url if path == self._path else self._operation_url.removesuffix(self._path) + path
        key_header = self._transport.key_header.lower()
        kept = tuple(each for each in headers if each[0].lower() not in (key_header, *_NOT_FORWARDED))
        value = next((value for name, value in headers if name.lower() == key_header), None)
        authorization = ENDPOINT_KEY if value == f"{self._transport.key_scheme}{self.token}" else value
        try:
            exchange = self._transport.send(method, url, kept, content, authorization=authorization)
        except (BudgetSpent, Inconclusive) as error:
            is_dropped = isinstance(error, Dropped) and not isinstance(error, Refused)
            if not is_dropped and not isinstance(error, Unsendable):
                self.error = str(error)
            sent = error.exchange if isinstance(error, Dropped) else self._unanswered(method, url, kept, content)
            body = json.dumps({"error": {"message": str(error), "type": "no_answer"}}).encode()
            received_headers = {"content-type": "application/json", NO_ANSWER: DROPPED if is_dropped else UNSENT}
            status = 400 if isinstance(error, Unsendable) else 502
            return replace(sent, status=status, received_headers=received_headers, received=body)
        # Only the proxy itself may send its headers.
        received_headers = {name: value for name, value in exchange.received_headers.items() if name not in _OWN}
        return replace(exchange, received_headers=received_headers)

    def _unanswered(self, method: str, url: str, headers: Headers, content: bytes) -> Exchange:
        return Exchange(method, url, headers, content, 0, {}, b"", document=self._transport.document)

    def store(self, exchange: Exchange) -> str:
        """Store *exchange* and return its new name."""
        name = secrets.token_hex(8)
        self.exchanges[name] = replace(exchange, received=exchange.received[:_MAX_STORED])
        return name


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: Proxy

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  # the signature of the base class
        """Store the error, unless the client closed the connection."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            self.proxy.error = f"the proxy failed: {type(error).__name__}: {error}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    # A response is sent in two pieces; the second must not wait until the first is acknowledged.
    disable_nagle_algorithm = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # any method
            return self._forward
        raise AttributeError(name)

    def _forward(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        proxy = self.server.proxy
        exchange = proxy.forward(self.command, self.path, list(self.headers.items()), content)
        self.send_response_only(exchange.status)
        for name, value in exchange.received_headers.items():
            if name.lower() not in _NOT_RETURNED:
                # An endpoint may send a header in UTF-8, which HTTP does not allow and send_header() cannot encode.
                self.send_header(name, value.encode("latin-1", "replace").decode("latin-1"))
        self.send_header(_NAME, proxy.store(exchange))
        self.send_header("Content-Length", str(len(exchange.received)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(exchange.received)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the signature of the base class
        """Print nothing."""
