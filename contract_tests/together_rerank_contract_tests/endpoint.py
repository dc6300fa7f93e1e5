"""The endpoint under judgement: asked once for each request, however many requirements look at the answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from together_rerank_contract_tests import samples, tolerance
from together_rerank_contract_tests.answer import Answer
from together_rerank_contract_tests.exchange import Exchange, excerpt
from together_rerank_contract_tests.findings import Blocked, Inconclusive, NotApplicable, Unmet
from together_rerank_contract_tests.settings import Settings
from together_rerank_contract_tests.tolerance import Tolerance
from together_rerank_contract_tests.transport import YES, Key, Transport
from together_rerank_spec import Document

JSON = (("Content-Type", "application/json"),)
# Answered by those who are busy or wait for others, as the document has it; a judge comes again another day.
BUSY = (503, 504)
# Of what an endpoint says that is no rerank server.
_LONGEST = 300
# Which requirement says that a part of a request is taken.
_TAKES = {
    "documents": "RR-REQUEST-001",  # objects
    "return_documents": "RR-REQUEST-002",
    "top_n": "RR-REQUEST-003",
    "rank_fields": "RR-REQUEST-004",
}
# The plainest request that has it.
_TRIED: dict[str, dict[str, Any]] = {
    "documents": {"documents": samples.OBJECTS},
    "return_documents": {"documents": samples.PAIR, "return_documents": False},
    "top_n": {"documents": samples.PAIR, "top_n": 1},
    "rank_fields": {"documents": samples.OBJECTS, "rank_fields": ["text"]},
}


class Endpoint:
    """A rerank endpoint.

    Attributes:
        url: of the operation, once it is found.
        exchanges: what was sent for the requirements so far, each once.
        limits_by_default: it returns fewer than all results unless `top_n` asks for them.
    """

    def __init__(self, settings: Settings, transport: Transport) -> None:
        self.settings = settings
        self.transport = transport
        self.url = settings.places[0]
        self.exchanges: dict[tuple[Any, ...], Exchange] = {}
        self.limits_by_default = False
        self._repeats: list[Exchange] = []

    @property
    def document(self) -> Document:
        """The document that it is held to."""
        return self.settings.document

    @cached_property
    def model(self) -> str:
        """The model that every request names."""
        return self.settings.model or str(self.document.example(self._request_node)["model"])

    @property
    def _request_node(self) -> dict[str, Any]:
        node: dict[str, Any] = self.document.request_schema["allOf"][0]
        return node

    def find(self) -> Exchange:
        """Return the reference exchange, from the first place that has the operation.

        Raises:
            Inconclusive: nobody answers there.
        """
        content = self._content({"query": samples.QUERY, "documents": samples.DOCUMENTS})
        exchanges = []
        for place in self.settings.places:
            self.url = place
            exchanges.append(self.transport.send("POST", place, JSON, content))
            if exchanges[-1].status not in (404, 405):
                break
        else:
            self.url = self.settings.places[0]
        found = next((each for each in exchanges if each.url == self.url), exchanges[0])
        self.exchanges[content, (), YES] = found
        results = found.body.get("results") if isinstance(found.body, dict) else None
        self.limits_by_default = isinstance(results, list) and len(results) < len(samples.DOCUMENTS)
        return found

    def why_not_200(self, exchange: Exchange) -> str:
        """Return what *exchange*, the first, got in the place of a 200, and what may help."""
        said = f"{exchange.url} answers {excerpt(exchange.answered, _LONGEST)}"
        match exchange.status:
            case 401 | 403 if self.settings.key:
                return f"{said}, with the key that was sent"
            case 401 | 403:
                return f"{said}, and no key was sent; --api-key-env NAME sends one"
            case 404 | 405:
                tried = ", ".join(self.settings.places)
                return (
                    f"{said}; the operation is elsewhere (tried {tried}), or --model must name a model that it serves"
                )
            case 400 | 422:
                return f"{said}; --model names a model that it serves"
            case _ if 300 <= exchange.status < 400:
                to = exchange.received_headers.get("location")
                return f"{said}, and would go to {to}; redirects are not followed"
        return said

    def rerank(self, query: str, documents: Sequence[Any], **options: Any) -> Answer:
        """Return the answer to a valid request, which the endpoint is asked once; all results come unless *options*.

        Raises:
            Unmet: it is not answered with 200.
            Blocked: because of something in it that the endpoint never takes.
            Inconclusive: the endpoint is busy.
        """
        whole = {"top_n": len(documents)} if self.limits_by_default else {}
        exchange = self.asked({"query": query, "documents": documents, **whole, **options})
        if exchange.status >= 400 and exchange.status not in BUSY:
            self._find_cause(documents, options)
        return self.accepted(exchange)

    def _find_cause(self, documents: Sequence[Any], options: dict[str, Any]) -> None:
        """Raise Blocked when the endpoint never takes something that this request has."""
        has = {"documents"} if isinstance(documents[0], dict) else set()
        for name, by in _TAKES.items():
            if name in has | set(options) and self.tried(name).status not in (200, *BUSY):
                raise Blocked(f"a request with `{name}` is refused", by)

    def tried(self, name: str) -> Exchange:
        """Return the exchange for the plainest request that has *name*."""
        return self.asked({"query": samples.QUERY, **_TRIED[name]})

    def accepted(self, exchange: Exchange) -> Answer:
        """Return the answer to a valid request that *exchange* holds, as `rerank` does."""
        if exchange.status == 200:
            return Answer(exchange)
        if exchange.status in BUSY:
            raise Inconclusive(f"the endpoint answers {exchange.answered}")
        raise Unmet("200, for the request is valid", exchange.answered, exchange)

    def asked(self, request: dict[str, Any], *, headers: Iterable[tuple[str, str]] = ()) -> Exchange:
        """Return the exchange for *request*, with the model added, and with *headers* beside the usual ones."""
        return self.posted(self._content(request), headers=headers)

    def posted(
        self, content: bytes, *, headers: Iterable[tuple[str, str]] = (), authorization: str | Key | None = YES
    ) -> Exchange:
        """Return the exchange for *content*, as it is."""
        memory = content, tuple(headers), authorization
        if memory not in self.exchanges:
            self.exchanges[memory] = self.again(content, headers=headers, authorization=authorization)
        return self.exchanges[memory]

    def again(
        self, content: bytes, *, headers: Iterable[tuple[str, str]] = (), authorization: str | Key | None = YES
    ) -> Exchange:
        """Send *content* once more, whatever was answered before."""
        return self.transport.send("POST", self.url, (*JSON, *headers), content, authorization=authorization)

    @property
    def reference(self) -> Answer:
        """The answer to the request that others are compared with."""
        return self.rerank(samples.QUERY, samples.DOCUMENTS)

    @property
    def plain(self) -> Answer:
        """The answer to the smallest request in which one document is better."""
        return self.rerank(samples.QUERY, samples.PAIR)

    @property
    def samples(self) -> list[Answer]:
        """Answers to requests of every kind, the smallest first; what holds for one answer is held to all of these."""
        few, all_of_them = samples.DOCUMENTS, samples.LONG
        asked: list[tuple[Sequence[str], dict[str, Any]]] = [
            (samples.PAIR, {}),
            (samples.PAIR, {"return_documents": True}),
            (samples.PAIR, {"return_documents": False}),
            (few, {}),
            (few, {"top_n": 2, "return_documents": False}),
            (few, {"top_n": 3, "return_documents": True}),
            (few, {"top_n": 4}),
            (all_of_them, {"return_documents": True}),
            (all_of_them, {"top_n": 36, "return_documents": True}),
            (all_of_them, {"top_n": 35, "return_documents": False}),
        ]
        answers = []
        for documents, options in asked if not self.settings.quick else asked[:5]:
            with suppress(Blocked):  # an option that is not taken has a requirement of its own
                answers.append(self.rerank(samples.QUERY, documents, **options))
        return answers

    @property
    def subset(self) -> Answer:
        """The answer to the reference's first documents alone."""
        return self.rerank(samples.QUERY, samples.DOCUMENTS[: samples.SUBSET])

    @property
    def repeats(self) -> list[Answer]:
        """The reference three times."""
        first = self.reference
        while len(self._repeats) < 2:
            self._repeats.append(self.again(first.exchange.content))
        return [first, *map(self.accepted, self._repeats)]

    def reordered(self, order: Sequence[int]) -> dict[int, float]:
        """Return the scores of the reference's documents, sent in *order*, by their index in the reference."""
        answer = self.rerank(samples.QUERY, [samples.DOCUMENTS[index] for index in order])
        return {order[place]: score for place, score in answer.scores.items()}

    @cached_property
    def measured(self) -> Tolerance:
        """The endpoint's own noise."""
        repeats = [answer.scores for answer in self.repeats]
        return tolerance.measured(repeats, self.reordered(samples.ORDERS[0]), self.subset.scores)

    @property
    def tolerance(self) -> Tolerance:
        """The endpoint's own noise, where it leaves something to compare.

        Raises:
            Inconclusive: it does not.
        """
        if self.measured.is_noisy:
            raise Inconclusive(
                f"the endpoint is nondeterministic: scores differ by {self.measured.noise:.3g} between repeats, "
                f"of {self.measured.span:.3g} between best and worst"
            )
        return self.measured

    @property
    def pointwise(self) -> Tolerance:
        """The endpoint's own noise, where a score is of one document alone.

        Raises:
            Inconclusive: it is too noisy.
            NotApplicable: scores depend on the other documents.
        """
        if self.tolerance.is_listwise:
            raise NotApplicable("scores depend on the other documents of the request")
        return self.tolerance

    def afresh(self) -> Endpoint:
        """Return the same endpoint without a memory of its answers, but of its noise."""
        other = Endpoint(self.settings, self.transport)
        other.url = self.url
        other.limits_by_default = self.limits_by_default
        vars(other).update({"measured": self.measured} if "measured" in vars(self) else {})
        return other

    def _content(self, request: dict[str, Any]) -> bytes:
        return json.dumps({"model": self.model, **request}, ensure_ascii=False).encode()
