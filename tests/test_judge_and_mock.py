"""The mock's faults are broken servers: each fails the requirements that it breaks, exactly, and each can fail."""

from collections import defaultdict

import pytest

from broken_answers import ANSWERS
from broken_rankings import RANKINGS
from broken_refusals import REFUSALS
from broken_sometimes import SOMETIMES
from faults_and_rules import BREAKS
from judging import FUZZ, PLAIN, failed, judged, transport_to
from miniature import KEY, MODEL
from mock_process import running
from together_rerank_contract_tests.requirements import Level
from together_rerank_contract_tests.transport import YES
from together_rerank_mockserver.faults import BodyFault, Catalogue
from together_rerank_spec import load

BROKEN = (*REFUSALS, *ANSWERS, *RANKINGS, *SOMETIMES)
COUNTED = [each.id for each in PLAIN if each.level is not Level.INFO]


class Recording:
    """A transport that remembers, and from the second judgement on answers from memory."""

    def __init__(self, transport):
        self._transport = transport
        self._heard = defaultdict(list)
        self.replay()

    def __getattr__(self, name):
        return getattr(self._transport, name)

    def replay(self):
        self._told = defaultdict(int)

    def send(self, method, url, headers=(), content=b"", *, authorization=YES):
        call = method, url, tuple(headers), content, authorization
        self._told[call] += 1
        if len(self._heard[call]) < self._told[call]:
            self._heard[call].append(self._transport.send(method, url, headers, content, authorization=authorization))
        return self._heard[call][self._told[call] - 1]


@pytest.fixture(scope="module")
def recordings():
    """What each broken server answered, with how to judge it again: {name: (url, model, recording)}."""
    found = {}
    with running("-q", "--api-key", KEY, "--model", MODEL) as mock:
        for name in BREAKS:
            recording = Recording(transport_to(mock.url, KEY))
            judged(mock.url, f"mock/{name}", KEY, transport=recording)
            found[name] = mock.url, f"mock/{name}", recording
    for kind in BROKEN:
        with kind() as server:
            recording = Recording(transport_to(server.url, KEY))
            judged(server.url, MODEL, KEY, transport=recording)
            found[kind.__name__] = server.url, MODEL, recording
    return found


def fallen(recordings, name, without=()):
    url, model, recording = recordings[name]
    recording.replay()
    return failed(judged(url, model, KEY, transport=recording, without=without))


def test_every_body_fault_is_in_the_table():
    faults = {fault.name for fault in Catalogue(load()) if isinstance(fault, BodyFault)}

    assert faults - set(BREAKS) == set()


@pytest.mark.parametrize("name", BREAKS)
def test_a_fault_fails_what_it_breaks(name, recordings):
    assert fallen(recordings, name) == BREAKS[name]


EXPECTED = BREAKS | {kind.__name__: kind.breaks for kind in BROKEN}


def servers_of(requirement_id):
    return frozenset(name for name, breaks in EXPECTED.items() if requirement_id in breaks)


@pytest.mark.parametrize("requirement_id", [each.id for each in PLAIN])
def test_without_its_check_exactly_its_id_leaves_the_lists(requirement_id, recordings):
    servers = servers_of(requirement_id)
    assert servers, "no broken server fails it"

    for name in servers:
        assert fallen(recordings, name, without={requirement_id}) == EXPECTED[name] - {requirement_id}


def test_no_two_requirements_always_fall_together():
    found_by_schemathesis = {kind.__name__: getattr(kind, "breaks_fuzz", set()) for kind in BROKEN}
    lists = {each: servers_of(each) for each in COUNTED}
    lists |= {each.id: frozenset(n for n, ids in found_by_schemathesis.items() if each.id in ids) for each in FUZZ}

    assert all(lists.values())
    together = defaultdict(list)
    for requirement_id, servers in lists.items():
        together[servers].append(requirement_id)
    assert [ids for ids in together.values() if len(ids) > 1] == []
