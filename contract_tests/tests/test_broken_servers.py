"""Every broken server is caught, by the requirement that it breaks and by no other."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from broken_answers import ANSWERS
from broken_rankings import RANKINGS
from broken_refusals import REFUSALS
from judging import failed, fuzzed, judged, transport_to, unclear
from legitimate import Honest
from miniature import KEY, MODEL
from together_rerank_contract_tests import fuzzing

BROKEN = (*REFUSALS, *ANSWERS, *RANKINGS)
FUZZED = [kind for kind in BROKEN if hasattr(kind, "breaks_fuzz")]


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_a_broken_server_fails_what_it_breaks(kind):
    with kind() as server:
        outcomes = judged(server.url, MODEL, KEY)

    assert failed(outcomes) == kind.breaks
    assert hasattr(kind, "noisy") or unclear(outcomes) == {}


@pytest.fixture(scope="module")
def found_by_schemathesis():
    """What Schemathesis finds wrong with each server, two at a time: most of it is one core's work."""
    few = pytest.MonkeyPatch()
    few.setattr(fuzzing, "MOST_EXAMPLES", 60)

    def outcomes(kind):
        with kind() as server:
            return fuzzed(server.url, MODEL, KEY)

    with ThreadPoolExecutor(2) as threads:
        kinds = [Honest, *FUZZED]
        found = dict(zip(kinds, threads.map(outcomes, kinds), strict=True))
    few.undo()
    return found


@pytest.mark.parametrize("kind", FUZZED, ids=lambda kind: kind.__name__)
def test_schemathesis_finds_what_a_broken_server_breaks(kind, found_by_schemathesis):
    assert failed(found_by_schemathesis[kind]) == kind.breaks_fuzz
    assert unclear(found_by_schemathesis[kind]) == {}


def test_schemathesis_finds_nothing_wrong_with_an_honest_server(found_by_schemathesis):
    assert failed(found_by_schemathesis[Honest]) == set()
    assert unclear(found_by_schemathesis[Honest]) == {}


def test_every_server_breaks_something():
    assert [kind.__name__ for kind in BROKEN if not kind.breaks | getattr(kind, "breaks_fuzz", set())] == []


def test_the_transport_of_a_judgement_counts_what_the_server_sees():
    class Counting(Honest):
        seen = 0

        def reply(self, *call):
            Counting.seen += 1
            return super().reply(*call)

    with Counting() as server:
        transport = transport_to(server.url, KEY)
        judged(server.url, MODEL, KEY, transport=transport)

    assert transport.budget.requests == Counting.seen > 50
