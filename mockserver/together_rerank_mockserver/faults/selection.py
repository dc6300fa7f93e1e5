"""Select the fault of a call: from its Prefer header, its model, the queue or the server's settings."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from together_rerank_mockserver.api.body import Content
from together_rerank_mockserver.api.errors import InvalidRequest, Misuse
from together_rerank_mockserver.api.messages import Call, Reply
from together_rerank_mockserver.faults.catalogue import OK, Catalogue
from together_rerank_mockserver.faults.chaos import Chaos
from together_rerank_mockserver.faults.fault import ConditionalFault, Fault, RequestFault, WireFault
from together_rerank_mockserver.faults.grammar import FaultSpec, InvalidFaultSpec, from_text
from together_rerank_mockserver.faults.prefer import from_prefer
from together_rerank_mockserver.faults.status import StatusFault
from together_rerank_mockserver.state.namespace import QueuedFault
from together_rerank_mockserver.state.shared_namespace import AnyNamespace
from together_rerank_spec import Document

MODEL_PREFIX = "mock/"
_PREFIXES = (MODEL_PREFIX, MODEL_PREFIX.title(), MODEL_PREFIX.upper())


@dataclass(frozen=True, slots=True)
class SelectedFault:
    """The fault of one call, and where it was requested."""

    spec: FaultSpec | None = None
    source: str = ""  # `header`, `model`, `queue`, `server` or `chaos`
    queued: QueuedFault | None = None  # a conditional fault to remove from the queue when it is applied; else None
    preferences: str = ""  # the preferences of the Prefer header that apply
    draw: float | None = None  # the random number, if one was drawn
    applied: bool = True  # whether the answer shows the fault; a conditional fault shows only once it has changed it

    @property
    def fault(self) -> Fault | None:
        return self.spec.fault if self.spec else None

    @property
    def applied_name(self) -> str | None:
        """The name of the fault that was applied; None if there is none, also for `ok`."""
        return self.fault.name if self.fault and self.applied and self.fault is not OK else None

    def status_reply(self, fault: StatusFault) -> Reply:
        """Return the reply of *fault*, the selected one, with the requested Retry-After."""
        return fault.reply_with(dict(self.spec.parameters) if self.spec else {})

    def apply_wire_fault(self, reply: Reply) -> Reply:
        """Return *reply* changed by the selected wire fault, or *reply* itself if none is selected."""
        if self.spec is None or not self.applied or not isinstance(self.spec.fault, WireFault):
            return reply
        changed = self.spec.fault.apply(reply)
        return replace(changed, pause_ms=self.spec.get("pause", changed.pause_ms))

    def origin(self, without_fault: str) -> str:
        """Return the value of `x-mock-reply`; *without_fault* is its value if no fault was selected."""
        draw = "" if self.draw is None else f"; draw={self.draw:.6f}"
        if self.fault is None:
            return without_fault + draw
        by = f"; fault={self.fault.name}{'' if self.source == 'chaos' else f'; by={self.source}'}{draw}"
        if not self.applied:
            return f"{without_fault}{by}; not-applied"
        if self.fault is OK:
            return without_fault + by
        unlisted = "; undocumented" if isinstance(self.fault, StatusFault) and not self.fault.documented else ""
        return ("chaos" if self.source == "chaos" else "forced") + by + unlisted


NO_FAULT = SelectedFault()


def names_fault(model: str) -> bool:
    """Return whether *model* requests a fault, such as `mock/429`, `Mock/429` or `MOCK/429`."""
    return model.startswith(_PREFIXES)


class FaultSelector:
    """Selects the fault of each call to the operation of *document*, which has the faults in *catalogue*.

    *fault* and *chaos* are the server's settings, *seed* makes chance reproducible.
    The first of these that requests a fault wins: the Prefer header, the model, the queue, *chaos*, *fault*.
    """

    def __init__(
        self, document: Document, catalogue: Catalogue, fault: FaultSpec | None, chaos: Chaos, seed: int
    ) -> None:
        self._document = document
        self._catalogue = catalogue
        self._fault = fault
        self._chaos = chaos
        self._seed = seed
        self._without_chance = SelectedFault(fault, "server") if fault else NO_FAULT
        # Without such a fault, a call without a key draws no random number, so that later calls get the same ones.
        self._accepts_keys = any(map(_accepts_keys, (fault, *chaos.specs)))

    def select(self, namespace: AnyNamespace, call: Call, content: Content) -> SelectedFault:
        """Return the fault of *call* and remove it from the queue, except a conditional fault, which `apply` removes.

        Raises:
            Misuse: the Prefer header or the model requests a fault that does not exist.
        """
        selected = (
            self._by_header(call.headers.get("Prefer"))
            or self._by_model(call.path, content)
            or _by_queue(namespace)
            or self._by_server(namespace)
        )
        return replace(selected, applied=False) if isinstance(selected.fault, ConditionalFault) else selected

    def requested(self, call: Call, content: Content) -> SelectedFault:
        """Return the fault that *call* requests itself, or NO_FAULT; raise Misuse as `select` does."""
        return self._by_header(call.headers.get("Prefer")) or self._by_model(call.path, content) or NO_FAULT

    def may_accept_key(self, namespace: AnyNamespace, call: Call) -> bool:
        """Return whether a fault that the body of *call* does not name may accept its refused key.

        Raises Misuse as `select` does.
        """
        requested = self._by_header(call.headers.get("Prefer")), namespace.first()
        return self._accepts_keys or any(each and _accepts_keys(each.spec) for each in requested)

    def select_for_key(
        self, namespace: AnyNamespace, call: Call, content: Content, header: str | None
    ) -> SelectedFault:
        """Return the fault of *call* if it accepts the refused key in *header*, or else NO_FAULT.

        Raises Misuse as `select` does.
        """
        first = namespace.first()
        selected = (
            self._by_header(call.headers.get("Prefer"))
            or self._by_model(call.path, content)
            or (_from_queue(first) if first else None)
            or (self._by_server(namespace) if self._accepts_keys else NO_FAULT)
        )
        selected, is_accepted = self.apply(
            namespace, selected, RequestFault, lambda fault: fault.accepts_key(header) or None
        )
        return selected if is_accepted else NO_FAULT

    def in_this_api(self, selected: SelectedFault) -> SelectedFault:
        """Return *selected* with the reply of this API, because the queue and the settings are for all APIs."""
        if selected.spec is None or not isinstance(selected.fault, StatusFault):
            return selected
        return replace(selected, spec=replace(selected.spec, fault=self._catalogue[selected.spec.fault.name]))

    def delay_s(self, namespace: AnyNamespace, spec: FaultSpec | None) -> float:
        """Return the delay of *spec* in seconds, with its jitter."""
        if spec is None:
            return 0
        milliseconds: float = spec.get("delay")
        if jitter := spec.get("jitter"):
            milliseconds += jitter * namespace.draw(self._seed)
        return milliseconds / 1000

    def apply(
        self,
        namespace: AnyNamespace,
        selected: SelectedFault,
        kind: type[ConditionalFault],
        change: Callable[[Any], Any],
    ) -> tuple[SelectedFault, Any]:
        """Apply the selected fault if it is of *kind*: call *change* with it, which returns None if it does not apply.

        Return the fault that was applied in the end, and what *change* returned for it.
        """
        while isinstance(selected.fault, kind):
            try:
                changed = change(selected.fault)
            except Misuse:
                if selected.queued:
                    namespace.take(selected.queued)
                raise
            if changed is None:
                return selected, None
            if selected.queued is None or namespace.take(selected.queued):
                return replace(selected, applied=True), changed
            # Another call took the fault from the queue: try the next one, if it is of the same kind.
            first = namespace.first()
            selected = _from_queue(first) if first and first.spec.is_conditional else NO_FAULT
        return selected, None

    def _by_header(self, prefer: str | None) -> SelectedFault | None:
        if not prefer:
            return None
        try:
            spec, preferences = from_prefer(prefer, self._catalogue)
        except InvalidFaultSpec as error:
            raise Misuse(f"Prefer: {error}") from error
        return SelectedFault(spec, "header", preferences=preferences) if spec else None

    def _by_model(self, path: str, content: Content) -> SelectedFault | None:
        model = self._document.model_in(path)
        try:
            model = self._document.mapping.model(content.value) if model is None else model
        except InvalidRequest:
            return None  # validation reports it later
        if not isinstance(model, str) or not names_fault(model):
            return None
        try:
            return SelectedFault(from_text(model[len(MODEL_PREFIX) :], self._catalogue), "model")
        except InvalidFaultSpec as error:
            place = self._document.mapping.place("/model")
            raise Misuse(f"`{place}`: {error}", param=place) from error

    def _by_server(self, namespace: AnyNamespace) -> SelectedFault:
        if not self._chaos.specs:
            return self._without_chance
        draw = namespace.draw(self._seed)
        by_chance = self._chaos.spec_for(draw)
        if self._fault and not by_chance:
            return SelectedFault(self._fault, "server", draw=draw)
        return SelectedFault(by_chance, "chaos", draw=draw)


def _by_queue(namespace: AnyNamespace) -> SelectedFault | None:
    first = namespace.take_fault()
    return _from_queue(first) if first else None


def _from_queue(queued: QueuedFault) -> SelectedFault:
    return SelectedFault(
        queued.spec, "queue", queued if queued.spec.is_conditional else None, applied=not queued.spec.is_conditional
    )


def _accepts_keys(spec: FaultSpec | None) -> bool:
    """Return whether the fault of *spec* accepts a wrong key, or a call without one."""
    fault = spec and spec.fault
    return isinstance(fault, RequestFault) and (fault.accepts_key("key") or fault.accepts_key(None))
