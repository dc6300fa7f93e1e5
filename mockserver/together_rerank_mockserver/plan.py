"""What the next call meets: the fault that is asked for, by whichever of the four doors comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from together_rerank_mockserver import orders, preference
from together_rerank_mockserver.chaos import Chaos, chance
from together_rerank_mockserver.errors import InvalidRequest
from together_rerank_mockserver.faults import OK, BodyFault, Case, Catalogue, StatusFault, WireFault, status
from together_rerank_mockserver.orders import BadOrder, Order
from together_rerank_mockserver.reply import Reply
from together_rerank_mockserver.state import State

MODEL_PREFIX = "mock/"


@dataclass(frozen=True, slots=True)
class Met:
    """What one call meets.

    Attributes:
        door: by which the order came: `header`, `model`, `queue`, `server` or `chaos`.
        number: of a queued order that is taken only once it bends a 200; None when nothing is left to take.
        preferences: what of the Prefer header is heeded.
        draw: what chance drew, if it was asked.
    """

    order: Order | None = None
    door: str = ""
    number: int | None = None
    preferences: str = ""
    draw: float | None = None

    @property
    def wire(self) -> WireFault | None:
        """The fault that spoils how the reply goes out."""
        return self.order.fault if self.order and isinstance(self.order.fault, WireFault) else None

    @property
    def body(self) -> BodyFault | None:
        """The fault that a 200 would meet."""
        return self.order.fault if self.order and isinstance(self.order.fault, BodyFault) else None

    def reply(self) -> Reply | None:
        """Return the reply of a status fault; None when the call goes on."""
        if self.order is None or not isinstance(self.order.fault, StatusFault):
            return None
        reply = self.order.fault.reply
        return replace(reply, headers=status.headers(reply, dict(self.order.parameters)))

    def spoiled(self, reply: Reply) -> Reply:
        """Return *reply* as a wire fault lets it out."""
        if self.order is None or self.wire is None:
            return reply
        spoiled = self.wire.spoil(reply)
        return replace(spoiled, pause_ms=self.order.get("pause", spoiled.pause_ms))

    def origin(self, otherwise: str, *, bent: bool) -> str:
        """Return what `x-mock-reply` says of the answer, which is *otherwise* if no fault shows in it."""
        draw = [] if self.draw is None else [f"draw={self.draw:.6f}"]
        if self.order is None:
            return "; ".join([otherwise, *draw])
        by = [f"fault={self.order.fault.name}", *(draw if self.door == "chaos" else [f"by={self.door}"])]
        if self.order.fault is OK or (self.body and not bent):
            return "; ".join([otherwise, *by, *([] if self.order.fault is OK else ["not-applied"])])
        return "; ".join(["chaos" if self.door == "chaos" else "forced", *by])


class Plan:
    """The four doors, in their order: the Prefer header, the model's name, the queue, the server's own settings.

    Raises:
        BadOrder: *fault* or *chaos* cannot be read.
    """

    def __init__(
        self, catalogue: Catalogue, state: State, *, fault: str | None, chaos: Sequence[str], seed: int, latency_ms: int
    ) -> None:
        self._catalogue = catalogue
        self._state = state
        self._fault = None if fault is None else orders.from_text(fault, catalogue)
        self._chaos = Chaos(chaos, catalogue)
        self._seed = seed
        self._latency_ms = latency_ms

    def take_next(self, namespace: str, prefer: str | None, raw: bytes) -> Met:
        """Return what a call of *namespace* meets, and take it from the queue unless it waits for a 200.

        Raises:
            InvalidRequest: the header or the model asks for what there is not.
        """
        return (
            self._by_header(prefer)
            or self._by_model(raw)
            or self._by_queue(namespace)
            or self._by_server(namespace)
            or Met()
        )

    def delay_s(self, namespace: str, met: Met) -> float:
        """Return how long the answer is kept back."""
        milliseconds: float = self._latency_ms
        if met.order:
            milliseconds += met.order.get("delay")
            if jitter := met.order.get("jitter"):
                milliseconds += jitter * chance(self._seed, self._state.next_draw(namespace))
        return milliseconds / 1000

    def bend(self, namespace: str, met: Met, answer: Any, case: Case) -> Any:
        """Return *answer* as the body fault of *met* bends it, taken from the queue; the same if it does not."""
        while met.order and met.body:
            bent = met.body.bend(answer, case) if len(answer["results"]) >= met.body.least else answer
            if bent == answer:
                return answer
            if met.number is None or self._state.take(namespace, met.number):
                return bent
            # Another call took it; this one meets the same fault if it is still the next.
            head = self._state.head(namespace)
            met = Met(met.order, "queue", head[0]) if head and head[1].fault is met.order.fault else Met()
        return answer

    def _by_header(self, prefer: str | None) -> Met | None:
        if not prefer:
            return None
        try:
            order, preferences = preference.parse(prefer, self._catalogue)
        except BadOrder as bad:
            raise InvalidRequest(f"Prefer: {bad}") from bad
        return Met(order, "header", preferences=preferences) if order else None

    def _by_model(self, raw: bytes) -> Met | None:
        if MODEL_PREFIX.encode() not in raw and b"\\" not in raw:
            return None
        try:
            data = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return None
        model = data.get("model") if isinstance(data, dict) else None
        if not isinstance(model, str) or not model.startswith(MODEL_PREFIX):
            return None
        try:
            return Met(orders.from_text(model.removeprefix(MODEL_PREFIX), self._catalogue), "model")
        except BadOrder as bad:
            raise InvalidRequest(f"`/model` {bad}", param="/model") from bad

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
        draw = chance(self._seed, self._state.next_draw(namespace))
        return Met(self._chaos[draw], "chaos", draw=draw)
