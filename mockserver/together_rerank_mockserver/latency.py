"""How long an answer without a fault takes."""

import math
import re
from collections.abc import Callable

from together_rerank_mockserver.api.errors import ClientDisconnected, TooManyWaiting
from together_rerank_mockserver.state.shared_namespace import AnyNamespace

# Returns the factor for a random number from 0 to below 1.
Distribution = Callable[[float], float]
_MAX_SIGMA = 3.0
# The maximum wait, with the wait for a slot.
_MAX_S = 3600.0


class Latency:
    """A time of *base_ms*, and of *per_document_ms* for each document, which varies by *distribution*.

    At most *capacity* calls of a namespace take their time at the same time; None sets no limit.
    """

    def __init__(
        self, base_ms: float, per_document_ms: float, distribution: str | None, capacity: int | None, seed: int
    ) -> None:
        self._base_ms = base_ms
        self._per_document_ms = per_document_ms
        self._distribution = parse_distribution(distribution) if distribution else None
        self._capacity = capacity
        self._seed = seed

    def wait(self, documents: int, namespace: AnyNamespace, wait: Callable[[float], None]) -> None:
        """Take the time for a request of *documents* with *wait*, which may raise TooManyWaiting."""
        seconds = self.seconds(documents, namespace)
        if self._capacity is None:
            wait(seconds)
            return
        slot, delay = namespace.reserve_slot(seconds, self._capacity)
        try:
            wait(min(delay, _MAX_S))
        except (ClientDisconnected, TooManyWaiting):
            namespace.release_slot(slot, seconds)
            raise

    def seconds(self, documents: int, namespace: AnyNamespace) -> float:
        """Return the time for a request of *documents*; a distribution draws the next random number of *namespace*."""
        seconds = (self._base_ms + self._per_document_ms * documents) / 1000
        if self._distribution and seconds:
            # Numbers of its own, so that chaos and jitter do not depend on it.
            seconds *= self._distribution(namespace.draw(self._seed, ":latency"))
        return min(seconds, _MAX_S)


def parse_distribution(text: str) -> Distribution:
    """Parse *text*: `uniform=0.5` for factors from 0.5 to 1.5, or `lognormal=0.4` for a median of 1 and that sigma.

    Raises ValueError if *text* is invalid.
    """
    name, _, number = text.partition("=")
    spread = float(number) if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?", number) else -1.0
    if name == "uniform" and 0 <= spread <= 1:
        return lambda draw: 1 + spread * (2 * draw - 1)
    if name == "lognormal" and 0 <= spread <= _MAX_SIGMA:
        from statistics import NormalDist  # slow to import

        normal = NormalDist()
        return lambda draw: math.exp(spread * normal.inv_cdf(max(draw, 1e-12)))
    accepted = f"uniform=N with N from 0 to 1, or lognormal=SIGMA with SIGMA from 0 to {_MAX_SIGMA:g}"
    raise ValueError(f"must be {accepted}, not {repr(text)[:200]}")
