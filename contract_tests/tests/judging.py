"""Run the contract tests against a URL without the command, and return the outcomes."""

import threading
from collections import Counter, defaultdict
from contextlib import closing

from miniature import KEY, MODEL
from together_rerank_contract_tests.client.transport import ENDPOINT_KEY, Transport
from together_rerank_contract_tests.fuzz.fuzzing import Fuzzing
from together_rerank_contract_tests.run import outcome, session
from together_rerank_contract_tests.run.outcome import State
from together_rerank_contract_tests.settings import Settings
from together_rerank_contract_tests.suite import test_http
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import Level

# Servers that lose idle connections are tested with the whole pause elsewhere.
test_http._PAUSE_S = 0.05
_LOCK = threading.Lock()
TESTS = session.tests()
# In the sequence of a run: the requirements about every exchange come last.
PLAIN = sorted((each for each in TESTS if not each.fuzz), key=lambda each: each.every is not None)
FUZZ = [requirement for requirement in TESTS if requirement.fuzz]


def endpoint_at(url, model=MODEL, key=KEY, *, transport=None):
    settings = Settings(url, model=model, key=key, key_name="KEY", timeout_s=20)
    return Endpoint(settings, transport or Transport(settings))


def judged(url, model=MODEL, key=KEY, *, transport=None, without=()):
    """Return the outcome of every requirement except those of Schemathesis and those in *without*."""
    endpoint = endpoint_at(url, model, key, transport=transport)
    if isinstance(transport, ReplayingTransport):
        endpoint._requests_for_smaller = 0  # other ones than those that are stored
    with closing(endpoint.transport):
        endpoint.find()
        selected = [each for each in PLAIN if each.id not in without]
        return outcome.resolve_prerequisites(session.judge(each, TESTS[each], endpoint) for each in selected)


def fuzzed(url):
    """Run Schemathesis on a miniature, and return the run."""
    endpoint = endpoint_at(url)
    with closing(endpoint.transport):
        endpoint.find()
        fuzzing = Fuzzing(endpoint, lambda requests: None)
        fuzzing.failures("")
        return fuzzing


def outcomes_of(fuzzing):
    """Return the outcome of every requirement that Schemathesis checks."""
    return [session.judge(each, TESTS[each], fuzzing) for each in FUZZ]


def failed(outcomes):
    """Return the ids of the requirements that failed."""
    return {each.requirement.id for each in outcomes if each.state is State.FAILED}


def failed_and_counts(outcomes):
    """Return the ids of the failed MUST and SHOULD requirements."""
    return failed(each for each in outcomes if each.requirement.level is not Level.INFO)


def unclear(outcomes):
    """Return the reason of each outcome that is inconclusive, an error or not run, by the id of its requirement."""
    states = (State.INCONCLUSIVE, State.ERROR, State.NOT_RUN)
    return {each.requirement.id: each.reason for each in outcomes if each.state in states}


class ReplayingTransport:
    """A transport that stores its exchanges; after `replay` it returns the stored ones.

    It calls `observe` as the transport does, also with exchanges that were retried.
    """

    def __init__(self, transport):
        self._transport = transport
        self._answers = defaultdict(list)
        self.replay()

    def __getattr__(self, name):
        return getattr(self._transport, name)

    def replay(self):
        self._sent = Counter()
        self.observe = lambda _: None

    def send(self, method, url, headers=(), content=b"", *, authorization=ENDPOINT_KEY, chunked=False):
        call = method, url, tuple(headers), content, authorization, chunked
        with _LOCK:
            number = self._sent[call]
            self._sent[call] += 1
        if len(self._answers[call]) <= number:
            observed = []
            self._transport.observe = lambda exchange: exchange.content == content and observed.append(exchange)
            exchange = self._transport.send(method, url, headers, content, authorization=authorization, chunked=chunked)
            self._answers[call].append((observed or [exchange], exchange))
        observed, exchange = self._answers[call][number]
        for each in observed:
            self.observe(each)
        return exchange


def outcomes_that_each_check_decides(url, model, breaks, may_break=frozenset()):
    """Judge a server that *breaks* requirements; assert that leaving out a check removes its failure, and adds none.

    Another failure may go with it, if only the requests of that check show it.
    """
    replaying = ReplayingTransport(endpoint_at(url, model).transport)
    outcomes = judged(url, model, transport=replaying)
    found = failed(outcomes)
    assert breaks <= found <= breaks | may_break, [str(each.failure) for each in outcomes if each.failure]
    for each in breaks:
        replaying.replay()
        assert failed(judged(url, model, transport=replaying, without={each})) <= found - {each}
    return outcomes
