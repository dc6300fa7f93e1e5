"""Each fault of the mock fails exactly the requirements that it breaks, and each requirement can fail."""

from collections import defaultdict

import pytest

from broken import BROKEN
from faults_and_rules import BREAKS, BREAKS_FUZZ
from judging import FUZZ, PLAIN, failed, fuzzed, judged, outcomes_of, unclear
from miniature import KEY, MODEL
from mock_process import running
from together_rerank_contract_tests.fuzz import fuzzing
from together_rerank_contract_tests.suite.requirements import Level
from together_rerank_mockserver.faults.catalogue import Catalogue
from together_rerank_mockserver.faults.fault import ConditionalFault
from together_rerank_spec import load

FAULTS = {fault.name: fault for fault in Catalogue(load())}
# The only fault that takes time of each call, because it waits for a concurrent one.
SLOW = "calls-mixed-up"


@pytest.fixture(scope="module")
def mocks():
    """Return a mock on each server."""
    options = ("-q", "--api-key", KEY, "--model", MODEL)
    with running(*options) as granian, running(*options, "--server", "threaded") as threaded:
        yield {None: granian, "threaded": threaded}


def test_every_fault_of_answers_errors_and_requests_is_in_the_table():
    assert {name for name, fault in FAULTS.items() if isinstance(fault, ConditionalFault)} - set(BREAKS) == set()


@pytest.mark.served
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name == SLOW else []) for name in BREAKS]
)
def test_a_fault_fails_exactly_the_requirements_that_it_breaks(name, mocks):
    # Without retries, because a dropped connection is dropped each time.
    assert failed(judged(mocks[FAULTS[name].server].url, f"mock/{name}", retries=0)) == BREAKS[name]


@pytest.mark.exhaustive
@pytest.mark.fuzz
@pytest.mark.served
@pytest.mark.parametrize("name", BREAKS_FUZZ)
def test_a_fault_fails_exactly_one_requirement_of_schemathesis(name, monkeypatch):
    monkeypatch.setattr(fuzzing, "MAX_EXAMPLES", 25)
    server = FAULTS[name].server or "granian"
    with running("-q", "--api-key", KEY, "--model", MODEL, "--fault", name, "--server", server) as mock:
        outcomes = outcomes_of(fuzzed(mock.url))

    assert failed(outcomes) == BREAKS_FUZZ[name]
    assert unclear(outcomes) == {}


@pytest.mark.parametrize(("requirements", "table"), [(PLAIN, BREAKS), (FUZZ, BREAKS_FUZZ)], ids=["plain", "fuzz"])
def test_each_must_requirement_has_a_fault_that_breaks_no_other(requirements, table):
    musts = {each.id for each in requirements if each.level is Level.MUST}
    alone = [ids & musts for ids in table.values()]

    assert [each for each in sorted(musts) if {each} not in alone] == []


def test_each_requirement_has_a_server_that_fails_it_and_no_two_always_fail_together():
    expected = BREAKS | {kind.__name__: kind.breaks | kind.breaks_fuzz for kind in BROKEN}
    lists = {each: frozenset(name for name, ids in expected.items() if each.id in ids) for each in (*PLAIN, *FUZZ)}

    assert [each.id for each, servers in lists.items() if not servers] == []
    together = defaultdict(list)
    for requirement, servers in lists.items():
        if requirement.level is not Level.INFO:
            together[servers].append(requirement.id)
    assert [ids for ids in together.values() if len(ids) > 1] == []
