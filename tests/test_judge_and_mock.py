"""The mock's faults are broken servers: each fails the requirements that it breaks, exactly, and each can fail."""

from collections import defaultdict

import pytest

from broken_answers import ANSWERS
from broken_rankings import RANKINGS
from broken_refusals import REFUSALS
from broken_sometimes import SOMETIMES
from judging import FUZZ, PLAIN, failed, judged, transport_to
from miniature import KEY, MODEL
from mock_process import running
from together_rerank_contract_tests.requirements import Level
from together_rerank_contract_tests.transport import YES
from together_rerank_mockserver.faults import BodyFault, Catalogue
from together_rerank_spec import load

BROKEN = (*REFUSALS, *ANSWERS, *RANKINGS, *SOMETIMES)
COUNTED = [each.id for each in PLAIN if each.level is not Level.INFO]
# Nothing of the body can be read.
UNREADABLE = {"RR-RESPONSE-001", "RR-RESPONSE-004", "RR-ERROR-002"}
# What fails, INFO too; empty where a fault is legal, and only clients trip over it.
BREAKS = {
    "unsorted": {"RR-RESULT-001"},
    "top-n-ignored": {"RR-RESULT-002"},
    "top-n-one-more": {"RR-RESULT-002"},
    "top-n-one-fewer": {"RR-RESULT-002", "RR-RESULT-006"},
    "document-dropped": {"RR-RESULT-002", "RR-RESULT-003", "RR-RESULT-006", "RR-SCORE-003"},
    "duplicates-removed": {"RR-SCORE-003"},
    "rank-fields-ignored": {"RR-FIELDS-001", "RR-FIELDS-002"},
    "query-ignored": {"RR-FIELDS-002", "RR-RELATION-002", "RR-RELATION-003", "RR-RELATION-006", "RR-RELATION-007"},
    "position-bias": {"RR-RESULT-005", "RR-SCORE-005"},
    "index-out-of-range": {"RR-RESULT-004"},
    "index-duplicate": {"RR-RESULT-004"},
    "index-off-by-one": {"RR-RESULT-004"},
    "index-is-rank": {"RR-DOCUMENT-001", "RR-DOCUMENT-002", "RR-FIELDS-002", "RR-RELATION-006", "RR-RELATION-007"},
    "index-string": {"RR-RESULT-004"},
    "text-swapped": {"RR-DOCUMENT-001", "RR-DOCUMENT-002", "RR-DOCUMENT-005"},
    "text-altered": {"RR-DOCUMENT-001", "RR-DOCUMENT-002", "RR-DOCUMENT-005"},
    "text-unasked": {"RR-DOCUMENT-004"},
    "document-missing": {"RR-RESPONSE-003", "RR-DOCUMENT-001"},
    "document-null": {"RR-RESPONSE-003", "RR-DOCUMENT-001"},
    "document-string": {"RR-RESPONSE-003"},
    "score-string": {"RR-SCORE-001"},
    "score-nan": {"RR-RESPONSE-001", "RR-SCORE-001"},
    "score-above-one": {"RR-SCORE-002"},
    "score-negative": {"RR-RESULT-005", "RR-SCORE-002", "RR-SCORE-004"},
    "score-equal": {"RR-RESULT-005", "RR-RELATION-006"},  # it cannot bend a single result
    "results-missing": {"RR-RESPONSE-001"},
    "results-null": {"RR-RESPONSE-001"},
    "results-empty": {"RR-RESULT-002", "RR-RESULT-003", "RR-RESULT-006"},
    "results-bare-list": {"RR-RESPONSE-001", "RR-RESPONSE-004"},
    "usage-missing": set(),
    "usage-null": set(),
    "usage-no-completion-tokens": {"RR-USAGE-001"},
    "usage-wrong-sum": {"RR-USAGE-002"},
    "usage-negative": {"RR-USAGE-002"},
    "model-other": set(),
    "id-missing": set(),
    "id-constant": {"RR-RESPONSE-005"},
    "object-wrong": {"RR-RESPONSE-002"},
    "extra-field": set(),
    "error-200": {"RR-RESPONSE-001", "RR-RESPONSE-004", "RR-RESPONSE-006"},
    # Of the wire, those that leave an answer.
    "malformed-json": UNREADABLE,
    "empty-body": UNREADABLE,
    "html-200": UNREADABLE,
    "wrong-content-type": {"RR-RESPONSE-001"},
    "bad-gzip": {"RR-RESPONSE-001"},
    "latin-1": {"RR-RESPONSE-001", "RR-RESPONSE-004", "RR-ERROR-001"},
    "bom": {"RR-RESPONSE-001"},
}


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
