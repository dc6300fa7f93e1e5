"""Servers that keep the contract in a way of their own are not accused."""

import random

import pytest

from judging import failed_and_counts, judged, unclear
from legitimate import LEGITIMATE, Honest
from miniature import KEY, MODEL


class TooNoisy(Honest):
    """By a twentieth of the span, each time."""

    def scores(self, query, texts, request):
        return [score + random.uniform(-0.05, 0.05) for score in super().scores(query, texts, request)]


def test_noise_beyond_measure_is_inconclusive_and_no_failure():
    with TooNoisy() as server:
        outcomes = judged(server.url, MODEL, KEY)

    assert failed_and_counts(outcomes) == set()
    assert {"RR-RESULT-005", "RR-DOCUMENT-003", "RR-RELATION-002"} <= set(unclear(outcomes))


@pytest.mark.parametrize("kind", LEGITIMATE, ids=lambda kind: kind.__name__)
def test_a_legitimate_server_is_not_accused(kind):
    for _ in range(3):  # what is noise differs
        with kind() as server:
            outcomes = judged(server.url, MODEL, KEY)

        assert failed_and_counts(outcomes) == set(), [str(each.unmet) for each in outcomes if each.unmet]
        assert hasattr(kind, "noisy") or unclear(outcomes) == {}
