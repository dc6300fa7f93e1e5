"""A door on loopback for senders that are not our own: what knocks there goes the one way to the endpoint."""

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
from together_rerank_contract_tests.client.transport import ENDPOINT_KEY, Dropped, Inconclusive, Transport, Unsendable

# Of one hop, or told anew.
_NOT_FORWARDED = {"host", "connection", "content-length", "transfer-encoding", "authorization", "accept-encoding"}
# `location` too: who sent it must not go elsewhere.
_NOT_RETURNED = {"connection", "content-length", "transfer-encoding", "content-encoding", "keep-alive", "location"}
# Marks what the endpoint did not say.
NO_ANSWER = "x-contract-no-answer"
UNSENT, DROPPED = "unsent", "dropped"
# Header with the name of the exchange; schemathesis_hooks.py reads it.
_NAME = "x-contract-exchange"
# The most bytes of an answer to keep; there may be thousands of answers.
_LONGEST = 4_000


class Proxy:
    """A server on loopback that forwards requests for the operation, at *path*, to the endpoint's *url*.

    Attributes:
        token: stands for the key; it is put in its place on the way.
        unanswered: why a request got no answer, if one did not.
        exchanges: each exchange, by the name that its answer carries.
    """

    def __init__(self, transport: Transport, path: str, url: str) -> None:
        self.token = secrets.token_hex(16)
        self.unanswered = ""
        self.exchanges: dict[str, Exchange] = {}
        self._transport = transport
        self._path = path
        self._operation = url
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
        """Send the request to the endpoint and return the exchange, or one with the reason why it failed."""
        url = self._operation if path == self._path else self._operation.removesuffix(self._path) + path
        kept = tuple((name, value) for name, value in headers if name.lower() not in _NOT_FORWARDED)
        given = next((value for name, value in headers if name.lower() == "authorization"), None)
        authorization = ENDPOINT_KEY if given == f"Bearer {self.token}" else given
        try:
            return self._transport.send(method, url, kept, content, authorization=authorization)
        except (BudgetSpent, Inconclusive) as fault:
            if not isinstance(fault, Dropped | Unsendable):
                self.unanswered = str(fault)
            kind = DROPPED if isinstance(fault, Dropped) else UNSENT
            body = json.dumps({"error": {"message": str(fault), "type": "no_answer"}}).encode()
            status = 400 if isinstance(fault, Unsendable) else 502
        _, shown = self._transport.authorized(authorization)
        received_headers = {"content-type": "application/json", NO_ANSWER: kind}
        mask = self._transport.mask
        return Exchange(method, url, (*shown, *kept), content, status, received_headers, body, mask=mask)

    def keep(self, exchange: Exchange) -> str:
        """Store *exchange* and return its new name."""
        name = secrets.token_hex(8)
        self.exchanges[name] = replace(exchange, received=exchange.received[:_LONGEST])
        return name


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: Proxy

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  # as the base class has it
        """Remember what went wrong here, but for a sender that left."""
        fault = sys.exception()
        if not isinstance(fault, ConnectionError):
            self.proxy.unanswered = f"the proxy failed: {type(fault).__name__}: {fault}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    # An answer goes out in two pieces; the second must not wait for the first to be acknowledged.
    disable_nagle_algorithm = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # whatever the method
            return self._forward
        raise AttributeError(name)

    def _forward(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        proxy = self.server.proxy
        exchange = proxy.forward(self.command, self.path, list(self.headers.items()), content)
        self.send_response_only(exchange.status)
        for name, value in exchange.received_headers.items():
            if name.lower() not in _NOT_RETURNED:
                # Others than Latin-1 came as UTF-8, which no header should have.
                self.send_header(name, value.encode("latin-1", "replace").decode("latin-1"))
        self.send_header(_NAME, proxy.keep(exchange))
        self.send_header("Content-Length", str(len(exchange.received)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(exchange.received)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as the base class has it
        """Say nothing."""
