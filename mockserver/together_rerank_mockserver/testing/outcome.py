"""What is told after a test: why one that passed is not to be believed, and a summary of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from together_rerank_mockserver.testing.recorded import RecordedRequest
from together_rerank_mockserver.testing.rerank_mock import RerankMock

_UNASKED = ("refused", "misuse")
# What is refused because of what the request says; a missing key is a matter of the verdict.
_STATUSES = (400, 404, 405, 413, 501)
_SHOWN = 20


def complaints(mock: RerankMock) -> list[str]:
    """Return why a test that passed is not to be believed: what was not met, and what was refused unasked."""
    found = []
    queue = [order for order in mock.admin.call("GET", "faults")["queue"] if order["fault"] != "ok"]
    if queue:
        left = ", ".join(f"{order['fault']} ({order['times']} left)" for order in queue)
        found.append(f"faults that nobody met: {left}")
        found += [f"  which could change nothing about {each}" for each in mock.requests if _is_spared(each, queue[0])]
    told = mock.admin.call("GET", "ranking")
    if told["ranking"] and not told["answers"]:
        found.append(f"a ranking that no answer followed, for want of a request or a document: {told['ranking']}")
    if mock.expected_refusals or any(mock.admin.call("GET", "requests", reply=reply)["total"] for reply in _UNASKED):
        refused = [
            request
            for request in mock.requests
            if request.reply.partition(";")[0] in _UNASKED and request.status in _STATUSES
        ]
        if len(refused) > mock.expected_refusals:
            found.append("requests refused as invalid, which rerank_mock.expect_refusal() did not ask for:")
            found += [f"  {request}" for request in refused[mock.expected_refusals :]]
        elif len(refused) < mock.expected_refusals:
            found.append(
                f"requests expected to be refused as invalid: {mock.expected_refusals}, refused: {len(refused)}"
            )
    return found


def _is_spared(request: RecordedRequest, order: dict[str, Any]) -> bool:
    return request.reply.endswith("not-applied") and f"fault={order['fault']};" in request.reply


def recent(mock: RerankMock) -> str:
    return "\n".join(map(str, mock.requests[-_SHOWN:])) or f"no request came to {mock.base_url}"


@dataclass(slots=True)
class Summary:
    tests: int = 0
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    def add(self, test: str, mock: RerankMock) -> None:
        requests = mock.requests
        self.tests += 1
        self.requests += len(requests)
        self.faults.update(request.fault for request in requests if request.fault)
        self.findings += [f"{test}: {finding}" for finding in mock.verdict()]

    def merge(self, other: Mapping[str, Any]) -> None:
        self.tests += other["tests"]
        self.requests += other["requests"]
        self.faults.update(other["faults"])
        self.findings += other["findings"]

    @property
    def data(self) -> dict[str, Any]:
        """The summary as values that pass from process to process."""
        return {
            "tests": self.tests,
            "requests": self.requests,
            "faults": dict(self.faults),
            "findings": self.findings,
        }

    @property
    def lines(self) -> list[str]:
        met = ", ".join(f"{name} x{count}" for name, count in sorted(self.faults.items())) or "none"
        return [f"{self.requests} requests in {self.tests} tests; faults met: {met}", *self.findings]
