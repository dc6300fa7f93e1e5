"""Run the contract tests against a URL without the command, and return the outcomes."""

from contextlib import closing

from miniature import KEY, MODEL
from together_rerank_contract_tests.client.transport import Transport
from together_rerank_contract_tests.fuzz.fuzzing import Fuzzing
from together_rerank_contract_tests.run import outcome, session
from together_rerank_contract_tests.run.outcome import State
from together_rerank_contract_tests.settings import Settings
from together_rerank_contract_tests.suite import test_http
from together_rerank_contract_tests.suite.endpoint import Endpoint
from together_rerank_contract_tests.suite.requirements import Level
from together_rerank_contract_tests.suite.sampling import Sampling

# Shorten the pause of RR-HTTP-004: none of these servers closes an idle connection so early.
test_http._PAUSE_S = 0.05
TESTS = session.tests()
# In the sequence of a run: the requirements about every exchange come last.
PLAIN = sorted((each for each in TESTS if not each.fuzz), key=lambda each: each.every is not None)
FUZZ = [requirement for requirement in TESTS if requirement.fuzz]


def endpoint_at(url, model=MODEL, key=KEY, *, transport=None, **options):
    settings = Settings(url, model=model, key=key, key_name="KEY", timeout_s=20, **options)
    return Endpoint(settings, transport or Transport(settings))


def judged(url, model=MODEL, key=KEY, *, transport=None, **options):
    """Return the outcome of every requirement except those of Schemathesis."""
    endpoint = endpoint_at(url, model, key, transport=transport, **options)
    with closing(endpoint.transport):
        endpoint.find()
        sampling = Sampling(endpoint)
        return outcome.resolve_prerequisites(
            session.judge(each, TESTS[each], sampling if each.every else endpoint) for each in PLAIN
        )


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
