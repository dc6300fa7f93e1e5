"""Each fault of the mock fails exactly the requirements that it breaks, and each requirement can fail."""

from collections import defaultdict

import pytest

from broken import BROKEN
from faults_and_rules import BREAKS
from judging import FUZZ, PLAIN, failed, judged
from miniature import KEY, MODEL
from mock_process import running
from together_rerank_contract_tests.suite.requirements import Level
from together_rerank_mockserver.faults.catalogue import Catalogue
from together_rerank_mockserver.faults.fault import BodyFault
from together_rerank_spec import load


@pytest.fixture(scope="module")
def mock():
    with running("-q", "--api-key", KEY, "--model", MODEL) as mock:
        yield mock


def test_every_body_fault_is_in_the_table():
    faults = {fault.name for fault in Catalogue(load()) if isinstance(fault, BodyFault)}

    assert faults - set(BREAKS) == set()


@pytest.mark.served
@pytest.mark.parametrize("name", BREAKS)
def test_a_fault_fails_exactly_the_requirements_that_it_breaks(name, mock):
    assert failed(judged(mock.url, f"mock/{name}")) == BREAKS[name]


def test_each_requirement_has_a_server_that_fails_it_and_no_two_always_fail_together():
    expected = BREAKS | {kind.__name__: kind.breaks | kind.breaks_fuzz for kind in BROKEN}
    lists = {each: frozenset(name for name, ids in expected.items() if each.id in ids) for each in (*PLAIN, *FUZZ)}

    assert [each.id for each, servers in lists.items() if not servers] == []
    together = defaultdict(list)
    for requirement, servers in lists.items():
        if requirement.level is not Level.INFO:
            together[servers].append(requirement.id)
    assert [ids for ids in together.values() if len(ids) > 1] == []
