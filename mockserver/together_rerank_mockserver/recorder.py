"""What is written down of each request: an entry of the journal, and a line of the log."""

from __future__ import annotations

import time

from together_rerank_mockserver.call import Call, Reply
from together_rerank_mockserver.journal import entry
from together_rerank_mockserver.redaction import Redaction
from together_rerank_mockserver.request_log import RequestLog
from together_rerank_mockserver.state import DEFAULT, Namespace, Registry

# Paths of the mock's own, which are none of the API's and no business of the journal.
HEALTH = "/health"
ADMIN = "/__admin"


class Recorder:
    """Writes down what is answered.

    Args:
        log_format: `text` or `json`; None writes no log.
        most: bytes of a body that the journal keeps.
    """

    def __init__(self, registry: Registry, *, log_format: str | None, has_journal: bool, most: int) -> None:
        self._registry = registry
        self._has_journal = has_journal
        self._most = most
        self._log = RequestLog(as_json=log_format == "json") if log_format else None

    def record(self, call: Call, reply: Reply, namespace: Namespace | None = None, received: bytes = b"") -> None:
        """Write down that *call* with the body *received* is answered with *reply*.

        Without a namespace, as for the control plane, it is written to the log alone.
        """
        in_journal = namespace is not None and self._has_journal and not is_own(call.path)
        if not in_journal and not self._log:
            return
        redaction = Redaction(call.headers.items(), named=namespace is not None and namespace.name != DEFAULT)
        status = reply.status if reply.is_sent else None
        ms = (time.perf_counter() - call.began) * 1000
        if namespace is not None and in_journal:
            recorded = entry(
                redaction,
                time=call.arrived,
                method=call.method,
                path=call.path,
                status=status,
                body=received,
                most=self._most,
                reason=reply.reason,
                retry_after=reply.retry_after,
                reply=reply.headers["x-mock-reply"],
                request_id=reply.headers["x-request-id"],
                ms=ms,
            )
            self._registry.record(namespace, recorded)
        if self._log:
            why = redaction.message(_why(reply))
            self._log.record(redaction.text(call.method), redaction.text(call.path), status, ms, why)


def is_own(path: str) -> bool:
    """Return whether *path* is the mock's own, and so no business of the journal."""
    return path == HEALTH or is_admin(path)


def is_admin(path: str) -> bool:
    return path == ADMIN or path.startswith(f"{ADMIN}/")


def _why(reply: Reply) -> str:
    """Return why the answer is not as usual, for the log."""
    origin = reply.headers.get("x-mock-reply", "refused")
    return ": ".join(each for each in (origin if origin not in ("scored", "refused") else "", reply.reason) if each)
