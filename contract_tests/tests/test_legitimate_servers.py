"""Servers that keep the contract in a way of their own are not accused."""

import pytest

from judging import failed_and_counts, judged, unclear
from legitimate import LEGITIMATE
from miniature import KEY, MODEL


@pytest.mark.parametrize("kind", LEGITIMATE, ids=lambda kind: kind.__name__)
def test_a_legitimate_server_is_not_accused(kind):
    for _ in range(3):  # what is noise differs
        with kind() as server:
            outcomes = judged(server.url, MODEL, KEY)

        assert failed_and_counts(outcomes) == set(), [str(each.unmet) for each in outcomes if each.unmet]
        assert hasattr(kind, "noisy") or unclear(outcomes) == {}
