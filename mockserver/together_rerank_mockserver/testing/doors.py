"""The doors to a mock: how a test asks and changes it, in this process or in another one."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode, urlsplit

from together_rerank_mockserver.url import base_of

if TYPE_CHECKING:
    from flask import Flask

    from together_rerank_mockserver.control import Control
    from together_rerank_mockserver.threaded_server import ThreadedServer

# Of a mock in this process, where every key is as good as another unless the settings list keys.
API_KEY = "rerank-mock-key"
ADMIN_TOKEN = "TOGETHER_RERANK_MOCK_ADMIN_TOKEN"  # noqa: S105  # the name of a variable
_TIMEOUT_S = 10


class Unreachable(RuntimeError):
    """The mock of the URL given does not answer, or not as a mock does."""


class Door(Protocol):
    """One namespace of a mock: JSON in and out, as the control plane has it.

    What the mock refuses is raised as ValueError.
    """

    url: str
    api_key: str
    # What it does not see, as the end of a sentence.
    unseen: str = ""

    @property
    def app(self) -> Flask:
        """The application behind the door."""

    def requests(self, reply: str | None = None) -> dict[str, Any]:
        """Return the journal, or those of its entries whose reply begins with *reply*."""

    def faults(self) -> dict[str, Any]:
        """Return the queue."""

    def queue_fault(self, order: dict[str, Any]) -> None:
        """Put *order* at the end of the queue."""

    def ranking(self) -> dict[str, Any]:
        """Return the design, and how many answers followed it."""

    def set_ranking(self, design: dict[str, Any]) -> None:
        """Rank as *design* says from now on."""

    def explain(self, raw: bytes) -> list[dict[str, Any]]:
        """Return why the documents of the body *raw* are ranked as they are."""

    def reset(self) -> None:
        """Begin afresh."""


class InProcess(Door):
    """The mock of *server*, all of it."""

    def __init__(self, server: ThreadedServer, api_key: str) -> None:
        from together_rerank_mockserver.app import CONTROL
        from together_rerank_mockserver.state import DEFAULT

        self.url = server.url
        self.api_key = api_key
        self._server = server
        self._control: Control = server.app.extensions[CONTROL]
        self._namespace = DEFAULT

    @property
    def app(self) -> Flask:
        return self._server.app

    def requests(self, reply: str | None = None) -> dict[str, Any]:
        self._server.settle()
        return self._control.requests(self._namespace, reply=reply)

    def faults(self) -> dict[str, Any]:
        return self._control.faults(self._namespace)

    def queue_fault(self, order: dict[str, Any]) -> None:
        with _value_errors():
            self._control.queue_faults(self._namespace, order)

    def ranking(self) -> dict[str, Any]:
        return self._control.ranking(self._namespace)

    def set_ranking(self, design: dict[str, Any]) -> None:
        with _value_errors():
            self._control.set_ranking(self._namespace, design)

    def explain(self, raw: bytes) -> list[dict[str, Any]]:
        from together_rerank_mockserver.rendering import to_json

        with _value_errors():
            told: list[dict[str, Any]] = json.loads(to_json(self._control.explain(raw)))
        return told

    def reset(self) -> None:
        self._control.reset(self._namespace)


class ByUrl(Door):
    """The namespace of *api_key* in the mock at *url*, through its control plane.

    Raises:
        Unreachable: nothing answers there, or no mock of this kind, or it lets nobody in.
    """

    def __init__(self, url: str, api_key: str) -> None:
        parts = urlsplit(base_of(url))
        self.unseen = "; requests with another key than that of rerank_mock.api_key are not seen"
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._address = (parts.hostname or "", parts.port)
        self.url = base_of(url)
        self.api_key = api_key
        token = os.environ.get(ADMIN_TOKEN)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            self.reset()
        except ValueError as refused:
            raise Unreachable(f"the mock at {self.url} cannot be used: {refused}") from refused

    @property
    def app(self) -> Flask:
        raise RuntimeError(
            f"the mock at {self.url} runs in another process; without --rerank-mock-url it has `app` and `transport()`"
        )

    def requests(self, reply: str | None = None) -> dict[str, Any]:
        told: dict[str, Any] = self._ask("GET", "requests", **({"reply": reply} if reply else {}))
        return told

    def faults(self) -> dict[str, Any]:
        told: dict[str, Any] = self._ask("GET", "faults")
        return told

    def queue_fault(self, order: dict[str, Any]) -> None:
        self._ask("POST", "faults", order)

    def ranking(self) -> dict[str, Any]:
        told: dict[str, Any] = self._ask("GET", "ranking")
        return told

    def set_ranking(self, design: dict[str, Any]) -> None:
        self._ask("PUT", "ranking", design)

    def explain(self, raw: bytes) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = self._ask("POST", "explain", json.loads(raw))
        return told

    def reset(self) -> None:
        self._ask("POST", "reset")

    def _ask(self, method: str, path: str, data: Any = None, **parameters: str) -> Any:
        query = urlencode({"namespace": self.api_key, **parameters})
        body = None if data is None else json.dumps(data)
        connection = self._kind(*self._address, timeout=_TIMEOUT_S)
        try:
            connection.request(method, f"/__admin/{path}?{query}", body, self._headers)
            response = connection.getresponse()
            told = json.loads(response.read())
            if response.status == 200:
                return told
            message = told["error"]["message"]
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as fault:
            raise Unreachable(f"no mock answers at {self.url}: {fault or type(fault).__name__}") from fault
        finally:
            connection.close()
        raise ValueError(message)


@contextmanager
def _value_errors() -> Iterator[None]:
    """Raise what the mock refuses as a ValueError."""
    from together_rerank_mockserver.errors import ApiError

    try:
        yield
    except ApiError as refused:
        raise ValueError(str(refused)) from None
