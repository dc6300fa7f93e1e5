"""A door on loopback for senders that are not our own: what knocks there goes the one way to the endpoint."""

import json
import secrets
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from together_rerank_contract_tests.client import YES, BudgetSpent, Dropped, Inconclusive, Key, Transport, Unsendable
from together_rerank_contract_tests.exchange import Exchange

# Of one hop, or told anew.
_NOT_FORWARDED = {"host", "connection", "content-length", "transfer-encoding", "authorization", "accept-encoding"}
# `location` too: who sent it must not go elsewhere.
_NOT_RETURNED = {"connection", "content-length", "transfer-encoding", "content-encoding", "keep-alive", "location"}
# Marks what the endpoint did not say.
NO_ANSWER = "x-contract-no-answer"
UNSENT, DROPPED = "unsent", "dropped"


class Forwarder:
    """Forwards from loopback, where the operation is asked under *path*, to its *url*.

    Attributes:
        token: stands for the key; it is put in its place on the way.
        unanswered: why a request got no answer, if one did not.
    """

    def __init__(self, transport: Transport, path: str, url: str) -> None:
        self.token = secrets.token_hex(16)
        self.unanswered = ""
        self._transport = transport
        self._path = path
        self._operation = url
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.forwarder = self
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
        """Return the exchange with the endpoint; raise what the transport raises."""
        url = self._operation if path == self._path else self._operation.removesuffix(self._path) + path
        kept = tuple((name, value) for name, value in headers if name.lower() not in _NOT_FORWARDED)
        given = next((value for name, value in headers if name.lower() == "authorization"), None)
        authorization: str | Key | None = YES if given == f"Bearer {self.token}" else given
        return self._transport.send(method, url, kept, content, authorization=authorization)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    forwarder: Forwarder

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  # as the base class has it
        """Remember what went wrong here, but for a sender that left."""
        fault = sys.exception()
        if not isinstance(fault, ConnectionError):
            self.forwarder.unanswered = f"the forwarder failed: {type(fault).__name__}: {fault}"


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
        forwarder = self.server.forwarder
        try:
            exchange = forwarder.forward(self.command, self.path, list(self.headers.items()), content)
        except Unsendable as fault:
            self._refuse(400, str(fault), UNSENT)
        except Dropped as fault:
            self._refuse(502, str(fault), DROPPED)
        except (BudgetSpent, Inconclusive) as fault:
            forwarder.unanswered = str(fault)
            self._refuse(502, str(fault), UNSENT)
        else:
            self._answer(exchange.status, exchange.received_headers, exchange.received)

    def _refuse(self, status: int, reason: str, kind: str) -> None:
        body = json.dumps({"error": {"message": reason, "type": "no_answer"}}).encode()
        self._answer(status, {"content-type": "application/json", NO_ANSWER: kind}, body)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in _NOT_RETURNED:
                # Others than Latin-1 came as UTF-8, which no header should have.
                self.send_header(name, value.encode("latin-1", "replace").decode("latin-1"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as the base class has it
        """Say nothing."""
