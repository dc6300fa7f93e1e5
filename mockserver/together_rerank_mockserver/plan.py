"""What the next call meets: the fault that is asked for, by whichever of the four doors comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from together_rerank_mockserver import orders, preference
from together_rerank_mockserver.body import Content
from together_rerank_mockserver.chaos import Chaos, chance
from together_rerank_mockserver.errors import InvalidRequest, Misuse
from together_rerank_mockserver.faults import OK, BodyFault, Case, Catalogue, Fault, StatusFault, WireFault, status
from together_rerank_mockserver.orders import BadOrder, Order
from together_rerank_mockserver.reply import Reply
from together_rerank_mockserver.state import State

MODEL_PREFIX = "mock/"
_WRITTEN = (MODEL_PREFIX, MODEL_PREFIX.title(), MODEL_PREFIX.upper())


@dataclass(frozen=True, slots=True)
class Met:
    """What one call meets.

    Attributes:
        door: by which the order came: `header`, `model`, `queue`, `server` or `chaos`.
        number: of a queued order that is taken only once it bends a 200; None when nothing is left to take.
        preferences: what of the Prefer header is heeded.
        draw: what chance drew, if it was asked.
        applied: whether the fault shows; a body fault does not before it has bent a 200.
    """

    order: Order | None = None
    door: str = ""
    number: int | None = None
    preferences: str = ""
    draw: float | None = None
    applied: bool = True

    @property
    def fault(self) -> Fault | None:
        """The fault that is ordered."""
        return self.order.fault if self.order else None

    def reply(self) -> Reply | None:
        """Return the reply of a status fault; None when the call goes on."""
        if self.order is None or not isinstance(self.order.fault, StatusFault):
            return None
        reply = self.order.fault.reply
        return replace(reply, headers=status.headers(reply, dict(self.order.parameters)))

    def spoiled(self, reply: Reply) -> Reply:
        """Return *reply* as a wire fault lets it out."""
        if self.order is None or not self.applied or not isinstance(self.order.fault, WireFault):
            return reply
        spoiled = self.order.fault.spoil(reply)
        return replace(spoiled, pause_ms=self.order.get("pause", spoiled.pause_ms))

    def origin(self, otherwise: str) -> str:
        """Return what `x-mock-reply` says of the answer, which is *otherwise* if no fault shows in it."""
        draw = "" if self.draw is None else f"; draw={self.draw:.6f}"
        if self.fault is None:
            return otherwise + draw
        by = f"; fault={self.fault.name}{draw or f'; by={self.door}'}"
        if not self.applied:
            return f"{otherwise}{by}; not-applied"
        if self.fault is OK:
            return otherwise + by
        return ("chaos" if self.door == "chaos" else "forced") + by


def is_of_the_mock(model: str) -> bool:
    """Return whether *model* asks for a fault; a slip of the shift key is none."""
    return model.startswith(_WRITTEN)


NOTHING = Met()


class Plan:
    """The four doors, in their order: the Prefer header, the model's name, the queue, the server's own settings.

    Raises:
        BadOrder: *fault* or *chaos* cannot be read.
    """

    def __init__(
        self, catalogue: Catalogue, state: State, *, fault: str | None, chaos: Sequence[str], seed: int
    ) -> None:
        self._catalogue = catalogue
        self._state = state
        self._fault = None if fault is None else orders.from_text(fault, catalogue)
        self._chaos = Chaos(chaos, catalogue)
        self._seed = seed

    def take_next(self, namespace: str, prefer: str | None, content: Content) -> Met:
        """Return what a call of *namespace* meets, and take it from the queue unless it waits for a 200.

        Raises:
            Misuse: the header or the model asks for what there is not.
        """
        met = (
            self._by_header(prefer)
            or self._by_model(content)
            or self._by_queue(namespace)
            or self._by_server(namespace)
            or NOTHING
        )
        return replace(met, applied=False) if isinstance(met.fault, BodyFault) else met

    def delay_s(self, namespace: str, order: Order | None) -> float:
        """Return how long *order* has the answer kept back."""
        if order is None:
            return 0
        milliseconds: float = order.get("delay")
        if jitter := order.get("jitter"):
            milliseconds += jitter * self._chance(namespace)
        return milliseconds / 1000

    def bend(self, namespace: str, generation: int, met: Met, answer: Any, case: Case) -> tuple[Met, Any]:
        """Return *answer* as the body fault of *met* bends it, and takes it from the queue; the same if it does not.

        Before it comes what the call has met in the end: nothing, when another call has taken it.
        """
        while isinstance(met.fault, BodyFault):
            bent = met.fault.bend(answer, case) if len(answer["results"]) >= met.fault.least else answer
            if bent == answer:
                return met, answer
            if met.number is None or self._state.take(namespace, met.number):
                return replace(met, applied=True), bent
            # What is queued after a reset is not for a call that came before it.
            head = self._state.head(namespace) if self._state.generation(namespace) == generation else None
            is_body = head is not None and isinstance(head[1].fault, BodyFault)
            met = Met(head[1], "queue", head[0], applied=False) if head and is_body else NOTHING
        return met, answer

    def _chance(self, namespace: str) -> float:
        return chance(self._seed, namespace, self._state.next_draw(namespace))

    def _by_header(self, prefer: str | None) -> Met | None:
        if not prefer:
            return None
        try:
            order, preferences = preference.parse(prefer, self._catalogue)
        except BadOrder as bad:
            raise Misuse(f"Prefer: {bad}") from bad
        return Met(order, "header", preferences=preferences) if order else None

    def _by_model(self, content: Content) -> Met | None:
        try:
            data = content.value
        except InvalidRequest:
            return None  # it is refused in its turn
        model = data.get("model") if isinstance(data, dict) else None
        if not isinstance(model, str) or not is_of_the_mock(model):
            return None
        try:
            return Met(orders.from_text(model[len(MODEL_PREFIX) :], self._catalogue), "model")
        except BadOrder as bad:
            raise Misuse(f"`/model` {bad}", param="/model") from bad

    def _by_queue(self, namespace: str) -> Met | None:
        while head := self._state.head(namespace):
            number, order = head
            if isinstance(order.fault, BodyFault):
                return Met(order, "queue", number)
            if self._state.take(namespace, number):
                return Met(order, "queue")
        return None

    def _by_server(self, namespace: str) -> Met | None:
        if self._fault:
            return Met(self._fault, "server")
        if not self._chaos:
            return None
        draw = self._chance(namespace)
        return Met(self._chaos.order_for(draw), "chaos", draw=draw)
