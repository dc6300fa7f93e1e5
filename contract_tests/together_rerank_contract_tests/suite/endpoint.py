"""The endpoint under test: it sends each request once, even if several requirements read the response."""

import copy
import json
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, Self

from together_rerank_contract_tests.client.exchange import Exchange, excerpt
from together_rerank_contract_tests.client.transport import ENDPOINT_KEY, Headers, Inconclusive, Transport
from together_rerank_contract_tests.settings import Settings
from together_rerank_contract_tests.suite import samples, tolerance
from together_rerank_contract_tests.suite.answer import Answer
from together_rerank_contract_tests.suite.requirements import NotApplicable, PrerequisiteFailed, RequirementFailed
from together_rerank_contract_tests.suite.tolerance import Tolerance
from together_rerank_spec import Document

JSON = (("Content-Type", "application/json"),)
# Documented statuses of a busy endpoint, or of one that waits for another server: inconclusive, not a failure.
BUSY = (503, 504)
# The most characters to show of the first response, if it is not a 200.
_MAX_SHOWN = 300
# For each field of a request: the requirement that it is accepted, and a minimal request with the field.
_PROBES: dict[str, tuple[str, dict[str, Any]]] = {
    "documents": ("RR-REQUEST-001", {"documents": samples.OBJECTS}),
    "return_documents": ("RR-REQUEST-002", {"documents": samples.PAIR, "return_documents": False}),
    "top_n": ("RR-REQUEST-003", {"documents": samples.PAIR, "top_n": 1}),
    "rank_fields": ("RR-REQUEST-004", {"documents": samples.OBJECTS, "rank_fields": ["text"]}),
}


