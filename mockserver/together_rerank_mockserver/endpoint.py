"""The path of one call: `Endpoint.answer` turns a call to the rerank operation into a reply, stage by stage."""

import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from together_rerank_mockserver.api import body, rendering
from together_rerank_mockserver.api.errors import (
    ApiError,
    ClientDisconnected,
    InternalError,
    InvalidApiKey,
    InvalidRequest,
    MethodNotAllowed,
    MissingApiKey,
    Misuse,
    ModelNotFound,
    StateUnavailable,
    TooManyWaiting,
    Unauthorized,
    UnsupportedByServer,
)
from together_rerank_mockserver.api.json_text import exact, to_json
from together_rerank_mockserver.api.messages import JSON, Call, Reply, credential
from together_rerank_mockserver.faults.catalogue import OK, Catalogue
from together_rerank_mockserver.faults.fault import (
    BodyFault,
    ConditionalFault,
    ErrorFault,
    RankedRequest,
    ReceivedRequest,
    RequestFault,
    top,
)
from together_rerank_mockserver.faults.selection import NO_FAULT, FaultSelector, SelectedFault, names_fault
from together_rerank_mockserver.faults.status import StatusFault
from together_rerank_mockserver.latency import Latency
from together_rerank_mockserver.mock_state import MockState
from together_rerank_mockserver.ranking.score import Ranked, rank
from together_rerank_mockserver.replay import Replay
from together_rerank_mockserver.state.namespace import DEFAULT
from together_rerank_mockserver.state.shared_namespace import AnyNamespace, SharedNamespace
from together_rerank_mockserver.state.store import ScriptCall, run_steps
from together_rerank_spec import Document

_UNREAD = body.Content(b"")
# A fault changes at most this many things in an invalid request, such as its unknown fields.
_MAX_CHANGES = 20
# The maximum bytes of a body that is read although the key is not accepted.
_MAX_UNAUTHENTICATED = 64 * 1024
# The status that nginx logs for it; no client receives it.
_DISCONNECTED = Reply(499, b"", delivery="empty")
# The steps of a call, up to the reply: each is a script to run in the shared state, or None: what follows can wait.
Steps = Generator[ScriptCall | None, Any, Reply]
_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class RequestContext:
    """What is known about one call while it is processed."""

    call: Call
    key: str = field(repr=False)  # empty if the request has none
    namespace: AnyNamespace  # of the key; the call keeps it even if a reset replaces it
    content: body.Content = _UNREAD
    selected: SelectedFault = NO_FAULT
    headers: dict[str, str] = field(default_factory=dict)  # added to the answer: what is left of the quota
    is_admitted: bool = False  # whether it counts as in flight
    origin: str = "refused"  # where the answer comes from, for `x-mock-reply`; a fault is added to it
    reason: str | None = None  # why the answer is an error, for journal and log; None for a success
    request_id: str = ""  # of a 200, whose body contains it
    results: tuple[list[Any], int] | None = None  # of a 200, for the journal
    documents: int | None = None  # how many a 200 has ranked, for its latency


