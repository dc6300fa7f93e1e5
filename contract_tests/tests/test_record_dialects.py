"""`record` and `drift` send the library's exchanges with the API that the endpoint speaks."""

import json

import pytest

import together_rerank_fixtures as fixtures
from commanding import MODEL_AND_KEY, contract
from legitimate import Correct
from speaking import speaking
from together_rerank_contract_tests.record.comparison import select_exchanges
from together_rerank_spec import TOGETHER, dialect, dialects

NAMES = [name for name in dialects() if name != TOGETHER]


class ScoresAsStrings(Correct):
    def result(self, index, score, request):
        return {**super().result(index, score, request), "relevance_score": str(score)}


@pytest.mark.slow  # all parameters together
@pytest.mark.parametrize("name", NAMES)
def test_the_responses_of_a_dialect_are_recorded_and_can_be_read_again(name, tmp_path):
    with speaking(Correct, dialect(name))() as server:
        ran = contract("record", server.url, "--dialect", name, "--out", tmp_path / "new", *MODEL_AND_KEY)

    saved = {each.name: each for each in fixtures.read(tmp_path / "new")}
    other_operations = {
        each.name for each in fixtures.all(dialect=name) if each.name.rpartition("/")[2].startswith("success_")
    }
    assert ran.returncode == 0, ran.stdout
    assert {each.name for each in select_exchanges([], name)} - other_operations <= saved.keys()
    assert saved[f"{name}/ranked_one"].response.status == 200
    assert saved[f"{name}/ranked_one"].request.path.startswith(f"/{name}/")
    assert saved[f"{name}/rejected_query_number"].response.status >= 400


@pytest.mark.slow  # all parameters together
@pytest.mark.parametrize("name", NAMES)
def test_a_difference_is_at_the_place_in_the_dialect(name, tmp_path):
    with speaking(ScoresAsStrings, dialect(name))() as server:
        options = ("--dialect", name, "--only", "*/ranked_*", "--json", tmp_path / "drift.json", *MODEL_AND_KEY)
        ran = contract("drift", server.url, *options)

    places = dialect(name).mapping.places["response"]
    assert ran.returncode == 1
    rows = json.loads((tmp_path / "drift.json").read_text())["drift"]
    assert [row["endpoint"] for row in rows if row["what"] == f"200 {places['results']}/*{places['score']}"] == [
        "string"
    ]


def test_the_statuses_of_the_library_are_those_of_the_document():
    with speaking(Correct, dialect("jina"))() as server:
        ran = contract("drift", server.url, "--dialect", "jina", "--only", "jina/rejected_*", *MODEL_AND_KEY)

    assert "status" not in ran.stdout


@pytest.mark.parametrize("command", [("drift",), ("record", "--out", "new")])
@pytest.mark.parametrize("name", ["auto", __file__])
def test_a_dialect_must_have_exchanges(command, name):
    ran = contract(*command, "http://127.0.0.1:1", "--dialect", name)

    assert ran.returncode == 2
    assert f"Invalid value for '--dialect': '{name}' is not one of 'cohere', 'infinity', " in ran.stderr
