"""Faults by chance, reproducible by a seed."""

from collections.abc import Sequence
from itertools import accumulate

from together_rerank_mockserver.faults.catalogue import Catalogue
from together_rerank_mockserver.faults.grammar import FaultSpec, InvalidFaultSpec, from_text


class Chaos:
    """Chooses a fault by *probabilities* such as `429=0.2`.

    Raises InvalidFaultSpec if one is invalid, or if their sum is above 1.
    """

    def __init__(self, probabilities: Sequence[str], catalogue: Catalogue) -> None:
        parsed = [_parsed(each, catalogue) for each in probabilities]
        self.specs = [spec for spec, _ in parsed]
        self._limits = list(accumulate(probability for _, probability in parsed))
        if self._limits and self._limits[-1] > 1 + 1e-9:
            raise InvalidFaultSpec(f"the probabilities add up to {self._limits[-1]:g}, more than 1")

    @property
    def is_certain(self) -> bool:
        """Whether every call gets a fault by chance."""
        return bool(self._limits) and self._limits[-1] > 1 - 1e-9

    def spec_for(self, draw: float) -> FaultSpec | None:
        return next((spec for spec, limit in zip(self.specs, self._limits, strict=True) if draw < limit), None)


def _parsed(text: str, catalogue: Catalogue) -> tuple[FaultSpec, float]:
    fault, _, number = text.rpartition("=")
    try:
        probability = float(number)
    except ValueError:
        probability = -1.0
    if not fault or not 0 <= probability <= 1:
        raise InvalidFaultSpec(f"'{text}' is not a fault with a probability from 0 to 1, such as 429=0.2")
    return from_text(fault, catalogue), probability
