"""What the next call meets: the fault that is asked for, by whichever of the four doors comes first."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from together_rerank_mockserver import orders
from together_rerank_mockserver.body import Content
from together_rerank_mockserver.call import Reply
from together_rerank_mockserver.errors import InvalidRequest, Misuse
from together_rerank_mockserver.faults import OK, BodyFault, Case, Catalogue, Fault, StatusFault, WireFault
from together_rerank_mockserver.orders import BadOrder, Order
from together_rerank_mockserver.state import Namespace, Queued

MODEL_PREFIX = "mock/"
_WRITTEN = (MODEL_PREFIX, MODEL_PREFIX.title(), MODEL_PREFIX.upper())


@dataclass(frozen=True, slots=True)
class Met:
    """The fault that one call gets, and where it was requested."""

    order: Order | None = None
    door: str = ""  # where the fault was requested: `header`, `model`, `queue`, `server` or `chaos`
    queued: Queued | None = None  # to remove from the queue once it changes a 200; else None
    preferences: str = ""  # the preferences of the Prefer header that apply
    draw: float | None = None  # the random number, if one was drawn
    applied: bool = True  # whether the answer shows the fault; a body fault shows only after it changes a 200

    @property
    def fault(self) -> Fault | None:
        return self.order.fault if self.order else None

    def reply(self) -> Reply | None:
        if self.order is None or not isinstance(self.order.fault, StatusFault):
            return None
        return self.order.fault.reply_with(dict(self.order.parameters))

    def spoiled(self, reply: Reply) -> Reply:
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


class Chaos:
    """Chooses an order by *probabilities* such as `429=0.2`; BadOrder if one is invalid or their sum is above 1."""

    def __init__(self, probabilities: Sequence[str], catalogue: Catalogue) -> None:
        parsed = [_parsed(each, catalogue) for each in probabilities]
        self.orders = [order for order, _ in parsed]
        self._limits = list(accumulate(probability for _, probability in parsed))
        if self._limits and self._limits[-1] > 1 + 1e-9:
            raise BadOrder(f"the probabilities add up to {self._limits[-1]:g}, more than 1")

    def order_for(self, draw: float) -> Order | None:
        return next((order for order, limit in zip(self.orders, self._limits, strict=True) if draw < limit), None)


class Plan:
    """Selects the fault of a call: by the Prefer header, the model's name, the queue or the server's settings."""

    def __init__(self, catalogue: Catalogue, fault: Order | None, chaos: Chaos, seed: int) -> None:
        self._catalogue = catalogue
        self._fault = fault
        self._chaos = chaos
        self._seed = seed
        self.configured = [*([fault] if fault else []), *chaos.orders]

    def take_next(self, namespace: Namespace, prefer: str | None, content: Content) -> Met:
        """Return the fault of a call, removed from the queue unless it waits for a 200; raise Misuse if invalid."""
        met = self._by_header(prefer) or self._by_model(content) or _by_queue(namespace) or self._by_server(namespace)
        return replace(met, applied=False) if isinstance(met.fault, BodyFault) else met

    def delay_s(self, namespace: Namespace, order: Order | None) -> float:
        if order is None:
            return 0
        milliseconds: float = order.get("delay")
        if jitter := order.get("jitter"):
            milliseconds += jitter * self._chance(namespace)
        return milliseconds / 1000

    def bend(self, namespace: Namespace, met: Met, answer: Any, case: Case) -> tuple[Met, Any]:
        """Apply a body fault to *answer*; return the final fault and answer. An applied fault leaves the queue."""
        while isinstance(met.fault, BodyFault):
            bent = met.fault.bend(answer, case) if len(answer["results"]) >= met.fault.least else answer
            if bent == answer:
                return met, answer
            if met.queued is None or namespace.take(met.queued):
                return replace(met, applied=True), bent
            first = namespace.first()
            waits = first is not None and first.order.waits_for_a_200
            met = Met(first.order, "queue", first, applied=False) if first and waits else NOTHING
        return met, answer

    def _chance(self, namespace: Namespace) -> float:
        return chance(self._seed, namespace.name, namespace.next_draw())

    def _by_header(self, prefer: str | None) -> Met | None:
        if not prefer:
            return None
        try:
            order, preferences = orders.from_prefer(prefer, self._catalogue)
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

    def _by_server(self, namespace: Namespace) -> Met:
        if self._fault:
            return Met(self._fault, "server")
        if not self._chaos.orders:
            return NOTHING
        draw = self._chance(namespace)
        return Met(self._chaos.order_for(draw), "chaos", draw=draw)


def _by_queue(namespace: Namespace) -> Met | None:
    first = namespace.take_fault()
    if first is None:
        return None
    return Met(first.order, "queue", first if first.order.waits_for_a_200 else None)


def chance(seed: int, namespace: str, number: int) -> float:
    """Return random draw *number* of *namespace*: from 0 to below 1, always the same for the same *seed*."""
    digest = hashlib.blake2b(f"{seed}:{namespace}:{number}".encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48


def _parsed(text: str, catalogue: Catalogue) -> tuple[Order, float]:
    order, _, number = text.rpartition("=")
    try:
        probability = float(number)
    except ValueError:
        probability = -1.0
    if not order or not 0 <= probability <= 1:
        raise BadOrder(f"'{text}' is not a fault and its probability from 0 to 1, such as 429=0.2")
    return orders.from_text(order, catalogue), probability
