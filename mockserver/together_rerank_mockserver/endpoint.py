"""The rerank endpoint, independent of any framework. `Endpoint.answer` turns a call into a reply."""

import hmac
import logging
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any

from together_rerank_mockserver import body, errors, rendering
from together_rerank_mockserver.call import JSON, Call, Reply, credential
from together_rerank_mockserver.delivery import DelayLimiter, waits
from together_rerank_mockserver.errors import ApiError, ClientGone, InternalError, NotHere, TooManyWaiting
from together_rerank_mockserver.faults import OK, BodyFault, Case, Catalogue, Fault
from together_rerank_mockserver.journal import Recorder
from together_rerank_mockserver.plan import NOTHING, Met, Plan, is_of_the_mock
from together_rerank_mockserver.ranking import Ranked, rank
from together_rerank_mockserver.replay import Replay
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state import DEFAULT, Allowance, Namespace, Quota, Registry
from together_rerank_spec import Document, DocumentError

# A key that begins so is a name, not a secret: it opens a namespace of its own.
NAMESPACE_PREFIX = "test-"
_LONGEST_NAMESPACE = 200
_NOTHING_READ = body.Content(b"")
# The status is what nginx logs for it; nobody gets it.
_NOBODY_THERE = Reply(499, b"", delivery="empty")
_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class RequestContext:
    """The state of one call while it is processed."""

    namespace: Namespace  # of the key; the call keeps it even if a reset replaces it
    call: Call
    key: str = field(repr=False)  # empty if the request has none
    content: body.Content = _NOTHING_READ
    met: Met = NOTHING
    headers: dict[str, str] = field(default_factory=dict)  # added to the answer, success or error
    origin: str = "refused"  # the value of `x-mock-reply` if no fault is applied
    request_id: str = ""  # of a 200, whose body has it too


