"""The endpoint under test: it sends each request once, even if several requirements read the response."""

import copy
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any, Self
from weakref import ReferenceType

from together_rerank_contract_tests.client.exchange import Exchange, excerpt
from together_rerank_contract_tests.client.transport import (
    ENDPOINT_KEY,
    Authorization,
    Dropped,
    Inconclusive,
    Refused,
    Transport,
)
from together_rerank_contract_tests.client.variables import Headers
from together_rerank_contract_tests.settings import AUTO, Settings
from together_rerank_contract_tests.suite import dialect, samples, tolerance
from together_rerank_contract_tests.suite.answer import Answer
from together_rerank_contract_tests.suite.limits import OTHER_REASONS, Limits
from together_rerank_contract_tests.suite.observer import Observer
from together_rerank_contract_tests.suite.requirements import NotApplicable, PrerequisiteFailed
from together_rerank_contract_tests.suite.tolerance import Tolerance
from together_rerank_spec import Document, Validator, value_at

JSON_TYPE = (("Content-Type", "application/json"),)
# Documented statuses of a busy endpoint, or of one that waits for another server: inconclusive, not a failure.
BUSY = (503, 504)
# Statuses with which an endpoint may say that the operation is at another URL, or has another form or another header
# for the key.
_NOT_HERE, _NOT_THIS_FORM = (404, 405), (400, 401, 403, 415, 422)
# Statuses of the first response with which no test can run: the settings are wrong, or the endpoint is busy.
_MAY_BE_TOO_LARGE = (400, 413, 422)
_NO_VERDICT = (*_MAY_BE_TOO_LARGE, *OTHER_REASONS, *BUSY)
UNAUTHORIZED = 401
# The most characters to show of the first response, if it is not a 200.
_MAX_SHOWN = 300
# For each field of a request: the requirement that it is accepted, and a minimal request with the field.
_PROBES: dict[str, tuple[str, dict[str, Any]]] = {
    "documents": ("RR-REQUEST-001", {"documents": samples.OBJECTS}),
    "return_documents": ("RR-REQUEST-002", {"documents": samples.PAIR, "return_documents": False}),
    "top_n": ("RR-REQUEST-003", {"documents": samples.PAIR, "top_n": 1}),
    "rank_fields": ("RR-REQUEST-004", {"documents": samples.OBJECTS, "rank_fields": ["text"]}),
}
# The requirements that fail if a valid request is refused: with a documented error, or with another status.
REFUSED, TEXT_REFUSED, STATUS = "RR-REQUEST-007", "RR-REQUEST-008", "RR-ERROR-005"
UNANSWERED = "RR-ERROR-009"