class Endpoint:
    """One rerank operation, with its state between calls. Raises the exceptions of `create_app`.

    Its paths are those of *document* below each of *prefixes*.
    """

    def __init__(self, document: Document, state: MockState, prefixes: Sequence[str] = ("",)) -> None:
        rendering.self_check(document)
        settings = state.settings
        self.document = document
        self.prefixes = prefixes
        self.requests = body.RequestParser(document)
        self.catalogue = Catalogue(document)
        self.selector = FaultSelector(document, self.catalogue, state.fault, state.chaos, settings.seed)
        self.registry, self.recorder = state.registry, state.recorder
        self._state = state
        self._settings = settings
        self._limiter = state.limiter
        replayed = settings.replay
        self._replay = Replay(replayed, state.exchanges(document), document, self.serves) if replayed else None
        self._models = frozenset(settings.models)
        self._requires_key = document.requires_key or bool(document.key_header and settings.api_keys)
        any_key = document.requires_key and not settings.api_keys
        accepts = ["any-key"] * any_key + ["any-model"] * (not self._models)
        # A header of each 200: it tells the contract tests that the mock accepts any key or model on purpose.
        self._accepts = {"x-mock-accepts": ", ".join(accepts)} if accepts else {}
        self._dialect = f"; dialect={document.dialect}" if document.dialect else ""
        self._key_header = document.key_header or "Authorization"
        self._lower_key_header = self._key_header.lower()
        # Reads the canonical request from a body that was sent to a path, for the journal; None if all bodies have it.
        self.read = None if document.mapping.is_canonical else document.request

    @property
    def routes(self) -> list[str]:
        """The paths of the operation; one can have a parameter."""
        return [prefix + route for prefix in self.prefixes for route in self.document.routes]

    def serves(self, path: str) -> bool:
        """Return whether the operation has the route *path*."""
        return any(self.document.serves(path.removeprefix(each)) for each in self.prefixes if path.startswith(each))

    def answer(self, call: Call) -> Reply:
        """Return the reply to *call*. Every exception becomes a reply, too."""
        return self._run(self.steps(call))

    def steps(self, call: Call) -> Steps:
        """Answer as `answer` does, but yield before anything that can wait, so that another thread can go on.

        It yields a script, whose result the caller sends back, or None: what follows can wait.
        """
        context = self._context(call)
        try:
            # --- Authenticate --- 401, unless a request fault accepts the key
            yield from self._authenticate(context)
            # --- Read the body --- 408, 413, 415; 400 if it is cut short
            if context.content is _UNREAD:
                context.content = self._read_body(call, self._settings.max_body)
            # --- Choose the namespace --- of a word in the body, if one has its own
            context.namespace = self.registry.by_word(context.namespace, context.content.raw)
            # --- Take from the shared state --- all that the call can need; 503 if it does not answer
            if isinstance(context.namespace, SharedNamespace):
                yield from self._take_shared(context.namespace, context)
            # --- Select a fault --- by header, model, queue, settings or chance; 400 if header or model request an
            # unknown fault, 501 if this server cannot produce it
            self._select_fault(context)
            if context.selected.spec:  # it can have a delay
                yield None
            # --- Answer with a status fault --- any error status, before admission and validation; 503 if too many
            # calls wait, also in the delays below
            reply = self._status_fault(context)
            # --- Admit --- 503 if too many calls are in flight; then the delay of a fault; 429 if the quota is used up
            reply = reply or self._admit(context)
            # --- Replay --- a recorded answer, if the request is equal to a recorded one
            reply = reply or self._recorded(context)
            if reply is None:
                # --- Parse and validate by the document --- 400, 404; or as a request fault does
                request = self._parse(context)
                # --- Rank --- or apply the ranking override of the namespace; 400 above a limit, or if the override
                # does not fit the documents
                ranked = self._rank(request, context)
                # --- Render ---
                answer = self._render(ranked, context)
                # --- Apply a body fault --- a wrong 200
                answer = self._apply_body_fault(answer, ranked, context)
                context.results, context.documents = rendering.shown_results(answer), len(ranked.documents)
                reply = Reply(200, to_json(self.document.success_body(answer)), JSON)
            # --- Take time --- unless there is a fault
            if self._state.latency and context.documents is not None:
                yield None
                self._take_time(self._state.latency, context.documents, context)
        except ClientDisconnected:
            context.origin = "client-gone"
            reply = _DISCONNECTED
        except Exception as error:  # noqa: BLE001  # every exception becomes an answer
            reply = self._error_reply(error, context)
        finally:
            if context.is_admitted:
                context.namespace.release()
        # --- Apply an error fault --- an error in a wrong form, or a closed connection in its place
        if reply.status >= 400 and context.selected is not NO_FAULT:
            reply = self._apply_error_fault(reply, context)
        # --- Finish --- common headers, wire fault, journal and log
        return (yield from self._finish(reply, context))

    def refuse(self, call: Call, error: Exception) -> Reply:
        """Return the reply to a *call* that does not reach the operation, such as one to an unknown path."""
        context = self._context(call)
        has_body = call.headers.get("Transfer-Encoding") or call.headers.get("Content-Length") not in (None, "0")
        if isinstance(error, MethodNotAllowed) and has_body:
            context.namespace.has_unread_body = True
        return self._run(self._finish(self._error_reply(error, context), context))

    def _run(self, steps: Steps) -> Reply:
        reply: Reply = run_steps(steps, self._state.store)
        return reply

    def _context(self, call: Call) -> RequestContext:
        key = credential(call.headers, self._key_header)
        return RequestContext(call, key, self.registry.open(key if self._state.is_namespace(key) else DEFAULT))

    # Authenticate

    def _refusal(self, context: RequestContext) -> Unauthorized | None:
        if not self._requires_key:
            return None
        if not context.key:
            return MissingApiKey(f"Missing API key in the header {self.document.key_header}")
        if self._settings.api_keys and not self._state.accepts(context.key):
            return InvalidApiKey("Invalid API key")
        return None

    def _authenticate(self, context: RequestContext) -> Generator[None, Any, None]:
        refusal = self._refusal(context)
        if refusal and isinstance(context.namespace, SharedNamespace):
            yield None  # `_accepts_key` runs a script
        if refusal and not self._accepts_key(context):
            raise refusal

    def _accepts_key(self, context: RequestContext) -> bool:
        """Return whether the fault of the call accepts that its key is wrong or missing.

        The model in the body can name the fault, so a short body is read before the 401.
        """
        call = context.call
        try:
            may_accept = self.selector.may_accept_key(context.namespace, call)
            content = self._read_body(call, self._settings.max_body if may_accept else _MAX_UNAUTHENTICATED)
            header = call.headers.get(self._key_header)
            selected = self.selector.select_for_key(context.namespace, call, content, header)
        except ApiError:  # the 401 comes before other errors
            return False
        if selected is NO_FAULT:
            return False
        context.content, context.selected = content, selected
        return True

    def _read_body(self, call: Call, limit: int) -> body.Content:
        return body.Content(body.read(call.headers, call.read, limit))

    # Select a fault

    def _take_shared(
        self, namespace: SharedNamespace, context: RequestContext
    ) -> Generator[ScriptCall | None, Any, None]:
        selected = context.selected  # if it has accepted the key
        if selected is NO_FAULT:
            selected = self.selector.requested(context.call, context.content)
        if isinstance(selected.fault, StatusFault):
            yield from namespace.begin()  # it is answered before admission
            return
        yield from namespace.begin_call(takes_fault=selected is NO_FAULT)
        if namespace.has_queued_ranking:
            yield None

    def _select_fault(self, context: RequestContext) -> None:
        if context.selected is not NO_FAULT:  # it has accepted the key
            return
        context.selected = self.selector.select(context.namespace, context.call, context.content)
        if context.selected.fault:
            try:
                context.selected.fault.check_server(raw_socket=context.call.raw_socket)
                context.selected = self.selector.in_this_api(context.selected)
            except UnsupportedByServer:
                context.selected = replace(context.selected, applied=False)
                raise

    def _status_fault(self, context: RequestContext) -> Reply | None:
        fault = context.selected.fault
        if not isinstance(fault, StatusFault):
            return None
        context.reason = fault.reason
        self._delay(context)
        return context.selected.status_reply(fault)

    # Admit

    def _admit(self, context: RequestContext) -> Reply | None:
        context.is_admitted, allowance = context.namespace.admit(self._settings.max_in_flight)
        if not context.is_admitted:
            return self._limit_reply(503, "in-flight", context)
        self._delay(context)
        if allowance is None:
            return None
        headers = allowance.headers
        if self.document.mapping.is_canonical:  # other APIs have other headers
            context.headers = headers
        if allowance.granted:
            return None
        reply = self._limit_reply(429, "quota", context)
        return replace(reply, headers={**JSON, "Retry-After": headers["x-ratelimit-reset"]})

    def _limit_reply(self, status: int, origin: str, context: RequestContext) -> Reply:
        fault = self.catalogue.status(status)
        context.origin, context.reason = origin, fault.reason
        return fault.reply

    def _delay(self, context: RequestContext) -> None:
        # A conditional fault is not applied yet; its delay follows when it is.
        spec = context.selected.spec if context.selected.applied else None
        self._wait(self.selector.delay_s(context.namespace, spec), context)

    def _take_time(self, latency: Latency, documents: int, context: RequestContext) -> None:
        """Wait as long as a usual answer for *documents* takes. An answer with a fault has only the fault's delay."""
        if context.selected.applied_name in (None, "delay"):
            latency.wait(documents, context.namespace, partial(self._wait, context=context))

    def _wait(self, seconds: float, context: RequestContext) -> None:
        if not seconds:
            return
        try:
            self._limiter.wait(seconds, context.call.pause)
        except TooManyWaiting:
            context.selected = replace(context.selected, applied=False)
            raise

    # Replay

    def _recorded(self, context: RequestContext) -> Reply | None:
        # A fault of the body or the request, `ok` and a ranking override need a computed answer.
        needs_answer = context.selected.fault is OK or isinstance(context.selected.fault, BodyFault | RequestFault)
        if not self._replay or needs_answer or context.namespace.has_override:
            return None
        recorded = self._replay.find(context.call, context.content.raw)
        if recorded is None:
            return None
        context.origin, context.request_id, context.reason = recorded.origin, recorded.request_id, recorded.reason
        context.results = recorded.results
        if recorded.reply.status == 200:
            context.documents = recorded.documents
        return recorded.reply

    # Parse, rank and render

    def _parse(self, context: RequestContext) -> dict[str, Any]:
        media_type, path = context.call.headers.get("Content-Type"), context.call.path
        follows_unread = context.namespace.has_unread_body and context.namespace.take_unread()
        try:
            request = self.requests.parse(media_type, context.content, path)
        except InvalidRequest as error:
            request = self._apply(RequestFault, partial(self._accepted, error, context), context)
            if request is None:
                raise
        else:
            if context.selected is not NO_FAULT:
                self._refuse_by_fault(request, context, follows_unread=follows_unread)
        if "model" not in request:
            return {**request, "model": self.document.default_model}
        model = request["model"]
        if not model or (self._models and model not in self._models and not names_fault(model)):
            raise ModelNotFound(model, self.document.mapping.place("/model"))
        return request

    def _accepted(self, error: InvalidRequest, context: RequestContext, fault: RequestFault) -> dict[str, Any] | None:
        """Return the request, which is invalid because of *error*, as *fault* reads it; None if the error stays."""
        call, content = context.call, context.content
        changed = content.value
        for _ in range(_MAX_CHANGES):
            changed = fault.accept(changed, error, self.document)
            if changed is None:
                break
            try:
                request = self.requests.parse(
                    call.headers.get("Content-Type"), body.Content(to_json(changed)), call.path
                )
            except InvalidRequest as other:
                error = other
            else:
                documents = self.document.request(exact(content.raw, content.value))["documents"]
                return {**request, "documents": documents}  # as they arrived
        return None

    def _refuse_by_fault(self, request: dict[str, Any], context: RequestContext, *, follows_unread: bool) -> None:
        """Raise InvalidRequest if the fault of the call refuses the valid *request*."""
        if not isinstance(context.selected.fault, RequestFault):
            return
        content = context.content
        received = ReceivedRequest(content.raw, content.value, request, self.document, follows_unread)
        refusal = self._apply(RequestFault, lambda fault: fault.refuse(received), context)
        if refusal:
            pointer, problem = refusal
            raise body.invalid([(self.document.mapping.place(pointer), problem)])

    def _rank(self, request: dict[str, Any], context: RequestContext) -> RankedRequest:
        documents = request["documents"]
        texts = rendering.ranked_texts(documents, request.get("rank_fields"))
        self._state.limits.check(request["model"], request["query"], texts)
        ranking = self._override(rank(request["query"], texts), texts, context)
        return RankedRequest(request, self.document.mapping.texts(documents), texts, ranking)

    def _override(self, ranking: list[Ranked], texts: list[str], context: RequestContext) -> list[Ranked]:
        override = context.namespace.take_override()
        if override is None:
            context.origin = "scored"
            return ranking
        context.origin = "designed"
        overridden, names_document = override.apply(ranking, texts)
        if names_document:
            context.namespace.count_override()
        return overridden

    def _render(self, ranked: RankedRequest, context: RequestContext) -> dict[str, Any]:
        request = ranked.request
        context.request_id = context.namespace.request_id(context.content.raw)
        results = ranked.results(top(ranked.ranking, request.get("top_n")))
        usage = rendering.usage(request["query"], ranked.texts)
        return rendering.answer(context.request_id, request["model"], results, usage)

    # Apply faults, finish and record

    def _apply(self, kind: type[ConditionalFault], change: Callable[[Any], Any], context: RequestContext) -> Any:
        """Apply the selected fault as `FaultSelector.apply` does, and wait for its delay."""
        context.selected, changed = self.selector.apply(context.namespace, context.selected, kind, change)
        if changed is not None:
            self._delay(context)
        return changed

    def _apply_body_fault(self, answer: Any, ranked: RankedRequest, context: RequestContext) -> Any:
        fault = context.selected.fault
        if not isinstance(fault, BodyFault):
            return answer
        if fault.window_s is not None:
            ranked = self._with_other(fault.window_s, ranked, context)
        changed = self._apply(BodyFault, partial(self._changed, answer=answer, ranked=ranked), context)
        return answer if changed is None else changed

    def _changed(self, fault: BodyFault, answer: Any, ranked: RankedRequest) -> Any:
        """Return *answer* changed by *fault*; None if the fault does not apply."""
        changed = fault.apply(answer, ranked) if len(answer["results"]) >= fault.least else answer
        if changed == answer:
            return None
        if self.document.success_body(changed) == self.document.success_body(answer):
            raise Misuse(f"`{fault.name}` cannot be applied: answers of this API have no place for it")
        return changed

    def _with_other(self, window_s: float, ranked: RankedRequest, context: RequestContext) -> RankedRequest:
        """Return *ranked* with the ranking of the call before, or of another call that comes within *window_s*."""
        namespace, stored = context.namespace, ranked.stored
        other = namespace.swap_ranking(stored)
        if window_s:
            self._wait(window_s, context)
            other = namespace.stored_ranking
        return replace(ranked, other=other)

    def _apply_error_fault(self, reply: Reply, context: RequestContext) -> Reply:
        if reply is _DISCONNECTED or context.origin == "misuse":
            return reply
        selected = context.selected
        if isinstance(selected.fault, RequestFault) and selected.fault.drops and selected.applied:
            return replace(reply, delivery="empty")

        def change(fault: ErrorFault) -> Reply | None:
            changed = fault.apply(reply, context.reason or "", self.document)
            return None if changed == reply else changed

        try:
            changed: Reply | None = self._apply(ErrorFault, change, context)
        except ClientDisconnected:
            context.origin = "client-gone"
            changed = _DISCONNECTED
        except Exception as error:  # noqa: BLE001  # as in `answer`
            changed = self._error_reply(error, context)
        return changed or reply

    def _error_reply(self, error: Exception, context: RequestContext) -> Reply:
        refused = api_error(error)
        if isinstance(refused, InternalError):
            context.selected = NO_FAULT
        context.origin, context.reason = refused.origin, str(refused)
        return rendering.error_reply(refused, self.document)

    def _finish(self, reply: Reply, context: RequestContext) -> Steps:
        while True:
            try:
                if isinstance(context.namespace, SharedNamespace):
                    yield from context.namespace.begin()  # the call may have ended before it needed the state
                return (yield from self._finished(reply, context))
            except (StateUnavailable, TooManyWaiting) as error:
                # Without its fault, the reply is not slow.
                context.selected = replace(context.selected, applied=False)
                reply = self._error_reply(error, context)

    def _finished(self, reply: Reply, context: RequestContext) -> Steps:
        selected = context.selected
        headers = {
            **reply.headers,
            **(self._accepts if reply.status == 200 else {}),
            **context.headers,
            "x-request-id": context.request_id or _error_id(reply, context),
            "x-mock-reply": selected.origin(context.origin) + self._dialect,
        }
        if selected.preferences and selected.applied:
            headers["Preference-Applied"] = selected.preferences
        sent = Reply(reply.status, reply.body, headers, reply.delivery)
        if reply is not _DISCONNECTED:
            sent = selected.apply_wire_fault(sent)
        if sent.is_slow:
            self._limiter.acquire()
        try:
            yield from self.recorder.record(
                context.call,
                sent,
                context.reason,
                context.namespace,
                context.content.raw,
                fault=selected.applied_name,
                # A wire fault can replace the body.
                results=context.results if sent.body is reply.body else None,
                key_header=self._lower_key_header,
            )
        except StateUnavailable:
            if sent.is_slow:
                self._limiter.release()
            if isinstance(context.namespace, SharedNamespace):
                context.namespace.is_lost = True
            raise
        return sent


def api_error(error: Exception) -> ApiError:
    """Return the error that the client gets for the exception *error*."""
    if isinstance(error, ApiError):
        return error
    _logger.error("a bug in the mock", exc_info=error)
    return InternalError(f"The mock itself failed: {type(error).__name__}; the traceback is in its log")


def _error_id(reply: Reply, context: RequestContext) -> str:
    # Counted apart from successes: earlier errors for a request do not change the id of its answer.
    return context.namespace.request_id(b"%d %s %s" % (reply.status, reply.body, context.content.raw))
