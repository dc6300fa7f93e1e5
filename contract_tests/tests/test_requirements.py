"""The requirements as a list: complete, unambiguous, and true to the document they point into."""

import ast
import re
import statistics

import pytest

from judging import PLAIN, TESTS, transport_to
from legitimate import Honest
from miniature import KEY, MODEL
from together_rerank_contract_tests import catalogue, fuzzing
from together_rerank_contract_tests.budget import tokens_of
from together_rerank_contract_tests.endpoint import Endpoint
from together_rerank_contract_tests.examination import CALIBRATION, TOKENS_A_REQUEST
from together_rerank_contract_tests.requirements import Level
from together_rerank_contract_tests.settings import Settings
from together_rerank_spec import load

ALL = list(TESTS)


def test_every_file_of_tests_is_a_topic():
    assert {path.name for path in catalogue.paths()} == {path.name for path in catalogue.FOLDER.glob("test_*.py")}


def test_every_test_is_a_requirement_and_every_id_is_one():
    functions = [
        node.name
        for path in catalogue.paths()
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]

    assert len(functions) == len(ALL)
    assert len({each.id for each in ALL}) == len(ALL)
    assert [each.id for each in ALL if not re.fullmatch(r"RR-[A-Z]+-\d{3}", each.id)] == []


@pytest.mark.parametrize("requirement", ALL, ids=lambda each: each.id)
def test_a_requirement_is_one_sentence_with_a_reason_and_a_source(requirement):
    assert requirement.sentence.endswith(".")
    assert requirement.why.endswith(".")
    assert requirement.source.text
    if requirement.source.kind == "document":
        assert requirement.source.text.startswith("/")
        node = load("vendored").content
        for step in requirement.source.text.split("/")[1:]:
            node = node[step.replace("~1", "/").replace("~0", "~")]


def test_every_check_of_schemathesis_that_is_run_has_a_requirement():
    asked = re.findall(r'_hold\(\s*fuzzing,\s*"(\w+)"', (catalogue.FOLDER / "test_fuzz.py").read_text())

    assert sorted(asked) == sorted(fuzzing.CHECKS)


def test_each_requirement_sends_as_many_requests_as_it_says():
    with Honest() as server:
        transport = transport_to(server.url, KEY)
        endpoint = Endpoint(Settings(server.url, model=MODEL, key=KEY, key_name="KEY"), transport)
        endpoint.find()
        _ = endpoint.measured
        assert transport.budget.requests == CALIBRATION
        sent = {}
        for requirement in PLAIN:
            before = transport.budget.requests
            TESTS[requirement](endpoint)
            sent[requirement.id] = transport.budget.requests - before
        transport.close()

    assert sent == {requirement.id: requirement.requests for requirement in PLAIN}


def test_the_estimate_of_tokens_is_about_right():
    with Honest() as server:
        transport = transport_to(server.url, KEY)
        endpoint = Endpoint(Settings(server.url, model=MODEL, key=KEY, key_name="KEY"), transport)
        for requirement in PLAIN:
            TESTS[requirement](endpoint)
        transport.close()
    costs = [tokens_of(exchange.content) for exchange in endpoint.exchanges.values()]

    assert 0.7 < TOKENS_A_REQUEST / statistics.mean(costs) < 1.5


def test_levels_are_those_of_the_standard_run():
    counted = [each for each in ALL if each.level is not Level.INFO]

    assert len(counted) == 56
    assert sum(each.quick for each in ALL) == 15
    assert not any(each.quick and each.level is Level.INFO for each in ALL)
