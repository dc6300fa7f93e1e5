"""Every broken server fails exactly the requirements that it breaks; a legitimate server fails none."""

import random

import pytest

from broken import BROKEN
from judging import (
    endpoint_at,
    failed,
    failed_and_counts,
    judged,
    unclear,
)
from legitimate import (
    LEGITIMATE,
    Correct,
    RecordsRequests,
)


@pytest.mark.slow  # all parameters together
@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_a_broken_server_fails_exactly_the_requirements_it_breaks(kind):
    with kind() as server:
        outcomes = judged(server.url)

    found = failed(outcomes)
    assert kind.breaks <= found <= kind.breaks | kind.may_break, [
        str(each.failure) for each in outcomes if each.failure
    ]
    assert kind.noisy or unclear(outcomes) == {}


def test_every_broken_server_names_a_requirement():
    assert [kind.__name__ for kind in BROKEN if not kind.breaks | kind.breaks_fuzz] == []


@pytest.mark.slow  # all parameters together
@pytest.mark.parametrize("kind", LEGITIMATE, ids=lambda kind: kind.__name__)
def test_a_legitimate_server_fails_no_requirement(kind):
    for _ in range(kind.times):
        with kind() as server:
            outcomes = judged(server.url)

        assert failed_and_counts(outcomes) == set(), [str(each.failure) for each in outcomes if each.failure]
        assert kind.noisy or unclear(outcomes) == {}


class TooNoisy(Correct):
    """Changes each score by up to a twentieth of the span."""

    def scores(self, query, texts, request):
        return [score + random.uniform(-0.05, 0.05) for score in super().scores(query, texts, request)]


def test_too_much_noise_is_inconclusive_and_not_a_failure():
    with TooNoisy() as server:
        outcomes = judged(server.url)

    assert failed_and_counts(outcomes) == set()
    assert {"RR-RESULT-005", "RR-DOCUMENT-003", "RR-RELATION-002"} <= set(unclear(outcomes))


def test_the_budget_counts_every_request_that_the_server_receives():
    with RecordsRequests() as server:
        transport = endpoint_at(server.url).transport
        judged(server.url, transport=transport)

    assert transport.budget.requests == len(server.seen) > 50