class Endpoint:
    """The rerank operation of one document, with its state between calls. Raises the exceptions of `create_app`."""

    def __init__(
        self, document: Document, settings: Settings | None = None, limiter: DelayLimiter | None = None
    ) -> None:
        settings = settings or Settings()
        if settings.api_keys and not document.requires_key:
            raise DocumentError(f"{document.name}: it asks for no key, so no --api-key can be held to")
        self.document = document
        self._keys = [key.encode() for key in settings.api_keys]
        self._models = frozenset(settings.models)
        accepts = ["any-key"] * (document.requires_key and not self._keys) + ["any-model"] * (not self._models)
        # Header of a 200: it tells a judge that the mock accepts any key or any model on purpose.
        self._accepts = {"x-mock-accepts": ", ".join(accepts)} if accepts else {}
        self._settings = settings
        self._limiter = limiter or DelayLimiter(Event())
        self.requests = body.RequestParser(document)
        rendering.check_answers(document)
        self.registry = Registry(settings.journal_max, Quota(settings.rate_limit) if settings.rate_limit else None)
        self.recorder = Recorder(self.registry, settings.log_format, settings.journal_max, settings.journal_body)
        self._replay = Replay(settings.replay, document) if settings.replay else None
        self.catalogue = Catalogue(document)
        fault, chaos = settings.chosen_faults(self.catalogue)
        self.plan = Plan(self.catalogue, fault, chaos, settings.seed)

    def answer(self, call: Call) -> Reply:
        """Return the reply to *call*; whatever the API refuses becomes a reply too."""
        context = self._context(call)
        try:
            self._authenticate(context.key)
            raw = body.read(call.headers, call.read, self._settings.max_body)
            context.content = body.Content(raw)
            self._select_fault(context)
            reply = self._forced(context) or self._admitted(context)
        except ClientGone:
            context.origin = "client-gone"
            reply = _NOBODY_THERE
        except Exception as fault:  # noqa: BLE001  # every exception becomes an answer
            reply = self._refusal(fault, context)
        return self._finish(context, reply)

    def refuse(self, call: Call, fault: Exception) -> Reply:
        context = self._context(call)
        return self._finish(context, self._refusal(fault, context))

    def is_namespace(self, name: str) -> bool:
        return (
            not self._settings.one_namespace
            and name.startswith(NAMESPACE_PREFIX)
            and len(name) <= _LONGEST_NAMESPACE
            and (not self._keys or self._known(name))
        )

    def _context(self, call: Call) -> RequestContext:
        key = credential(call.headers)
        namespace = self.registry.open(key if self.is_namespace(key) else DEFAULT)
        return RequestContext(namespace, call, key)

    def _authenticate(self, key: str) -> None:
        if not self.document.requires_key:
            return
        if not key:
            raise errors.MissingApiKey
        if self._keys and not self._known(key):
            raise errors.InvalidApiKey

    def _known(self, key: str) -> bool:
        # A list, so that every key is compared: the time must not tell which one was near.
        return any([hmac.compare_digest(key.encode(), known) for known in self._keys])

    def _select_fault(self, context: RequestContext) -> None:
        context.met = self.plan.take_next(context.namespace, context.call.headers.get("Prefer"), context.content)
        try:
            check_server(context.met.fault, raw_socket=context.call.raw_socket)
        except NotHere:
            context.met = replace(context.met, applied=False)
            raise

    def _forced(self, context: RequestContext) -> Reply | None:
        if reply := context.met.reply():
            self._wait(context)
        return reply

    def _admitted(self, context: RequestContext) -> Reply:
        admitted, allowance = context.namespace.admit(self._settings.max_in_flight)
        if not admitted:
            context.origin = "in-flight"
            return self.catalogue.status(503).reply
        try:
            self._wait(context)
            return self._over_quota(allowance, context) or self._recorded(context) or self._rerank(context)
        finally:
            context.namespace.leave()

    def _wait(self, context: RequestContext) -> None:
        order = context.met.order if context.met.applied else None
        self._wait_for(self._settings.latency_ms / 1000 + self.plan.delay_s(context.namespace, order), context)

    def _wait_for(self, seconds: float, context: RequestContext) -> None:
        if not seconds:
            return
        try:
            self._limiter.wait(seconds, context.call.pause)
        except TooManyWaiting:
            context.met = replace(context.met, applied=False)
            raise

    def _over_quota(self, allowance: Allowance | None, context: RequestContext) -> Reply | None:
        if allowance is None:
            return None
        left = allowance.headers
        context.headers |= left
        if allowance.granted:
            return None
        context.origin = "quota"
        reply = self.catalogue.status(429).reply
        return replace(reply, headers={**JSON, "Retry-After": left["x-ratelimit-reset"]})

    def _recorded(self, context: RequestContext) -> Reply | None:
        # A body fault, `ok` and a ranking set by a test need a computed answer.
        is_selected = context.met.fault is OK or isinstance(context.met.fault, BodyFault)
        if not self._replay or is_selected or context.namespace.design:
            return None
        recorded = self._replay.find(context.call.headers, context.content.raw)
        if recorded is None:
            return None
        context.origin, context.request_id = recorded.origin, recorded.request_id
        return recorded.reply

    def _rerank(self, context: RequestContext) -> Reply:
        request = self.requests.parse(context.call.headers.get("Content-Type"), context.content)
        model = request["model"]
        if not model or (self._models and model not in self._models and not is_of_the_mock(model)):
            raise errors.ModelNotFound(model)
        documents = body.exact(context.content.raw, request)["documents"]
        texts = rendering.ranked_texts(documents, request.get("rank_fields"))
        ranking = self._designed(rank(request["query"], texts), texts, context)
        returned = documents if request.get("return_documents", True) else None
        context.request_id = context.namespace.request_id(context.content.raw)
        answer = rendering.answer(
            context.request_id,
            model,
            rendering.results(top(ranking, request.get("top_n")), returned),
            rendering.usage(request["query"], texts),
        )
        if isinstance(context.met.fault, BodyFault):
            answer = self._bent(answer, context, Case(request, documents, texts, ranking))
        return Reply(200, rendering.to_json(answer), JSON)

    def _designed(self, ranking: list[Ranked], texts: list[str], context: RequestContext) -> list[Ranked]:
        design = context.namespace.design
        designed = design.apply(ranking, texts) if design else None
        if designed is None:
            context.origin = "scored"
            return ranking
        context.origin = "designed"
        context.namespace.count_designed()
        return designed

    def _bent(self, answer: Any, context: RequestContext, case: Case) -> Any:
        context.met, bent = self.plan.bend(context.namespace, context.met, answer, case)
        if context.met.applied:
            self._wait_for(self.plan.delay_s(context.namespace, context.met.order), context)
        return bent

    def _refusal(self, fault: Exception, context: RequestContext) -> Reply:
        error = api_error(fault)
        if isinstance(error, InternalError):
            context.met = NOTHING
        context.origin = error.origin
        return refusal(error)

    def _finish(self, context: RequestContext, reply: Reply) -> Reply:
        """Add the common headers to *reply*, apply a wire fault if there is one, record the reply and return it."""
        headers = {
            **reply.headers,
            **(self._accepts if reply.status == 200 else {}),
            **context.headers,
            "x-request-id": context.request_id or _refusal_id(reply, context),
            "x-mock-reply": context.met.origin(context.origin),
        }
        if context.met.preferences and context.met.applied:
            headers["Preference-Applied"] = context.met.preferences
        sent = Reply(reply.status, reply.body, headers, reply.reason, reply.delivery)
        if reply is not _NOBODY_THERE:
            sent = context.met.spoiled(sent)
        if waits(sent):
            try:
                self._limiter.__enter__()
            except TooManyWaiting as full:
                context.met = replace(context.met, applied=False)
                return self._finish(context, self._refusal(full, context))
        self.recorder.record(context.call, sent, context.namespace, context.content.raw)
        return sent


def top(ranking: list[Ranked], top_n: float | None) -> list[Ranked]:
    """Return the first *top_n* of *ranking*, all when it is None; 2.0 is an integer too, in JSON Schema."""
    return ranking if top_n is None else ranking[: max(0, int(top_n))]


def check_server(fault: Fault | None, *, raw_socket: bool) -> None:
    """Raise NotHere if *fault* needs the raw socket and the server has none."""
    if fault and fault.server and not raw_socket:
        raise NotHere(f"`{fault.name}` needs the raw socket, which only `serve --server {fault.server}` has")


def api_error(fault: Exception) -> ApiError:
    """Return the error that the client gets for the exception *fault*."""
    if isinstance(fault, ApiError):
        return fault
    _logger.error("a bug in the mock", exc_info=fault)
    return InternalError(f"The mock itself failed: {type(fault).__name__}; the traceback is in its log")


def refusal(error: ApiError) -> Reply:
    return Reply(error.status, rendering.to_json(error.data), {**JSON, **error.headers}, reason=str(error))


def _refusal_id(reply: Reply, context: RequestContext) -> str:
    # Counted apart from successes: earlier refusals of a request do not change the id of its answer.
    return context.namespace.request_id(b"%d %s %s" % (reply.status, reply.body, context.content.raw))
