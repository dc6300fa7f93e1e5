"""The list of requirements: complete, unique, and with valid pointers into the document."""

import ast
import re
import statistics

import pytest

from commanding import MODEL_AND_KEY, contract, verdict
from judging import PLAIN, TESTS, endpoint_at
from legitimate import Correct
from together_rerank_contract_tests.client.budget import estimate_tokens
from together_rerank_contract_tests.fuzz import fuzzing
from together_rerank_contract_tests.run.session import CALIBRATION, FOLDER, SAMPLES, TOKENS_A_REQUEST, TOPICS
from together_rerank_contract_tests.suite.requirements import Level
from together_rerank_contract_tests.suite.sampling import Sampling
from together_rerank_spec import load

ALL = list(TESTS)


def test_every_file_of_tests_is_a_topic():
    assert {f"test_{topic}.py" for topic in TOPICS} == {path.name for path in FOLDER.glob("*/test_*.py")}


def test_every_test_is_a_requirement_with_a_unique_valid_id():
    functions = [
        node.name
        for path in FOLDER.glob("*/test_*.py")
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
    used = re.findall(r'_check\(\s*fuzzing,\s*"(\w+)"', (FOLDER / "fuzz/test_fuzz.py").read_text())

    assert sorted(used) == sorted(fuzzing.CHECKS)


def test_each_requirement_sends_its_declared_number_of_requests_and_about_its_tokens():
    with Correct() as server:
        endpoint = endpoint_at(server.url)
        endpoint.find()
        _ = endpoint.measured
        budget = endpoint.transport.budget
        assert budget.requests == CALIBRATION
        sampling = Sampling(endpoint)
        assert sampling.sending_error is None
        assert budget.requests == CALIBRATION + SAMPLES
        sent = {}
        for requirement in PLAIN:
            before = budget.requests
            TESTS[requirement](sampling if requirement.every else endpoint)
            sent[requirement.id] = budget.requests - before
        endpoint.transport.close()
    costs = [estimate_tokens(exchange.content) for exchange in endpoint.exchanges.values()]

    assert sent == {requirement.id: requirement.requests for requirement in PLAIN}
    assert 0.7 < TOKENS_A_REQUEST / statistics.mean(costs) < 1.5


@pytest.mark.served
@pytest.mark.parametrize(("options", "most_requests", "most_tokens"), [((), 150, 60_000), (("--quick",), 15, 2_500)])
def test_the_list_tells_the_requests_and_tokens_of_the_run(options, most_requests, most_tokens):
    with CountsTokens() as server:
        listed = contract(server.url, *options, "--list").stdout
        ran = contract(server.url, *MODEL_AND_KEY, *options)

    expected = [int(each) for each in re.search(r"about (\d+) requests and (\d+) tokens", listed).groups()]
    spent = [int(each) for each in re.search(r"(\d+) requests, (\d+) tokens", verdict(ran)).groups()]
    assert ran.returncode == 0
    assert spent[0] <= most_requests
    assert spent[1] <= most_tokens
    assert expected == pytest.approx(spent, rel=0.1)


class CountsTokens(Correct):
    """Counts tokens as models do: about one for four characters, and the query once for each document."""

    def usage(self, request, texts):
        prompt = sum(-(-len(text) // 4) for each in texts for text in (request["query"], each))
        return {"prompt_tokens": prompt, "completion_tokens": 0, "total_tokens": prompt}


def test_the_standard_run_has_70_requirements_and_the_quick_run_22():
    counted = [each for each in ALL if each.level is not Level.INFO and not each.fuzz]

    assert len(counted) == 70
    assert sum(each.quick for each in ALL) == 22
    assert not any(each.quick and each.level is Level.INFO for each in ALL)