class Endpoint:
    """A rerank endpoint.

    Attributes:
        url: the URL of the operation; a guess until `find` is called.
        first: the exchange that found the operation; None until `find` is called.
        exchanges: the exchanges so far, by request.
        used: the exchanges since it was last cleared, also those that were sent before.
        limits_by_default: whether it returns fewer results than documents if `top_n` is missing.
    """

    def __init__(self, settings: Settings, transport: Transport) -> None:
        self.settings = settings
        self.transport = transport
        self.url = settings.candidate_urls[0]
        self.first: Exchange | None = None
        self.exchanges: dict[tuple[Any, ...], Exchange] = {}
        self.used: list[Exchange] = []
        self.limits_by_default = False
        self._repeats: list[Exchange] = []

    @property
    def document(self) -> Document:
        return self.settings.document

    @cached_property
    def model(self) -> str:
        request = self.document.request_schema["allOf"][0]
        return self.settings.model or str(self.document.example(request)["model"])

    def find(self) -> None:
        """Find the URL of the operation: send the reference request to each candidate until one has the operation.

        Raises Inconclusive if the response is not a 200.
        """
        content = self._content({"query": samples.QUERY, "documents": samples.DOCUMENTS})
        exchanges = []
        for url in self.settings.candidate_urls:
            exchanges.append(self.transport.keep(self.transport.send("POST", url, JSON, content)))
            if exchanges[-1].status not in (404, 405):
                break
        # If no URL has the operation, report the most likely one.
        found = exchanges[0] if exchanges[-1].status in (404, 405) else exchanges[-1]
        self.first, self.url = found, found.url
        if found.status != 200:
            raise Inconclusive(self._why_not_200(found))
        self.exchanges[content, (), ENDPOINT_KEY] = found
        results = found.members.get("results")
        self.limits_by_default = isinstance(results, list) and len(results) < len(samples.DOCUMENTS)

    def _why_not_200(self, exchange: Exchange) -> str:
        """Return a message about *exchange*, the first, whose status is not 200, with a hint how to fix it."""
        message = f"{exchange.url} returns {excerpt(exchange.response_excerpt, _MAX_SHOWN)}"
        match exchange.status:
            case 401 | 403 if self.settings.key:
                message += ", although a key was sent"
            case 401 | 403:
                message += ", and no key was sent; --api-key-env NAME sends one"
            case 404 | 405:
                tried = ", ".join(self.settings.candidate_urls)
                message += f"; check the URL (tried {tried}), or use --model to name a model that the endpoint serves"
            case 400 | 422:
                message += "; use --model to name a model that the endpoint serves"
            case _ if 300 <= exchange.status < 400:
                message += f", a redirect to {exchange.received_headers.get('location')}; redirects are not followed"
        return self.transport.mask.text(message)

    def rerank(self, query: str, documents: Sequence[Any], **options: Any) -> Answer:
        """Send a valid request, unless it was sent before, and return the response.

        If the endpoint returns fewer results by default, the request gets a `top_n` for all documents.

        Raises:
            RequirementFailed: the response is not a 200.
            PrerequisiteFailed: the endpoint rejects every request with one of the fields.
            Inconclusive: the endpoint is busy.
        """
        all_results = {"top_n": len(documents)} if self.limits_by_default else {}
        exchange = self.exchange_for({"query": query, "documents": documents, **all_results, **options})
        if exchange.status >= 400 and exchange.status not in BUSY:
            fields = {*options, "documents"} if isinstance(documents[0], dict) else {*options}
            for name, (requirement_id, _) in _PROBES.items():
                if name in fields and self.probe(name).status not in (200, *BUSY):
                    raise PrerequisiteFailed(f"the endpoint rejects a request with `{name}`", requirement_id)
        return self.check_answer(exchange)

    def probe(self, name: str) -> Exchange:
        """Return the exchange for a minimal request with the field *name*."""
        return self.exchange_for({"query": samples.QUERY, **_PROBES[name][1]})

    def check_answer(self, exchange: Exchange) -> Answer:
        """Return the response in *exchange*, whose request is valid; raise RequirementFailed if it is not a 200."""
        if check_not_busy(exchange).status != 200:
            raise RequirementFailed("200, because the request is valid", exchange.response_excerpt, exchange)
        return Answer(exchange)

    def exchange_for(self, request: dict[str, Any]) -> Exchange:
        """Add the model to *request* and send it, unless it was sent before; return the exchange."""
        return self.post(self._content(request))

    def post(self, content: bytes, *, headers: Headers = (), authorization: str | None = ENDPOINT_KEY) -> Exchange:
        """Send *content* with additional *headers*, unless it was sent before; return the exchange."""
        cache_key = content, headers, authorization
        if cache_key not in self.exchanges:
            self.exchanges[cache_key] = self.resend(content, headers=headers, authorization=authorization)
        elif self.exchanges[cache_key] not in self.used:
            self.used.append(self.exchanges[cache_key])
        return self.exchanges[cache_key]

    def resend(self, content: bytes, *, headers: Headers = (), authorization: str | None = ENDPOINT_KEY) -> Exchange:
        """Send *content*, even if it was sent before."""
        sent = self.transport.send("POST", self.url, (*JSON, *headers), content, authorization=authorization)
        exchange = self.transport.keep(sent)
        self.used.append(exchange)
        return exchange

    @property
    def reference(self) -> Answer:
        """The response that other responses are compared with."""
        return self.rerank(samples.QUERY, samples.DOCUMENTS)

    @property
    def samples(self) -> list[Answer]:
        """Responses to requests of every kind, the smallest first, for requirements about every response."""
        answers = []
        for documents, options in samples.KINDS[:5] if self.settings.quick else samples.KINDS:
            with suppress(PrerequisiteFailed):  # an option that is rejected has a requirement of its own
                answers.append(self.rerank(samples.QUERY, documents, **options))
        return answers

    @property
    def repeats(self) -> list[Answer]:
        """The responses to the reference request, sent three times."""
        first = self.reference
        while len(self._repeats) < 2:
            self._repeats.append(self.resend(first.exchange.content))
        return [first, *map(self.check_answer, self._repeats)]

    def reordered_scores(self, sequence: Sequence[int]) -> tuple[dict[int, float], Exchange]:
        """Send the reference's documents in *sequence*; return their scores by the index in the reference."""
        answer = self.rerank(samples.QUERY, [samples.DOCUMENTS[index] for index in sequence])
        return {sequence[position]: score for position, score in answer.scores.items()}, answer.exchange

    @cached_property
    def measured(self) -> Tolerance:
        """The noise of the endpoint, measured once with four more requests."""
        repeats = [answer.scores for answer in self.repeats]
        reordered, _ = self.reordered_scores(samples.PERMUTATIONS[0])
        subset = self.rerank(samples.QUERY, samples.DOCUMENTS[: samples.SUBSET])
        return tolerance.measure(repeats, reordered, subset.scores)

    @property
    def tolerance(self) -> Tolerance:
        """The endpoint's noise; raises Inconclusive if it is too large to compare scores."""
        measured = self.measured
        if measured.is_noisy:
            noise = f"scores differ by {measured.noise:.3g} between repeats"
            span = f"the best and the worst score differ by {measured.span:.3g}"
            raise Inconclusive(f"the endpoint is nondeterministic: {noise}; {span}")
        return measured

    @property
    def pointwise(self) -> Tolerance:
        """Like `tolerance`; raises NotApplicable if a score depends on the other documents."""
        if self.tolerance.is_listwise:
            raise NotApplicable("scores depend on the other documents in the request")
        return self.tolerance

    def without_cache(self) -> Self:
        """Return a copy without the exchanges so far, but with the measured noise."""
        other = copy.copy(self)
        other.exchanges, other._repeats = {}, []  # noqa: SLF001  # of the same class
        return other

    def _content(self, request: dict[str, Any]) -> bytes:
        return json.dumps({"model": self.model, **request}, ensure_ascii=False).encode()


def check_not_busy(exchange: Exchange) -> Exchange:
    """Return *exchange*; raise Inconclusive if the endpoint was too busy to answer it."""
    if exchange.status in BUSY:
        raise Inconclusive(f"the endpoint returns {exchange.response_excerpt}")
    return exchange