class Endpoint:
    """A rerank endpoint.

    Attributes:
        url: the URL of the operation; a guess until `find` is called.
        document: the document of the operation; a guess until `find` is called.
        model: the model that requests name.
        first: the exchange that found the operation; None until `find` is called.
        exchanges: the exchanges so far, by request.
        used: the exchanges that the current requirement used, even if an earlier one sent them.
        observer: judges every exchange of the run.
        limits: the limits on the size of a request that were found.
        ids: the exchange of each `id` in a response, by the hash of the id.
        truncates_by_default: whether it returns fewer results than documents if `top_n` is missing.
    """

    def __init__(self, settings: Settings, transport: Transport) -> None:
        self.settings = settings
        self.transport = transport
        self.url, self.document = settings.candidates[0]
        self.model = settings.model or self.document.default_model
        self.first: Exchange | None = None
        self.exchanges: dict[tuple[Any, ...], Exchange] = {}
        self.used: list[Exchange] = []
        self.observer = Observer(self)
        self.limits = Limits(self)
        self.truncates_by_default = False
        self.ids: dict[int, ReferenceType[Exchange]] = {}
        self._refusals: list[Exchange] = []
        self._repeats: list[Exchange] = []
        self._error_validators: dict[int, Validator] = {}

    def find(self) -> None:
        """Find the operation: send the reference request to each candidate until one has the operation.

        If the dialect is not known, it is that of the document with the same request that describes the response best.

        Raises Inconclusive if the status of the response does not tell how the endpoint serves.
        """
        is_auto = self.settings.dialect == AUTO
        not_here = _NOT_HERE + (_NOT_THIS_FORM if is_auto else ())
        exchanges = []
        requests = self._first_requests()
        for (url, content), documents in requests.items():
            self._speak(documents[0])
            exchange = self.transport.keep(self.transport.send("POST", url, JSON_TYPE, content))
            others = [each for listed in requests.values() for each in listed]
            spoken = dialect.closest(exchange.body, documents, others) if is_auto else documents[0]
            exchanges.append(replace(exchange, document=spoken or documents[0]))
            if exchange.status not in not_here and spoken is not None:
                break
        else:
            # If no URL has the operation, report the most likely one.
            found = next((each for each in exchanges if is_auto and each.status not in _NOT_HERE), exchanges[0])
            exchanges.append(found)
            if is_auto and found.status not in _NO_VERDICT + _NOT_HERE:
                self.first, self.url = found, found.url
                shown = excerpt(found.response_excerpt, _MAX_SHOWN)
                hint = "name the API with --dialect, and the model with --model"
                message = f"the endpoint speaks none of the known APIs; {found.url} returns {shown}; {hint}"
                raise Inconclusive(self.transport.mask.text(message))
        found = exchanges[-1]
        self.first, self.url, content = found, found.url, found.content
        self._speak(found.document)
        if found.status in _NO_VERDICT:
            few = self.content({"query": samples.QUERY, "documents": samples.PAIR[:1]})
            is_limit = (
                found.status in _MAY_BE_TOO_LARGE
                and self.transport.send("POST", found.url, JSON_TYPE, few).status == 200
            )
            raise Inconclusive(self._why_not_200(found, is_limit=is_limit))
        self.transport.observe = self.observer.observe
        self.observer.observe(found)
        self.exchanges[content, (), ENDPOINT_KEY] = found
        results = found.members.get("results")
        self.truncates_by_default = isinstance(results, list) and len(results) < len(samples.DOCUMENTS)

    def _first_requests(self) -> dict[tuple[str, bytes], list[Document]]:
        """Return the documents for each URL and reference request, in the sequence in which to try them."""
        requests: dict[tuple[str, bytes], list[Document]] = {}
        for url, document in self.settings.candidates:
            self._speak(document)
            content = self.content({"query": samples.QUERY, "documents": samples.DOCUMENTS})
            requests.setdefault((url, content), []).append(document)
        return requests

    def _speak(self, document: Document) -> None:
        self.document = self.transport.document = document
        self.model = self.settings.model or document.default_model

    def _why_not_200(self, exchange: Exchange, *, is_limit: bool) -> str:
        """Return a message about *exchange*, the first, whose status is not 200, with a hint how to fix it."""
        message = f"{exchange.url} returns {excerpt(exchange.response_excerpt, _MAX_SHOWN)}"
        match exchange.status:
            case 401 | 403 if self.settings.key:
                message += ", although a key was sent"
            case 401 | 403:
                message += ", and no key was sent; --api-key-env NAME sends one"
            case 404 | 405:
                tried = ", ".join(dict.fromkeys(url for url, _ in self.settings.candidates))
                message += f"; check the URL (tried {tried}), or use --model to name a model that the endpoint serves"
            case _ if is_limit:
                message += f"; it accepts one document, but the tests need {len(samples.DOCUMENTS)} in a request"
            case 400 | 422:
                message += "; use --model to name a model that the endpoint serves"
        return self.transport.mask.text(message)

    def rerank(self, query: str, documents: Sequence[Any], **options: Any) -> Answer:
        """Send a valid request, unless it was sent before, and return the response.

        Raises:
            PrerequisiteFailed: the response is not a 200.
            Inconclusive: the endpoint is busy.
        """
        return self.accept(self.send(query, documents, **options))

    def send(self, query: str, documents: Sequence[Any], **options: Any) -> Exchange:
        """Send a valid request, unless it was sent before, and return the exchange.

        If the endpoint returns fewer results by default, the request gets a `top_n` for all documents. Options that the
        API does not have are left out; raises NotApplicable if the document does not allow the rest.
        """
        all_results = {"top_n": len(documents)} if self.truncates_by_default else {}
        content = self.content({"query": query, "documents": documents, **all_results, **options})
        if not self.allows(json.loads(content)):
            violation = self.request_validator.violations(json.loads(content))[0]
            raise NotApplicable(f"the document does not allow such a request: {violation}")
        return self.post(content)

    def accept(self, exchange: Exchange, refusal: str = REFUSED) -> Answer:
        """Return the response in *exchange*, whose request is valid; *refusal* is the requirement if it is refused.

        Raises:
            PrerequisiteFailed: it is not a 200; names the requirement that reports it.
            Inconclusive: the endpoint is busy.
        """
        self.observer.judged[refusal] += 1
        if check_not_busy(exchange).status == 200:
            return Answer(exchange)
        requirement_id = self._requirement_of_refusal(exchange, refusal)
        raise PrerequisiteFailed(f"a valid request gets {exchange.status}", requirement_id)

    def _requirement_of_refusal(self, exchange: Exchange, refusal: str) -> str:
        """Return the requirement that reports the refused *exchange*."""
        if not 400 <= exchange.status < 500:
            return STATUS
        field = self.requirement_of_refused_field(exchange)
        if field:
            return field
        if not any(each is exchange for each in self._refusals):
            self._refusals.append(exchange)
            self.observer.judge(refusal, Answer(exchange))
        return refusal

    def requirement_of_refused_field(self, exchange: Exchange) -> str:
        """Return the requirement of a field for which *exchange* is refused; "" if it is not refused for a field."""
        fields = set(exchange.request) if isinstance(exchange.request, dict) else set()
        documents = value_at(exchange.sent, self.document.mapping.place("/documents"))
        has_objects = isinstance(documents, list) and isinstance((documents or [None])[0], dict)
        if not (has_objects and self.document.takes_texts):  # all documents of some APIs are objects
            fields.discard("documents")
        for name, (requirement_id, _) in _PROBES.items():
            if name in fields and self.probe(name).status not in (200, *BUSY):
                return requirement_id
        return ""

    def allows(self, body: Any) -> bool:
        """Return whether the document allows *body*, the body of a request."""
        return self.request_validator.is_valid(body)

    @cached_property
    def request_validator(self) -> Validator:
        return Validator(self.document.request_schema)

    @cached_property
    def response_validator(self) -> Validator:
        return Validator(self.document.response_schema(200) or {})

    def error_validator(self, status: int) -> Validator:
        """Return the validator of the body of an error with *status*."""
        if status not in self._error_validators:
            self._error_validators[status] = Validator(self.document.error_schema(status) or {})
        return self._error_validators[status]

    @property
    def checks_key(self) -> bool:
        """Whether requests without the key are sent: there is a key, and the document has a status for them."""
        return self.transport.has_key and self.document.lists(UNAUTHORIZED)

    def probe(self, name: str) -> Exchange:
        """Return the exchange for a minimal request with the field *name*."""
        return self.exchange_for({"query": samples.QUERY, **_PROBES[name][1]})

    def exchange_for(self, request: dict[str, Any]) -> Exchange:
        """Add the model to *request* and send it, unless it was sent before; return the exchange."""
        return self.post(self.content(request))

    def post(self, content: bytes, *, headers: Headers = (), authorization: Authorization = ENDPOINT_KEY) -> Exchange:
        """Send *content* with additional *headers*, unless it was sent before; return the exchange."""
        cache_key = content, headers, authorization
        if cache_key not in self.exchanges:
            self.exchanges[cache_key] = self.resend(content, headers=headers, authorization=authorization)
        elif self.exchanges[cache_key] not in self.used:
            self.used.append(self.exchanges[cache_key])
        return self.exchanges[cache_key]

    def resend(
        self,
        content: bytes,
        *,
        headers: Headers = (),
        authorization: Authorization = ENDPOINT_KEY,
        chunked: bool = False,
    ) -> Exchange:
        """Send *content*, even if it was sent before; raise PrerequisiteFailed if there is no response."""
        headers = headers if any(name == "Content-Type" for name, _ in headers) else (*JSON_TYPE, *headers)
        self.observer.judged[UNANSWERED] += 1
        try:
            sent = self.transport.send("POST", self.url, headers, content, authorization=authorization, chunked=chunked)
            exchange = self.transport.keep(sent)
        except Refused:  # the endpoint is not there any more
            raise
        except Dropped as error:
            self.observer.judge(UNANSWERED, Answer(error.exchange))
            raise PrerequisiteFailed(str(error), UNANSWERED) from None
        self.used.append(exchange)
        return exchange

    @property
    def reference(self) -> Answer:
        """The response that other responses are compared with."""
        return self.rerank(samples.QUERY, samples.DOCUMENTS)

    @property
    def repeats(self) -> list[Answer]:
        """The responses to the reference request, sent three times."""
        first = self.reference
        while len(self._repeats) < 2:
            self._repeats.append(self.resend(first.exchange.content))
        return [first, *map(self.accept, self._repeats)]

    def reordered_scores(self, sequence: Sequence[int]) -> tuple[dict[int, float], Exchange]:
        """Send the reference's documents in *sequence*; return their scores by the index in the reference."""
        answer = self.rerank(samples.QUERY, [samples.DOCUMENTS[index] for index in sequence])
        return {sequence[position]: score for position, score in answer.scores.items()}, answer.exchange

    @cached_property
    def measured(self) -> Tolerance:
        """The noise of the endpoint, measured once with six more requests."""
        repeats = [answer.scores for answer in self.repeats]
        reordered, _ = self.reordered_scores(samples.PERMUTATIONS[0])
        subset = self.rerank(samples.QUERY, samples.DOCUMENTS[: samples.SUBSET])
        alone: list[float] = []
        with suppress(PrerequisiteFailed):  # an endpoint that cannot rank one document is measured all the same
            # With another query each: a cache must not make them equal.
            queries = (samples.ONE_WORD, samples.QUERY)
            alone = [self.rerank(query, [each]).scores[0] for query, each in zip(queries, samples.PAIR, strict=True)]
        return tolerance.measure(repeats, reordered, subset.scores, alone)

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
        other.limits = self.limits.of(other)
        return other

    def content(self, request: dict[str, Any]) -> bytes:
        """Return the body of *request*, a canonical request, with the model if it names none."""
        body = self.document.write_request({"model": self.model, **request})
        return json.dumps(body, ensure_ascii=False).encode()


def check_not_busy(exchange: Exchange) -> Exchange:
    """Return *exchange*; raise Inconclusive if the endpoint was too busy to answer it."""
    if exchange.status in BUSY:
        raise Inconclusive(f"the endpoint returns {exchange.response_excerpt}")
    return exchange
