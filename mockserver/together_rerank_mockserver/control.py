"""The control: what a mock remembers, told and changed as JSON; by HTTP it is the control plane."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from together_rerank_mockserver import __version__, design, orders
from together_rerank_mockserver.body import Content
from together_rerank_mockserver.endpoint import NAMESPACE_PREFIX, Endpoint, check_server
from together_rerank_mockserver.errors import InvalidRequest
from together_rerank_mockserver.explanation import explain
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state import DEFAULT


class Control:
    """What can be asked and changed of *endpoint*."""

    def __init__(self, endpoint: Endpoint, settings: Settings) -> None:
        self._endpoint = endpoint
        self._state = endpoint.state
        self._settings = settings

    def check(self, namespace: str) -> None:
        """Let *namespace* pass, if there can be one of that name.

        Raises:
            InvalidRequest: there can be none.
        """
        if namespace != DEFAULT and not self._endpoint.is_namespace(namespace):
            raise InvalidRequest(
                f"`namespace` must be {DEFAULT}, or a key that is let in and begins with {NAMESPACE_PREFIX}"
            )

    def version(self) -> dict[str, str]:
        """Return which version this is, and of which document."""
        return {"version": __version__, "document": self._endpoint.document.name}

    def spec(self) -> Any:
        """Return the document."""
        return self._endpoint.document.content

    def settings(self) -> dict[str, Any]:
        """Return the settings, without what is secret."""
        shown = {
            name: str(value) if isinstance(value, Path) else value for name, value in asdict(self._settings).items()
        }
        secret = {"api_keys": len(self._settings.api_keys), "admin_token": self._settings.admin_token is not None}
        return shown | secret

    def requests(
        self,
        namespace: str,
        *,
        status: int | str | None = "any",
        path: str | None = None,
        reply: str | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """Return the journal, oldest first; of those entries alone that have *status*, *path* and *reply*.

        The status None is of connections left without an answer; *reply* is the first word of an entry's.
        """
        entries, dropped = self._state.journal(namespace)
        found = [
            entry
            for entry in entries
            if status in ("any", entry.status)
            and path in (None, entry.path)
            and reply in (None, entry.reply.partition(";")[0])
        ]
        shown = found[offset : None if limit is None else offset + limit]
        described = [entry.described for entry in shown]
        return {"namespace": namespace, "total": len(found), "dropped": dropped, "requests": described}

    def forget_requests(self, namespace: str) -> dict[str, Any]:
        """Empty the journal."""
        self._state.forget(namespace)
        return {"namespace": namespace, "total": 0, "dropped": 0, "requests": []}

    def faults(self, namespace: str) -> dict[str, Any]:
        """Return the queue, and the names of all faults."""
        return {**self._queue(namespace), "known": [fault.name for fault in self._endpoint.catalogue]}

    def queue_faults(self, namespace: str, asked: Any, *, raw_socket: bool = True) -> dict[str, Any]:
        """Put what is *asked* for at the end of the queue, all or nothing; return the queue.

        Raises:
            InvalidRequest: it cannot be read, or the queue would be too long.
            NotHere: it needs the raw socket, and there is none.
        """
        try:
            sequence = orders.from_json(asked, self._endpoint.catalogue)
            for order in sequence:
                check_server(order.fault, raw_socket=raw_socket)
            self._state.enqueue(namespace, sequence)
        except orders.BadOrder as bad:
            raise InvalidRequest(str(bad)) from bad
        return self._queue(namespace)

    def clear_faults(self, namespace: str) -> dict[str, Any]:
        """Empty the queue."""
        self._state.clear_queue(namespace)
        return self._queue(namespace)

    def ranking(self, namespace: str) -> dict[str, Any]:
        """Return the ranking that is asked for, if one is, and how many answers were ranked so."""
        asked = self._state.design(namespace)
        designed = self._state.designed(namespace)
        return {"namespace": namespace, "ranking": asked and asked.described, "answers": designed}

    def set_ranking(self, namespace: str, asked: Any) -> dict[str, Any]:
        """Rank as *asked* from now on, until another ranking is asked for or a reset.

        Raises:
            InvalidRequest: it cannot be read.
        """
        try:
            self._state.set_design(namespace, design.from_json(asked))
        except design.BadDesign as bad:
            raise InvalidRequest(str(bad)) from bad
        return self.ranking(namespace)

    def clear_ranking(self, namespace: str) -> dict[str, Any]:
        """Rank as usual."""
        self._state.set_design(namespace, None)
        return self.ranking(namespace)

    def reset(self, namespace: str) -> dict[str, Any]:
        """Begin afresh."""
        self._state.reset(namespace)
        return {"namespace": namespace}

    def explain(self, raw: bytes) -> list[dict[str, Any]]:
        """Return how the documents of the rerank body *raw* are ranked, and why.

        Raises:
            InvalidRequest: it is no rerank request.
        """
        media_type = self._endpoint.document.request_media_types[0]
        return explain(raw, self._endpoint.requests.parse(media_type, Content(raw)))

    def _queue(self, namespace: str) -> dict[str, Any]:
        queue = [order.described for order in self._state.queue(namespace)]
        return {"namespace": namespace, "queue": queue}
