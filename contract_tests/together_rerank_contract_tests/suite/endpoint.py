"""The endpoint under judgement: asked once for each request, however many requirements look at the answer."""

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
# Answered by those who are busy or wait for others, as the document has it; a judge comes again another day.
BUSY = (503, 504)
# Of what an endpoint says that is no rerank server.
_LONGEST = 300
# For each field of a request: the requirement that it is accepted, and a minimal request with it.
_PARTS: dict[str, tuple[str, dict[str, Any]]] = {
    "documents": ("RR-REQUEST-001", {"documents": samples.OBJECTS}),
    "return_documents": ("RR-REQUEST-002", {"documents": samples.PAIR, "return_documents": False}),
    "top_n": ("RR-REQUEST-003", {"documents": samples.PAIR, "top_n": 1}),
    "rank_fields": ("RR-REQUEST-004", {"documents": samples.OBJECTS, "rank_fields": ["text"]}),
}


class Endpoint:
    """A rerank endpoint.

    Attributes:
        url: of the operation, once it is found.
        first: the first exchange with the endpoint, or None before it.
        exchanges: what was sent for the requirements so far, each once.
        limits_by_default: it returns fewer than all results unless `top_n` asks for them.
    """

    def __init__(self, settings: Settings, transport: Transport) -> None:
        self.settings = settings
        self.transport = transport
        self.url = settings.places[0]
        self.first: Exchange | None = None
        self.exchanges: dict[tuple[Any, ...], Exchange] = {}
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
        """Find the operation's URL: send the reference request to each possible place until one answers.

        Raises Inconclusive if none answers with 200.
        """
        content = self._content({"query": samples.QUERY, "documents": samples.DOCUMENTS})
        exchanges = []
        for place in self.settings.places:
            exchanges.append(self.transport.send("POST", place, JSON, content))
            if exchanges[-1].status not in (404, 405):
                break
        # If no place has the operation, report the likeliest one.
        found = exchanges[0] if exchanges[-1].status in (404, 405) else exchanges[-1]
        self.first, self.url = found, found.url
        if found.status != 200:
            raise Inconclusive(self._why_not_200(found))
        self.exchanges[content, (), ENDPOINT_KEY] = found
        results = found.members.get("results")
        self.limits_by_default = isinstance(results, list) and len(results) < len(samples.DOCUMENTS)

    def _why_not_200(self, exchange: Exchange) -> str:
        """Return what *exchange*, the first, got in the place of a 200, and what may help."""
        said = f"{exchange.url} answers {excerpt(exchange.answered, _LONGEST)}"
        match exchange.status:
            case 401 | 403 if self.settings.key:
                said += ", with the key that was sent"
            case 401 | 403:
                said += ", and no key was sent; --api-key-env NAME sends one"
            case 404 | 405:
                tried = ", ".join(self.settings.places)
                said += f"; the operation is elsewhere (tried {tried}), or --model must name a model that it serves"
            case 400 | 422:
                said += "; --model names a model that it serves"
            case _ if 300 <= exchange.status < 400:
                said += f", and would go to {exchange.received_headers.get('location')}; redirects are not followed"
        return self.transport.mask.text(said)

    def rerank(self, query: str, documents: Sequence[Any], **options: Any) -> Answer:
        """Return the answer to a valid request, which the endpoint is asked once; all results come unless *options*.

        Raises:
            RequirementFailed: it is not answered with 200.
            PrerequisiteFailed: because of something in it that the endpoint never takes.
            Inconclusive: the endpoint is busy.
        """
        whole = {"top_n": len(documents)} if self.limits_by_default else {}
        exchange = self.exchange_for({"query": query, "documents": documents, **whole, **options})
        if exchange.status >= 400 and exchange.status not in BUSY:
            has = {*options, "documents"} if isinstance(documents[0], dict) else {*options}
            for name, (by, _) in _PARTS.items():
                if name in has and self.probe(name).status not in (200, *BUSY):
                    raise PrerequisiteFailed(f"a request with `{name}` is refused", by)
        return self.answer_in(exchange)

    def probe(self, name: str) -> Exchange:
        """Return the exchange for the plainest request that has *name*."""
        return self.exchange_for({"query": samples.QUERY, **_PARTS[name][1]})

    def answer_in(self, exchange: Exchange) -> Answer:
        """Return the answer to a valid request that *exchange* holds, as `rerank` does."""
        if check_not_busy(exchange).status != 200:
            raise RequirementFailed("200, for the request is valid", exchange.answered, exchange)
        return Answer(exchange)

    def exchange_for(self, request: dict[str, Any]) -> Exchange:
        """Add the model to *request* and send it, unless it was sent before; return the exchange."""
        return self.post(self._content(request))

    def post(self, content: bytes, *, headers: Headers = (), authorization: str | None = ENDPOINT_KEY) -> Exchange:
        """Send *content* with additional *headers*, unless it was sent before; return the exchange."""
        memory = content, headers, authorization
        if memory not in self.exchanges:
            self.exchanges[memory] = self.resend(content, headers=headers, authorization=authorization)
        return self.exchanges[memory]

    def resend(self, content: bytes, *, headers: Headers = (), authorization: str | None = ENDPOINT_KEY) -> Exchange:
        """Send *content* once more, whatever was answered before."""
        return self.transport.send("POST", self.url, (*JSON, *headers), content, authorization=authorization)

    @property
    def reference(self) -> Answer:
        """The answer to the request that others are compared with."""
        return self.rerank(samples.QUERY, samples.DOCUMENTS)

    @property
    def samples(self) -> list[Answer]:
        """Answers to requests of every kind, the smallest first; what holds for one answer is held to all of these."""
        answers = []
        for documents, options in samples.KINDS[:5] if self.settings.quick else samples.KINDS:
            with suppress(PrerequisiteFailed):  # an option that is not taken has a requirement of its own
                answers.append(self.rerank(samples.QUERY, documents, **options))
        return answers

    @property
    def repeats(self) -> list[Answer]:
        """The reference three times."""
        first = self.reference
        while len(self._repeats) < 2:
            self._repeats.append(self.resend(first.exchange.content))
        return [first, *map(self.answer_in, self._repeats)]

    def reordered(self, order: Sequence[int]) -> tuple[dict[int, float], Exchange]:
        """Return the scores of the reference's documents, sent in *order*, by their index in the reference."""
        answer = self.rerank(samples.QUERY, [samples.DOCUMENTS[index] for index in order])
        return {order[place]: score for place, score in answer.scores.items()}, answer.exchange

    @cached_property
    def measured(self) -> Tolerance:
        repeats = [answer.scores for answer in self.repeats]
        reordered, _ = self.reordered(samples.ORDERS[0])
        subset = self.rerank(samples.QUERY, samples.DOCUMENTS[: samples.SUBSET])
        return tolerance.measured(repeats, reordered, subset.scores)

    @property
    def tolerance(self) -> Tolerance:
        """The endpoint's noise; raises Inconclusive if it is too large to compare scores."""
        measured = self.measured
        if measured.is_noisy:
            differ = f"scores differ by {measured.noise:.3g} between repeats"
            reason = f"{differ}, of {measured.span:.3g} between best and worst"
            raise Inconclusive(f"the endpoint is nondeterministic: {reason}")
        return measured

    @property
    def pointwise(self) -> Tolerance:
        """Like `tolerance`; raises NotApplicable if a score depends on the other documents."""
        if self.tolerance.is_listwise:
            raise NotApplicable("scores depend on the other documents of the request")
        return self.tolerance

    def without_cache(self) -> Self:
        """Return the same endpoint without a memory of its answers, but of its noise."""
        other = copy.copy(self)
        other.exchanges, other._repeats = {}, []  # noqa: SLF001  # of the same class
        return other

    def _content(self, request: dict[str, Any]) -> bytes:
        return json.dumps({"model": self.model, **request}, ensure_ascii=False).encode()


def check_not_busy(exchange: Exchange) -> Exchange:
    """Return *exchange*; raise Inconclusive if the endpoint was too busy to answer it."""
    if exchange.status in BUSY:
        raise Inconclusive(f"the endpoint answers {exchange.answered}")
    return exchange
