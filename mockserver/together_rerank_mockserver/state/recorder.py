"""Record each request and its reply: in the metrics, in the journal, and as a log line."""

from collections.abc import Generator
from typing import Any

from together_rerank_mockserver import clock
from together_rerank_mockserver.api.messages import Call, Reply, is_mock_path
from together_rerank_mockserver.state.journal import entry
from together_rerank_mockserver.state.namespace import DEFAULT
from together_rerank_mockserver.state.redaction import Redaction
from together_rerank_mockserver.state.registry import Registry
from together_rerank_mockserver.state.shared_namespace import AnyNamespace
from together_rerank_mockserver.state.shared_registry import SharedRegistry
from together_rerank_mockserver.state.store import ScriptCall, run_steps
from together_rerank_mockserver.state.totals import Outcome


class Recorder:
    """Records requests and replies: in the totals, in the journal, and in the log unless *log_format* is None."""

    def __init__(
        self, registry: Registry | SharedRegistry, log_format: str | None, journal_max: int, journal_body: int
    ) -> None:
        self._registry: Any = registry
        self._has_journal = journal_max > 0
        self._journal_body = journal_body
        self._log: Any = None
        if log_format:
            from together_rerank_mockserver.state.request_log import RequestLog

            self._log = RequestLog(as_json=log_format == "json")

    def log(self, call: Call, reply: Reply, reason: str | None) -> None:
        """Write the log line of a request to the control plane."""
        run_steps(self.record(call, reply, reason), None)

    def record(
        self,
        call: Call,
        reply: Reply,
        reason: str | None,
        namespace: AnyNamespace | None = None,
        received: bytes = b"",
        *,
        fault: str | None = None,
        results: tuple[list[Any], int] | None = None,
        key_header: str = "authorization",
    ) -> Generator[ScriptCall, Any, None]:
        """Record *call* with the body *received*, its *reply* and the *reason* if that is an error.

        Without a namespace, as for the control plane, it is recorded in the log only. *fault* is the name of the fault
        that was applied. *results* are the indexes of the first results of a 200, and the number of all. *key_header*
        is the header of the key, in lower case. Yield the script that ends the call in a shared state; if it
        fails, nothing is logged.
        """
        is_counted = namespace is not None and not is_mock_path(call.path)
        status = reply.status if reply.is_sent else None
        seconds = clock.monotonic() - call.began
        outcome = Outcome(status, fault, seconds)
        in_journal = is_counted and self._has_journal
        if is_counted and not in_journal and (script_call := self._registry.finish(namespace, None, outcome)):
            yield script_call
        if not in_journal and not self._log:
            return
        named = namespace is not None and namespace.name != DEFAULT
        redaction = Redaction(call.headers.items(), named=named, key_header=key_header)
        if namespace is not None and in_journal:
            recorded = entry(
                redaction,
                time=call.arrived,
                method=call.method,
                path=call.path,
                status=status,
                body=received,
                max_body=self._journal_body,
                answer=reply.sent,
                reason=reason,
                retry_after=reply.retry_after,
                results=results if status == 200 else None,
                reply=reply.headers["x-mock-reply"],
                request_id=reply.headers["x-request-id"],
                ms=seconds * 1000,
            )
            if script_call := self._registry.finish(namespace, recorded, outcome):
                yield script_call
        if self._log:
            line = {
                "time": call.arrived,
                "method": redaction.text(call.method),
                "path": redaction.text(call.path),
                "status": status,
                "ms": seconds * 1000,
                "request_id": reply.headers.get("x-request-id"),
                "namespace": redaction.text(namespace.name) if namespace is not None else None,
                "fault": fault,
            }
            why = redaction.message(_log_reason(reply, reason))
            self._log.record({**line, "reason": why} if why else line)


def _log_reason(reply: Reply, reason: str | None) -> str:
    """Return the last part of a log line: where an unusual reply comes from, and the reason of an error."""
    origin = reply.headers.get("x-mock-reply", "refused")
    return ": ".join(each for each in (origin if origin not in ("scored", "refused") else "", reason) if each)
