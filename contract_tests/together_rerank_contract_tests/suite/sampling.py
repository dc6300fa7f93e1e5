"""Send samples of every kind, and judge the requirements about every exchange by all exchanges of a run."""

import json
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from together_rerank_contract_tests.client.budget import BudgetSpent
from together_rerank_contract_tests.client.exchange import Exchange
from together_rerank_contract_tests.client.transport import Inconclusive
from together_rerank_contract_tests.suite import samples, shrinking
from together_rerank_contract_tests.suite.endpoint import TEXT_REFUSED, Endpoint
from together_rerank_contract_tests.suite.requirements import (
    TESTS_OF_EVERY,
    Every,
    NotApplicable,
    PrerequisiteFailed,
    RequirementFailed,
    lacking,
)

# Raised for a sample that the document does not allow, or whose refusal another requirement reports.
_NOT_SENT = (NotApplicable, PrerequisiteFailed)
# A request with so few documents is not refused because of their number.
_FEW = 12
# A request with one document that has more bytes may be refused because of its size.
_LONG = 1_000
# The most requests to find a smaller one that shows the same failure.
_MAX_SMALLER = 8


class Sampling:
    """The samples that are sent to an endpoint, and the judgement of all its exchanges."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        # With --quick, all in all at most 15 requests.
        self._requests_for_smaller = 2 if endpoint.settings.quick else 3 * _MAX_SMALLER

    def judge(self, requirement_id: str) -> None:
        """Judge a requirement about every exchange of a kind by the exchanges so far, and by the samples.

        Raises:
            RequirementFailed: an exchange fails it; the exchange is the smallest that was found.
            PrerequisiteFailed: no exchange could be judged by it, because of another failure.
            NotApplicable: there is no such exchange.
            BudgetSpent, Inconclusive: not all samples could be sent, and none so far fails it.
        """
        endpoint, error = self._endpoint, self.sending_error
        observer = endpoint.observer
        endpoint.used += observer.of_kind(requirement_id, endpoint.exchanges.values())
        failures = observer.failures(requirement_id, endpoint.limits.refused)
        if failures:
            raise self._smaller(requirement_id, failures[0])
        if error:
            raise error.with_traceback(None)  # each raise would add to its traceback
        if not observer.judged[requirement_id]:
            raise observer.not_judged.get(requirement_id) or NotApplicable("the endpoint sent no such response")

    @cached_property
    def sending_error(self) -> Exception | None:
        """Send the samples; return why not all could be sent, None if they were."""
        try:
            self._send_valid()
            self._send_invalid()
        except (BudgetSpent, Inconclusive) as error:
            return error
        return None

    def _send_valid(self) -> None:
        endpoint = self._endpoint
        quick = endpoint.settings.quick
        ranks_objects = not lacking(endpoint.document, ["whole objects"])
        for documents, options in samples.QUICK_KINDS if quick else samples.KINDS:
            if "rank_fields" in options and not ranks_objects:  # it may rank by one field only
                continue
            send = endpoint.rerank if len(documents) <= _FEW else endpoint.limits.rerank
            with suppress(*_NOT_SENT):  # the requirement that it names reports a refusal
                send(samples.QUERY, documents, **options)
        for texts in samples.QUICK_TEXTS if quick else samples.TEXTS:
            self._send_texts(texts)
        if not quick and ranks_objects:
            self._send_texts(samples.TEXTS_IN_OBJECTS)
        if not quick:
            with suppress(*_NOT_SENT):
                endpoint.limits.rerank_long_text()

    def _send_invalid(self) -> None:
        endpoint = self._endpoint
        bodies = [samples.NOT_JSON]
        if not endpoint.settings.quick:
            bodies += map(endpoint.content, samples.ODD_REQUESTS)
            deep = endpoint.content({"query": samples.QUERY, "documents": ["DEEP"]})
            bodies.append(deep.replace(b'"DEEP"', samples.DEEP_DOCUMENT))
        for body in bodies:
            with suppress(PrerequisiteFailed):  # the requirement that it names reports that there is no response
                endpoint.post(body)

    def _send_texts(self, documents: Sequence[Any]) -> set[int]:
        """Send *documents*; if there is a 4xx or no response, send each half, and so on down to one document.

        The observer judges each response. Return the statuses of the short single documents that are refused.
        """
        endpoint = self._endpoint
        exchange = None
        with suppress(*_NOT_SENT):  # there is no response, or the document does not allow the request
            exchange = endpoint.send(samples.QUERY, documents, top_n=len(documents), return_documents=True)
        is_refused = exchange is None or 400 <= exchange.status < 500
        if exchange is not None and (not is_refused or endpoint.requirement_of_refused_field(exchange)):
            self._accept_text(exchange)
            return set()
        is_one = len(documents) == 1
        statuses: set[int] = set()
        if is_one and exchange is not None and len(exchange.content) <= _LONG:
            statuses.add(exchange.status)
            self._accept_text(exchange)
        elif not is_one:
            middle = len(documents) // 2
            for half in (documents[:middle], documents[middle:]):
                statuses |= self._send_texts(half)
        # A refusal that no single short document explains is because of the size.
        if exchange is not None and exchange.status not in statuses:
            endpoint.limits.add_size(f"takes no request of {len(exchange.content)} bytes", exchange)
        return statuses

    def _accept_text(self, exchange: Exchange) -> None:
        with suppress(PrerequisiteFailed):  # the requirement that it names reports it
            self._endpoint.accept(exchange, TEXT_REFUSED)

    def _smaller(self, requirement_id: str, failure: RequirementFailed) -> RequirementFailed:
        """Return the failure with the smallest request that shows it, after trying a few smaller ones."""
        if not self._is_plain(failure.exchange):
            return failure
        endpoint, smallest, times = self._endpoint, failure, failure.times
        budget = endpoint.transport.budget
        was_spent = budget.spent
        candidates = shrinking.smaller_requests(failure.exchange.request, failure.index)
        for _ in range(min(_MAX_SMALLER, self._requests_for_smaller)):
            request = next(candidates, None)
            if request is None:
                break
            self._requests_for_smaller -= 1
            with suppress(BudgetSpent, Inconclusive, *_NOT_SENT):  # the observer judges the response
                exchange = endpoint.exchange_for(request)
                if TESTS_OF_EVERY[requirement_id][0] is Every.REFUSAL:
                    endpoint.accept(exchange, requirement_id)
            found = endpoint.observer.failures(requirement_id, endpoint.limits.refused)[0]
            if found is not smallest:
                smallest, candidates = found, shrinking.smaller_requests(found.exchange.request, found.index)
        budget.spent = was_spent  # a smaller request that the budget does not allow must not change the verdict
        smallest.times = times
        return smallest

    def _is_plain(self, exchange: Exchange) -> bool:
        """Return whether the request has documents, and its body is as `Endpoint.content` writes it."""
        request = exchange.request
        with suppress(UnicodeEncodeError):
            has_documents = isinstance(request, dict) and isinstance(request.get("documents"), list)
            return has_documents and exchange.content == json.dumps(exchange.sent, ensure_ascii=False).encode()
        return False
