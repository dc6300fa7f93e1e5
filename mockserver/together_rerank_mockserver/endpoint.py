"""The endpoint, free of any framework: one call in, one reply out. The path of a request is `Endpoint.answer`."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from together_rerank_mockserver import body, promise, rendering
from together_rerank_mockserver.call import Call, Headers, credential
from together_rerank_mockserver.errors import (
    ApiError,
    ClientGone,
    InvalidApiKey,
    MissingApiKey,
    ModelNotFound,
    NotHere,
    TooManyWaiting,
)
from together_rerank_mockserver.faults import OK, BodyFault, Case, Catalogue, Fault
from together_rerank_mockserver.plan import NOTHING, Met, Plan, is_of_the_mock
from together_rerank_mockserver.quota import Quota
from together_rerank_mockserver.ranking import Ranked, rank
from together_rerank_mockserver.replay import Replay
from together_rerank_mockserver.reply import Reply
from together_rerank_mockserver.request import RequestParser
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state import DEFAULT, Memory, State
from together_rerank_spec import Document, DocumentError

# A key that begins so is a name, not a secret: it opens a namespace of its own.
NAMESPACE_PREFIX = "test-"
_LONGEST_NAMESPACE = 200
_JSON = {"Content-Type": "application/json"}
_NOTHING_READ = body.Content(b"")
# The status is what nginx logs for it; nobody gets it.
_NOBODY_THERE = Reply(499, b"", delivery="empty")


@dataclass(slots=True)
class _Visit:
    """What is known of one call on its way.

    Attributes:
        key: that it came with; empty when there is none.
        headers: what goes with the answer, whichever it is.
        origin: what `x-mock-reply` says when no fault shows.
        request_id: of a 200, which says it in its body too.
    """

    namespace: str
    generation: int
    pause: Callable[[float], object]
    key: str = field(repr=False)
    content: body.Content = _NOTHING_READ
    met: Met = NOTHING
    headers: dict[str, str] = field(default_factory=dict)
    origin: str = "refused"
    request_id: str = ""


class Endpoint:
    """The rerank operation of one document, with what it remembers between calls.

    Args:
        pause: waits for so many seconds.
        state: what is remembered between calls; None keeps it in the memory of this process.

    Raises:
        DocumentError: the document promises answers that this endpoint does not give.
        BadOrder: the settings ask for a fault that there is not.
        ValueError: the settings' rate cannot be read, or what is to be replayed.
    """

    def __init__(
        self,
        document: Document,
        settings: Settings | None = None,
        pause: Callable[[float], object] = time.sleep,
        state: State | None = None,
    ) -> None:
        settings = settings or Settings()
        if settings.api_keys and not document.requires_key:
            raise DocumentError(f"{document.name}: it asks for no key, so no --api-key can be held to")
        self.document = document
        self._keys = [key.encode() for key in settings.api_keys]
        self._models = frozenset(settings.models)
        self._accepts = _accepts(any_key=document.requires_key and not self._keys, any_model=not self._models)
        self._settings = settings
        self._pause = pause
        self.requests = RequestParser(document)
        promise.check(document)
        self.state = state or Memory(settings.journal_max, Quota(settings.rate_limit) if settings.rate_limit else None)
        self._replay = Replay(settings.replay, document) if settings.replay else None
        self.catalogue = Catalogue(document)
        self._plan = Plan(self.catalogue, self.state, fault=settings.fault, chaos=settings.chaos, seed=settings.seed)

    def answer(self, call: Call) -> Reply:
        """Return the reply to *call*; whatever the API refuses becomes a reply too."""
        visit = self._visit(call.headers, call.pause)
        try:
            self._authenticate(visit.key)
            raw = body.read(call.headers.get("Content-Length"), call.read, self._settings.max_body)
            visit.content = body.Content(raw)
            self._take_next(call, visit)
            reply = self._forced(visit) or self._admitted(call, visit)
        except ApiError as error:
            visit.origin = error.origin
            reply = _refusal(error)
        except ClientGone:
            visit.origin = "client-gone"
            reply = _NOBODY_THERE
        return self._sent(reply, visit)

    def refuse(self, error: ApiError, headers: Headers) -> Reply:
        """Return the reply that says *error*, to a request that is none of the operation's."""
        return self._sent(_refusal(error), self._visit(headers))

    def is_namespace(self, name: str) -> bool:
        """Return whether there can be a namespace called *name* beside the default one."""
        return (
            not self._settings.one_namespace
            and name.startswith(NAMESPACE_PREFIX)
            and len(name) <= _LONGEST_NAMESPACE
            and (not self._keys or self._known(name))
        )

    def _visit(self, headers: Headers, pause: Callable[[float], object] | None = None) -> _Visit:
        key = credential(headers)
        namespace = key if self.is_namespace(key) else DEFAULT
        return _Visit(namespace, self.state.generation(namespace), pause or self._pause, key)

    def _authenticate(self, key: str) -> None:
        if not self.document.requires_key:
            return
        if not key:
            raise MissingApiKey
        if self._keys and not self._known(key):
            raise InvalidApiKey

    def _known(self, key: str) -> bool:
        # A list, so that every key is compared: the time must not tell which one was near.
        return any([hmac.compare_digest(key.encode(), known) for known in self._keys])

    def _take_next(self, call: Call, visit: _Visit) -> None:
        visit.met = self._plan.take_next(visit.namespace, call.headers.get("Prefer"), visit.content)
        try:
            check_server(visit.met.fault, raw_socket=call.raw_socket)
        except NotHere:
            visit.met = replace(visit.met, applied=False)
            raise

    def _forced(self, visit: _Visit) -> Reply | None:
        reply = visit.met.reply()
        if reply is not None:
            self._wait(visit)
        return reply

    def _admitted(self, call: Call, visit: _Visit) -> Reply:
        if not self.state.enter(visit.namespace, self._settings.max_in_flight):
            visit.origin = "in-flight"
            return self.catalogue.status(503).reply
        try:
            self._wait(visit)
            return self._over_quota(visit) or self._recorded(call, visit) or self._rerank(call, visit)
        finally:
            self.state.leave(visit.namespace)

    def _wait(self, visit: _Visit) -> None:
        order = visit.met.order if visit.met.applied else None
        self._wait_for(self._settings.latency_ms / 1000 + self._plan.delay_s(visit.namespace, order), visit)

    def _wait_for(self, seconds: float, visit: _Visit) -> None:
        if not seconds:
            return
        try:
            visit.pause(seconds)
        except TooManyWaiting:
            visit.met = replace(visit.met, applied=False)
            raise

    def _over_quota(self, visit: _Visit) -> Reply | None:
        allowance = self.state.spend(visit.namespace)
        if allowance is None:
            return None
        visit.headers |= allowance.headers
        if allowance.granted:
            return None
        visit.origin = "quota"
        reply = self.catalogue.status(429).reply
        headers = {"Content-Type": reply.headers["Content-Type"], "Retry-After": str(allowance.reset_s)}
        return replace(reply, headers=headers)

    def _recorded(self, call: Call, visit: _Visit) -> Reply | None:
        # What is asked for on purpose needs an answer that is computed, be it that nothing is wrong.
        is_asked = visit.met.fault is OK or isinstance(visit.met.fault, BodyFault)
        if not self._replay or is_asked or self.state.design(visit.namespace):
            return None
        recorded = self._replay.find(call.headers, visit.content.raw)
        if recorded is None:
            return None
        visit.origin, visit.request_id = recorded.origin, recorded.request_id
        return recorded.reply

    def _rerank(self, call: Call, visit: _Visit) -> Reply:
        request = self.requests.parse(call.headers.get("Content-Type"), visit.content)
        self._check_model(request["model"])
        documents = body.exact(visit.content.raw, request)["documents"]
        texts = rendering.ranked_texts(documents, request.get("rank_fields"))
        ranking = self._designed(rank(request["query"], texts), texts, visit)
        returned = documents if request.get("return_documents", True) else None
        visit.request_id = self.state.request_id(visit.namespace, visit.content.raw)
        answer = rendering.answer(
            visit.request_id,
            request["model"],
            rendering.results(top(ranking, request.get("top_n")), returned),
            rendering.usage(request["query"], texts),
        )
        if isinstance(visit.met.fault, BodyFault):
            answer = self._bent(answer, visit, Case(request, documents, texts, ranking))
        return Reply(200, rendering.to_json(answer), _JSON)

    def _designed(self, ranking: list[Ranked], texts: list[str], visit: _Visit) -> list[Ranked]:
        design = self.state.design(visit.namespace)
        if self.state.generation(visit.namespace) != visit.generation:
            design = None  # it is not for a call that came before a reset
        designed = design.apply(ranking, texts) if design else None
        if designed is None:
            visit.origin = "scored"
            return ranking
        visit.origin = "designed"
        self.state.count_designed(visit.namespace)
        return designed

    def _check_model(self, model: str) -> None:
        if not model or (self._models and model not in self._models and not is_of_the_mock(model)):
            raise ModelNotFound(model)

    def _bent(self, answer: Any, visit: _Visit, case: Case) -> Any:
        visit.met, bent = self._plan.bend(visit.namespace, visit.generation, visit.met, answer, case)
        if visit.met.applied:
            self._wait_for(self._plan.delay_s(visit.namespace, visit.met.order), visit)
        return bent

    def _sent(self, reply: Reply, visit: _Visit) -> Reply:
        """Return *reply* as it goes out: with the headers that every answer has, and spoiled if a wire fault is met."""
        headers = {
            **reply.headers,
            **(self._accepts if reply.status == 200 else {}),
            **visit.headers,
            "x-request-id": visit.request_id or self._refusal_id(reply, visit),
            "x-mock-reply": visit.met.origin(visit.origin),
        }
        if visit.met.preferences and visit.met.applied:
            headers["Preference-Applied"] = visit.met.preferences
        known = Reply(
            reply.status,
            reply.body,
            headers,
            reply.reason,
            reply.delivery,
            received=visit.content.raw,
            namespace=visit.namespace,
            generation=visit.generation,
        )
        return known if reply is _NOBODY_THERE else visit.met.spoiled(known)

    def _refusal_id(self, reply: Reply, visit: _Visit) -> str:
        # Apart from those of successes: the id of an answer does not depend on how often it was refused before.
        return self.state.request_id(visit.namespace, b"%d %s %s" % (reply.status, reply.body, visit.content.raw))


def top(ranking: list[Ranked], top_n: float | None) -> list[Ranked]:
    """Return the first *top_n* of *ranking*, all when it is None; 2.0 is an integer too, in JSON Schema."""
    return ranking if top_n is None else ranking[: max(0, int(top_n))]


def check_server(fault: Fault | None, *, raw_socket: bool) -> None:
    """Let *fault* pass if the server can produce it.

    Raises:
        NotHere: it needs the raw socket, and there is none.
    """
    if fault and fault.server and not raw_socket:
        raise NotHere(f"`{fault.name}` needs the raw socket, which only `serve --server {fault.server}` has")


def _accepts(*, any_key: bool, any_model: bool) -> dict[str, str]:
    """Return what a 200 says of whom it lets in; who judges it must know that others are let in on purpose."""
    accepts = ["any-key"] * any_key + ["any-model"] * any_model
    return {"x-mock-accepts": ", ".join(accepts)} if accepts else {}


def _refusal(error: ApiError) -> Reply:
    headers = {**_JSON, **error.headers}
    return Reply(error.status, rendering.to_json(error.data), headers, reason=str(error))
