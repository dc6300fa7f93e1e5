"""Chaos: faults by chance, from a seed, so that the same sequence of calls meets the same faults."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import accumulate

from together_rerank_mockserver.faults import Catalogue
from together_rerank_mockserver.orders import BadOrder, Order, from_text


def chance(seed: int, namespace: str, number: int) -> float:
    """Return the draw with *number* in *namespace*: at least 0, below 1, the same everywhere for the same *seed*."""
    digest = hashlib.blake2b(f"{seed}:{namespace}:{number}".encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48


class Chaos:
    """Which order a draw leads to.

    Args:
        probabilities: such as `429=0.2`, a fault and how often it is met.

    Raises:
        BadOrder: one cannot be read, or together they are above 1.
    """

    def __init__(self, probabilities: Sequence[str], catalogue: Catalogue) -> None:
        parsed = [_parse(each, catalogue) for each in probabilities]
        self._orders = [order for order, _ in parsed]
        self._limits = list(accumulate(probability for _, probability in parsed))
        if self._limits and self._limits[-1] > 1 + 1e-9:
            raise BadOrder(f"the probabilities add up to {self._limits[-1]:g}, more than 1")

    def __bool__(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self._orders)

    def order_for(self, draw: float) -> Order | None:
        """Return what a call meets that has drawn *draw*."""
        return next((order for order, limit in zip(self._orders, self._limits, strict=True) if draw < limit), None)

    @property
    def orders(self) -> list[Order]:
        """All that can be met."""
        return self._orders


def _parse(text: str, catalogue: Catalogue) -> tuple[Order, float]:
    order, _, number = text.rpartition("=")
    try:
        probability = float(number)
    except ValueError:
        probability = -1.0
    if not order or not 0 <= probability <= 1:
        raise BadOrder(f"'{text}' is not a fault and its probability from 0 to 1, such as 429=0.2")
    return from_text(order, catalogue), probability
