"""The summary: what is said at the end of a run that says much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from together_rerank_mockserver.testing.rerank_mock import RerankMock


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
