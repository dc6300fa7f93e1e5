"""What a requirement's test can find, beside nothing wrong: it is unmet, or cannot be judged."""

from __future__ import annotations

from together_rerank_contract_tests.exchange import Exchange, excerpt

# Of what an endpoint said.
_LONGEST = 1_200


class Unmet(AssertionError):
    """The endpoint does not do what is required.

    Attributes:
        expected: what would have been accepted.
        received: what came.
        exchange: the smallest that shows it.
        times: how often it was seen.
    """

    def __init__(self, expected: str, received: str, exchange: Exchange, *, times: int = 1) -> None:
        super().__init__(f"expected {excerpt(expected, _LONGEST)}; received {excerpt(received, _LONGEST)}")
        self.expected = excerpt(expected, _LONGEST)
        self.received = excerpt(received, _LONGEST)
        self.exchange = exchange
        self.times = times


class Inconclusive(Exception):
    """Nothing can be said: no answer came, or the endpoint's noise drowns it."""


class Dropped(Inconclusive):
    """The connection ended before an answer was whole."""


class Throttled(Inconclusive):
    """Nothing came but 429, however long it was waited."""


class Unsendable(Inconclusive):
    """The request is no HTTP, and was not sent."""


class Blocked(Exception):
    """It cannot be judged while another requirement is unmet.

    Attributes:
        by: the ids of those that may be the one.
    """

    def __init__(self, reason: str, *by: str) -> None:
        super().__init__(f"{reason} ({', '.join(by)})")
        self.by = by


class NotApplicable(Exception):
    """There is nothing to judge: the endpoint has no such thing, or was not meant to be asked for it."""


class BudgetSpent(Exception):
    """No more may be sent."""
