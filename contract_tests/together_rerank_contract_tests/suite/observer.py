"""Judge every exchange of a run by the requirements about every exchange of its kind, whichever test sent it."""

import threading
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.suite.answer import Answer
from together_rerank_contract_tests.suite.requirements import (
    TESTS_OF_EVERY,
    Every,
    NotApplicable,
    PrerequisiteFailed,
    RequirementFailed,
)

if TYPE_CHECKING:
    from together_rerank_contract_tests.suite.endpoint import Endpoint

# The most failures of a requirement to keep, those with the smallest requests.
_MAX_KEPT = 32
# The most bytes of a response body to keep with a failure.
_MAX_RECEIVED = 1 << 14


class Observer:
    """Applies the tests of every exchange, and keeps their failures. Threads may share it.

    Attributes:
        judged: the number of exchanges that each requirement could be judged by.
        not_judged: why a requirement could not be judged by one of the exchanges.
    """

    def __init__(self, endpoint: "Endpoint") -> None:
        self._endpoint = endpoint
        self._failures: dict[str, list[RequirementFailed]] = {}
        self._sent = defaultdict[str, Counter[tuple[bytes, int]]](Counter)
        self._lock = threading.Lock()
        self.judged = Counter[str]()
        self.not_judged: dict[str, NotApplicable | PrerequisiteFailed] = {}

    def observe(self, exchange: Exchange) -> None:
        """Judge *exchange*, the response to any request."""
        kinds = self._kinds(exchange)
        answer = Answer(exchange)
        for requirement_id, (kind, _) in TESTS_OF_EVERY.items():
            if kind in kinds:
                self.judge(requirement_id, answer)

    def judge(self, requirement_id: str, answer: Answer) -> None:
        """Judge *answer*, the response to any request, by one requirement."""
        kind, test = TESTS_OF_EVERY[requirement_id]
        with self._lock:
            try:
                test(self._endpoint, answer if kind is Every.ANSWER else answer.exchange)
            except RequirementFailed as failure:
                self._keep(requirement_id, failure.with_traceback(None))
            except (NotApplicable, PrerequisiteFailed) as reason:
                self.not_judged.setdefault(requirement_id, reason.with_traceback(None))
                return
            self.judged[requirement_id] += 1

    def _keep(self, requirement_id: str, failure: RequirementFailed) -> None:
        exchange = failure.exchange
        self._sent[requirement_id][exchange.content, exchange.status] += 1
        if len(exchange.received) > _MAX_RECEIVED:
            failure.exchange = replace(exchange, received=exchange.received[:_MAX_RECEIVED])
        kept = [*self._failures.get(requirement_id, []), failure]
        self._failures[requirement_id] = sorted(kept, key=lambda each: len(each.exchange.content))[:_MAX_KEPT]

    def of_kind(self, requirement_id: str, exchanges: Iterable[Exchange]) -> list[Exchange]:
        """Return the first of *exchanges* that the requirement is about."""
        kind, _ = TESTS_OF_EVERY[requirement_id]
        return [*islice((each for each in exchanges if kind in self._kinds(each)), _MAX_KEPT)]

    def failures(self, requirement_id: str, without: Collection[tuple[bytes, int]] = ()) -> list[RequirementFailed]:
        """Return failures of the requirement, the smallest request first; each has the number of all of them.

        *without* are the bodies and the statuses of exchanges that do not count.
        """
        failures = self._failures.get(requirement_id, [])
        times = sum(number for sent, number in self._sent[requirement_id].items() if sent not in without)
        for failure in failures:
            failure.times = times
        return [each for each in failures if (each.exchange.content, each.exchange.status) not in without]

    def _kinds(self, exchange: Exchange) -> tuple[Every, ...]:
        if exchange.method != "POST":
            return ()
        if not exchange.status:
            return (Every.UNANSWERED,)
        if exchange.status >= 400:
            return (Every.RESPONSE, Every.ERROR)
        is_answer = exchange.status == 200 and self._endpoint.allows(exchange.sent)
        return (Every.RESPONSE, Every.ANSWER) if is_answer else (Every.RESPONSE,)
