"""One endpoint that is asked for what the library has: opened, asked, compared, and what that was worth."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any

from together_rerank_contract_tests import drift, recording, selection
from together_rerank_contract_tests.budget import tokens_of
from together_rerank_contract_tests.drift import Pair, Row
from together_rerank_contract_tests.endpoint import Endpoint
from together_rerank_contract_tests.exchange import Exchange
from together_rerank_contract_tests.findings import BudgetSpent, Inconclusive
from together_rerank_contract_tests.report import Verdict
from together_rerank_contract_tests.settings import Settings
from together_rerank_contract_tests.transport import Transport


class Comparison:
    """An endpoint, and what of the library it is asked.

    Raises:
        LookupError: nothing fits one of *patterns*.
        ValueError: what the environment says of proxies or certificates cannot be followed.

    Attributes:
        first: the first exchange with the endpoint, once there is one.
        asking: how far the asking came.
        stopped: why not all was asked, "" when it was.
    """

    def __init__(self, settings: Settings, patterns: Sequence[str]) -> None:
        self.settings = settings
        self.exchanges = selection.chosen(patterns)
        self.transport = Transport.of(settings)
        self.endpoint = Endpoint(settings, self.transport)
        self.first: Exchange | None = None
        self.asking = recording.Asking()
        self.stopped = ""
        self._began = time.monotonic()

    @property
    def estimate(self) -> tuple[int, int]:
        """About how many requests and tokens it takes."""
        return len(self.exchanges) + 1, sum(tokens_of(each.request.content) for each in self.exchanges)

    @property
    def is_open(self) -> bool:
        """Whether the endpoint answers as one that reranks."""
        return self.first is not None and self.first.status == 200

    def run(self, opened: Callable[[], None], tell: Callable[[str], None]) -> None:
        """Ask; *opened* is called when the endpoint answers, and *tell* gets a sign for each exchange."""
        try:
            self.first = self.endpoint.find()
            if not self.is_open:
                self.stopped = self.endpoint.why_not_200(self.first)
                return
            opened()
            self.asking = recording.asked(self.exchanges, self.endpoint, self.first, tell)
            self.stopped = self.asking.stopped
        except (BudgetSpent, Inconclusive) as fault:
            self.stopped = str(fault)
        finally:
            self.transport.close()

    @cached_property
    def rows(self) -> list[Row]:
        """Where the endpoint differs."""
        pairs = [Pair(each.question.exchange, each.answer) for each in self.asking.answers]
        return drift.compared(pairs, self.endpoint.document)

    @property
    def hindrance(self) -> Verdict | None:
        """What kept it from the end, None when nothing did."""
        if self.asking.interrupted:
            return Verdict.INTERRUPTED
        if self.transport.budget.spent:
            return Verdict.BUDGET_SPENT
        if self.stopped or self.asking.missing or not self.asking.answers:
            return Verdict.COULD_NOT_TELL
        return None

    @property
    def reason(self) -> str:
        """Why it did not come to the end, in words; "" where the exchanges themselves tell."""
        return "" if self.asking.interrupted else self.stopped

    @property
    def seconds(self) -> float:
        """How long it takes until now."""
        return time.monotonic() - self._began

    @property
    def spent(self) -> str:
        """Requests, tokens and time, in words."""
        return f"{self.transport.budget.in_words}, {self.seconds:.1f} s"

    def as_json(self, text: str, status: int) -> dict[str, Any]:
        """Return all of it, with the verdict *text* and *status*, as `drift.schema.json` has it."""
        budget, asking = self.transport.budget, self.asking
        report = {
            "kit": version("together-rerank-kit"),
            "endpoint": self.endpoint.url,
            "model": self.endpoint.model,
            "verdict": {"text": text, "status": status, "reason": self.reason},
            "drift": [_as_json(row) for row in self.rows],
            "answered": [each.name for each in asking.answers],
            "skipped": asking.skipped,
            "missing": asking.missing,
            "spent": {"requests": budget.requests, "tokens": budget.tokens, "seconds": round(self.seconds, 3)},
        }
        masked: dict[str, Any] = self.transport.mask.value(report)
        return masked


def _as_json(row: Row) -> dict[str, Any]:
    return {
        "what": row.what,
        "document": row.document,
        "endpoint": row.endpoint,
        "library": row.library,
        "exchanges": list(row.exchanges),
    }
