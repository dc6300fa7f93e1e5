"""Client of the admin API for tests: for a mock in this process, or at a URL."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from together_rerank_spec.urls import base_of

if TYPE_CHECKING:
    from together_rerank_mockserver.server.threaded_server import MockServer
    from together_rerank_mockserver.testing.socketless import SocketlessServer

# The key for a mock in this process if the settings list no keys, so that it accepts any key.
API_KEY = "rerank-mock-key"
ADMIN_TOKEN = "TOGETHER_RERANK_MOCK_ADMIN_TOKEN"  # noqa: S105  # the name of a variable
_TIMEOUT_S = 10
# Method, path below /__admin, parameters and body; returns the status and the JSON.
_Send = Callable[[str, str, dict[str, str], bytes], tuple[int, bytes]]


class Unreachable(RuntimeError):
    """Nothing answers at the URL, or the answer is not from a mock."""


class AdminClient:
    """Client for one namespace of a mock."""

    def __init__(
        self,
        url: str,
        api_key: str,
        send: _Send,
        *,
        server: MockServer | SocketlessServer | None = None,
        unseen: str = "",
        word: str | None = None,
    ) -> None:
        self.url = url
        self.api_key = api_key
        self.server = server  # None if the mock runs in another process
        self.unseen = unseen  # which requests the journal does not have, as the end of a message
        self._send = send
        self._word = {} if word is None else {"word": word}

    def of_word(self, word: str) -> AdminClient:
        """Return a client for the calls of this namespace whose body contains *word*."""
        return AdminClient(self.url, self.api_key, self._send, server=self.server, unseen=self.unseen, word=word)

    def call(self, method: str, path: str, data: Any = None, /, **parameters: str) -> Any:
        """Return the JSON answer; raise ValueError if the mock rejects the call, Unreachable if no mock answers."""
        parameters |= self._word
        if self.server is None:
            parameters["namespace"] = self.api_key
        body = b"" if data is None else json.dumps(data).encode()
        try:
            status, content = self._send(method, f"/{path}", parameters, body)
            answer = json.loads(content)
            if status == 200:
                return answer
            message = answer["error"]["message"]
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            raise Unreachable(f"no mock answers at {self.url}: {error or type(error).__name__}") from None
        raise ValueError(message)


def in_process(server: MockServer | SocketlessServer, api_key: str, unseen: str = "") -> AdminClient:
    from together_rerank_mockserver.api.errors import ApiError
    from together_rerank_mockserver.api.rendering import error_reply
    from together_rerank_mockserver.http.admin import AdminRequest

    def send(method: str, path: str, parameters: dict[str, str], body: bytes) -> tuple[int, bytes]:
        request = AdminRequest(method, path, parameters, server.url, lambda _: body, settle=server.settle)
        try:
            return 200, server.mock.admin.answer(request)
        except ApiError as error:
            return error.status, error_reply(error).body

    return AdminClient(server.url, api_key, send, server=server, unseen=unseen)


def by_url(url: str, api_key: str) -> AdminClient:
    """Return a client for the namespace of *api_key* at *url*, and reset it; raise Unreachable if that fails."""
    base, token = base_of(url), os.environ.get(ADMIN_TOKEN)
    parts = urlsplit(base)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    def send(method: str, path: str, parameters: dict[str, str], body: bytes) -> tuple[int, bytes]:
        connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
        try:
            connection.request(method, f"{parts.path}/__admin{path}?{urlencode(parameters)}", body or None, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    unseen = "; the journal has no requests with another key than rerank_mock.api_key"
    client = AdminClient(base, api_key, send, unseen=unseen)
    try:
        client.call("POST", "reset")
    except ValueError as error:
        raise Unreachable(f"the mock at {base} cannot be used: {error}") from error
    return client
