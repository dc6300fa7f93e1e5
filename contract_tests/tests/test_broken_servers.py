"""Every broken server is caught, by the requirement that it breaks and by no other."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from broken_answers import ANSWERS
from broken_rankings import RANKINGS
from broken_refusals import (
    REFUSALS,
    AcceptsGet,
    ErrorsAsHtml,
    IgnoresUnknownFields,
    OptionsThatLie,
    TakesAnyKey,
)
from broken_sometimes import SOMETIMES
from judging import FUZZ, failed, fuzzed, judged, transport_to, unclear
from legitimate import ErrorsWithNulls, Honest, NoTextsByDefault, NullUsage, RateLimitedNowAndThen
from miniature import KEY, MODEL, Refused
from together_rerank_contract_tests import fuzzing

BROKEN = (*REFUSALS, *ANSWERS, *RANKINGS, *SOMETIMES)
FUZZED = [kind for kind in BROKEN if hasattr(kind, "breaks_fuzz")]


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_a_broken_server_fails_what_it_breaks(kind):
    with kind() as server:
        outcomes = judged(server.url, MODEL, KEY)

    assert failed(outcomes) == kind.breaks
    assert hasattr(kind, "noisy") or unclear(outcomes) == {}


LEGITIMATE = (Honest, ErrorsWithNulls, NoTextsByDefault, NullUsage, RateLimitedNowAndThen)


@pytest.fixture(scope="module")
def found_by_schemathesis():
    """What Schemathesis finds wrong with each server, two at a time: most of it is one core's work."""
    few = pytest.MonkeyPatch()
    few.setattr(fuzzing, "MOST_EXAMPLES", 60)

    def outcomes(kind):
        with kind() as server:
            return fuzzed(server.url, MODEL, KEY)

    with ThreadPoolExecutor(2) as threads:
        kinds = [*LEGITIMATE, *FUZZED]
        found = dict(zip(kinds, threads.map(outcomes, kinds), strict=True))
    few.undo()
    return found


@pytest.mark.parametrize("kind", FUZZED, ids=lambda kind: kind.__name__)
def test_schemathesis_finds_what_a_broken_server_breaks(kind, found_by_schemathesis):
    assert failed(found_by_schemathesis[kind]) == kind.breaks_fuzz
    assert unclear(found_by_schemathesis[kind]) == {}


@pytest.mark.parametrize("kind", LEGITIMATE, ids=lambda kind: kind.__name__)
def test_schemathesis_finds_nothing_wrong_with_a_legitimate_server(kind, found_by_schemathesis):
    assert failed(found_by_schemathesis[kind]) == set()
    assert unclear(found_by_schemathesis[kind]) == {}


class BreaksAll(ErrorsAsHtml, AcceptsGet, OptionsThatLie, IgnoresUnknownFields, TakesAnyKey):
    """All that Schemathesis looks for, but a form that only JSON can have."""

    def answer(self, request):
        if len(request["documents"]) == 1:
            raise Refused(500 if request["query"] else 400, "there is nothing to rank")
        return {**super().answer(request), "object": "list"}


def test_without_one_of_its_checks_exactly_its_id_leaves_the_list(monkeypatch):
    monkeypatch.setattr(fuzzing, "MOST_EXAMPLES", 30)

    def found(*without):
        checks = [check for check in fuzzing.CHECKS if check not in without]
        with BreaksAll() as server:
            monkeypatch.setattr(fuzzing, "CHECKS", checks)
            return failed(fuzzed(server.url, MODEL, KEY))

    every = fuzzing.CHECKS
    everything = {each.id for each in FUZZ}
    assert found() == everything
    for number, check in enumerate(every, start=1):
        monkeypatch.setattr(fuzzing, "CHECKS", every)
        assert found(check) == everything - {f"RR-FUZZ-00{number}"}


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
