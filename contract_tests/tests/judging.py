"""The judge without its command: every requirement of the first layer against one URL, and what came of each."""

from contextlib import closing

from together_rerank_contract_tests import catalogue, outcome
from together_rerank_contract_tests.budget import Budget
from together_rerank_contract_tests.endpoint import Endpoint
from together_rerank_contract_tests.fuzzing import Fuzzing
from together_rerank_contract_tests.outcome import State
from together_rerank_contract_tests.requirements import Level
from together_rerank_contract_tests.settings import Settings
from together_rerank_contract_tests.transport import Transport

TESTS = catalogue.tests()
PLAIN = [requirement for requirement in TESTS if not requirement.fuzz]
FUZZ = [requirement for requirement in TESTS if requirement.fuzz]


def transport_to(url, key):
    host = Settings(url).host
    return Transport(Budget(), key=key, key_name="KEY", host=host, timeout_s=20)


def judged(url, model, key, *, transport=None, without=()):
    """The outcome of every plain requirement but those *without*."""
    with closing(transport or transport_to(url, key)) as opened:
        endpoint = Endpoint(Settings(url, model=model, key=key, key_name="KEY"), opened)
        endpoint.find()
        return outcome.settled(_outcome(each, endpoint) for each in PLAIN if each.id not in without)


def fuzzed(url, model, key, *, without=()):
    """The outcome of every requirement that Schemathesis judges but those *without*."""
    with closing(transport_to(url, key)) as transport:
        endpoint = Endpoint(Settings(url, model=model, key=key, key_name="KEY"), transport)
        endpoint.find()
        fuzzing = Fuzzing(endpoint, lambda requests: None)
        return [_outcome(each, fuzzing) for each in FUZZ if each.id not in without]


def failed(outcomes):
    """The ids of what failed."""
    return {each.requirement.id for each in outcomes if each.state is State.FAILED}


def failed_and_counts(outcomes):
    """The ids of what failed, and is more than told."""
    return failed(each for each in outcomes if each.requirement.level is not Level.INFO)


def unclear(outcomes):
    """What neither passed nor failed nor was rightly skipped, with its reason."""
    states = (State.INCONCLUSIVE, State.ERROR, State.NOT_RUN)
    return {each.requirement.id: each.reason for each in outcomes if each.state in states}


def _outcome(requirement, subject):
    try:
        TESTS[requirement](subject)
    except Exception as fault:
        return outcome.outcome_of(requirement, fault)
    return outcome.outcome_of(requirement, None)
