"""A mock in this process without a server, for tests that cannot open sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from together_rerank_mockserver.http.wsgi import Mock
from together_rerank_mockserver.http.wsgi_app import WsgiApp

if TYPE_CHECKING:
    from flask import Flask

    from together_rerank_mockserver.settings import Settings

# Clients need a URL, but nothing answers there.
_URL = "http://rerank-mock-has-no-socket.invalid"
UNSEEN = "; it has no socket, because pytest-socket disables them: use rerank_mock.transport() or rerank_mock.app"


class SocketlessServer:
    """The same mock as `MockServer` starts, but only its application answers."""

    def __init__(self, settings: Settings) -> None:
        self.mock = Mock(settings)
        self.url = _URL + (settings.base_path or "")
        self._wsgi = WsgiApp(self.mock)

    @property
    def app(self) -> Flask:
        return self._wsgi.flask

    def settle(self) -> None:
        """Return at once: without connections, a call ends before the test continues."""
