"""Each body fault changes one thing in a 200, and `breaks` states correctly whether that breaks the contract."""

import json

import pytest

from endpoint_calls import ENDPOINT, body, endpoint_of, send
from together_rerank_spec import Validator, load

RESPONSE = Validator(load("corrected").response_schema(200))
# Faults that need an earlier or a concurrent call have tests of their own.
FAULTS = {each.name: each for each in ENDPOINT.catalogue if each.family == "body" and each.window_s is None}
# Every fault can change this: duplicates, separated ties, fields that affect the ranking, a limit, a new order.
DOCUMENTS = [
    {"title": "Pandas", "text": "They live in China, far from llamas."},
    {"title": "Llamas", "text": "They live in Peru."},
    {"title": "Llamas of Peru", "text": "Found in the mountains."},
    {"title": "Llamas", "text": "They live in Peru."},
    {"title": "Sun", "text": "Llamas in Peru like it."},
]
REQUEST = {"query": "llamas in Peru", "documents": DOCUMENTS, "rank_fields": ["title"], "top_n": 4}
MANY = [*["pandas"] * 100, "llamas in Peru", "llamas"]
# Faults that need another request.
OTHERS = {
    "text-unasked": {"return_documents": False},
    "text-field-only": {"rank_fields": None},
    "first-batch-only": {"documents": MANY, "rank_fields": None},
    "top-n-first-batch": {"documents": MANY, "rank_fields": None},
    "score-halved": {"return_documents": False, "top_n": None},
}


def request_for(name):
    changed = {**REQUEST, "return_documents": True, **OTHERS.get(name, {})}
    return {field: value for field, value in changed.items() if value is not None}


def answers(name):
    """Return the correct answer and the answer with the fault, both with the same id."""
    sent = body(**request_for(name))
    reply, good = send(sent)
    headers = {"Prefer": f"fault={name}", "Authorization": "Bearer key", "Content-Type": "application/json"}
    changed, bad = send(sent, headers=headers)
    assert (reply.status, changed.status) == (200, 200)
    assert changed.headers["x-mock-reply"] == f"forced; fault={name}; by=header"
    assert changed.headers["Preference-Applied"] == f"fault={name}"
    if isinstance(bad, dict) and "id" in bad and name != "id-constant":
        bad["id"] = good["id"]
    return good, bad


def difference(good, bad, path=""):
    """Return the set of places, as pointers without indexes, where two JSON values differ."""
    if isinstance(good, dict) and isinstance(bad, dict):
        return {
            place
            for key in good.keys() | bad.keys()
            for place in difference(good.get(key), bad.get(key), f"{path}/{key}")
        }
    if isinstance(good, list) and isinstance(bad, list) and len(good) == len(bad):
        return {place for g, b in zip(good, bad, strict=True) for place in difference(g, b, path)}
    return set() if good == bad and type(good) is type(bad) else {path}


CHANGED_PLACES = {
    "index-": {"/results/index"},
    "score-": {"/results/relevance_score"},
    "text-field-only": {"/results/index", "/results/relevance_score", "/results/document/text"},
    "text-altered": {"/results/document/text"},
    "text-swapped": {"/results/document/text"},
    "text-unasked": {"/results/document/text"},
    "document-missing": {"/results/document"},
    "document-null": {"/results/document"},
    "document-string": {"/results/document"},
    "results-missing": {"/results"},
    "results-null": {"/results"},
    "results-empty": {"/results"},
    "usage-missing": {"/usage"},
    "usage-null": {"/usage"},
    "usage-no": {"/usage/completion_tokens"},
    "usage-wrong": {"/usage/total_tokens"},
    "usage-negative": {"/usage/prompt_tokens", "/usage/total_tokens"},
    "model-": {"/model"},
    "id-": {"/id"},
    "object-": {"/object"},
    "extra-": {"/extra"},
}


@pytest.mark.parametrize("name", [name for name in FAULTS if any(name.startswith(start) for start in CHANGED_PLACES)])
def test_a_fault_changes_only_its_own_field(name):
    (places,) = [places for start, places in CHANGED_PLACES.items() if name.startswith(start)]

    assert difference(*answers(name)) == places


def order(answer):
    return [result["index"] for result in answer["results"]]


def scores(answer):
    return [result["relevance_score"] for result in answer["results"]]


def test_unsorted_returns_the_same_results_worst_first():
    good, bad = answers("unsorted")

    assert sorted(order(bad)) == sorted(order(good))
    assert scores(bad) == sorted(scores(good)) != scores(good)


@pytest.mark.parametrize(("name", "count"), [("top-n-ignored", 5), ("top-n-one-more", 5), ("top-n-one-fewer", 3)])
def test_the_number_of_results_differs_from_top_n(name, count):
    good, bad = answers(name)

    assert len(good["results"]) == 4
    assert len(bad["results"]) == count
    shorter = min(count, 4)
    assert bad["results"][:shorter] == good["results"][:shorter]


def test_the_best_document_is_dropped():
    good, bad = answers("document-dropped")

    assert order(bad)[:3] == order(good)[1:]
    assert order(good)[0] not in order(bad)
    assert len(bad["results"]) == 4


def test_duplicates_are_ranked_once():
    good, bad = answers("duplicates-removed")

    assert {1, 3} <= set(order(good))
    assert 1 in order(bad)
    assert 3 not in order(bad)


def test_rank_fields_are_ignored():
    _, without = send(body(**{**request_for(""), "rank_fields": None} | {"rank_fields": ["title", "text"]}))
    good, bad = answers("rank-fields-ignored")

    assert order(bad) == order(without) != order(good)


def test_the_query_is_ignored():
    _, bad = answers("query-ignored")
    _, other = send(body(**{**request_for(""), "query": "something else"}), headers=prefer("query-ignored"))

    assert bad["results"] == other["results"]


def prefer(name):
    return {"Prefer": f"fault={name}", "Authorization": "Bearer key", "Content-Type": "application/json"}


@pytest.mark.parametrize("name", ["first-batch-only", "top-n-first-batch"])
def test_documents_after_the_first_hundred_come_last(name):
    good, bad = answers(name)

    assert order(good)[:2] == [100, 101]
    assert order(bad) == [0, 1, 2, 3]


def test_with_all_results_the_documents_of_every_batch_are_ranked():
    reply, answer = send(body(documents=MANY, top_n=len(MANY)), headers=prefer("top-n-first-batch"))

    assert "not-applied" in reply.headers["x-mock-reply"]
    assert order(answer)[0] == 101


def test_only_the_text_field_is_ranked():
    documents = [{"title": "llama", "text": "panda"}, {"title": "panda", "text": "llama"}, {"title": "llama"}]
    _, bad = send(body(documents=documents), headers=prefer("text-field-only"))

    assert order(bad) == [1, 0, 2]
    assert scores(bad)[1:] == [0, 0]


def test_position_bias_scores_equal_documents_by_their_position():
    equals = body(documents=["llama"] * 3)
    assert len(set(scores(send(equals)[1]))) == 1

    bad = send(equals, headers=prefer("position-bias"))[1]

    assert scores(bad) == sorted(set(scores(bad)), reverse=True)
    assert order(bad) == [0, 1, 2]


def test_the_texts_of_the_first_two_results_are_swapped():
    good, bad = answers("text-swapped")
    texts = [result["document"]["text"] for result in good["results"]]

    assert [result["document"]["text"] for result in bad["results"]] == [texts[1], texts[0], *texts[2:]]


@pytest.mark.parametrize(
    ("name", "index"), [("index-out-of-range", [5]), ("index-off-by-one", None), ("index-is-rank", [0, 1, 2, 3])]
)
def test_the_index_is_wrong_as_the_fault_states(name, index):
    good, bad = answers(name)

    assert order(bad)[: len(index or [])] == (index or [])
    if name == "index-off-by-one":
        assert order(bad) == [each + 1 for each in order(good)]


def test_the_first_index_is_repeated():
    good, bad = answers("index-duplicate")

    assert order(bad) == [order(good)[0], order(good)[0], *order(good)[2:]]


def test_one_score_is_written_as_nan():
    sent = body(**REQUEST, return_documents=True)
    reply, _ = send(sent, headers=prefer("score-nan"))

    assert reply.body.count(b'"relevance_score":NaN') == 1


def test_a_bare_list_contains_the_results():
    good, bad = answers("results-bare-list")

    assert bad == good["results"]


def test_an_error_is_returned_with_status_200():
    _, bad = answers("error-200")

    assert Validator(load().response_schema(400)).violations(bad) == []
    assert "results" not in bad


# The schema cannot describe which results are returned, in which order, with which index, text and score.
NOT_IN_THE_SCHEMA = {
    "unsorted",
    "top-n-ignored",
    "top-n-one-more",
    "top-n-one-fewer",
    "document-dropped",
    "duplicates-removed",
    "rank-fields-ignored",
    "query-ignored",
    "text-field-only",
    "first-batch-only",
    "top-n-first-batch",
    "index-negative",
    "index-out-of-range",
    "index-duplicate",
    "index-off-by-one",
    "index-is-rank",
    "text-swapped",
    "text-altered",
    "text-unasked",
    "results-empty",
    "score-halved",
    "usage-wrong-sum",
    "usage-negative",
}


@pytest.mark.parametrize("name", FAULTS)
def test_breaks_states_whether_the_response_violates_the_contract(name):
    _, bad = answers(name)

    if name == "score-nan":  # not JSON, so the schema cannot be applied
        assert FAULTS[name].breaks == "contract"
        return
    is_valid = RESPONSE.violations(bad) == []
    assert is_valid is (FAULTS[name].breaks == "habit" or name in NOT_IN_THE_SCHEMA)


INAPPLICABLE = {
    "unsorted": {"documents": ["same", "same"]},
    "top-n-ignored": {},
    "top-n-one-more": {"top_n": 9},
    "top-n-one-fewer": {},
    "duplicates-removed": {},
    "rank-fields-ignored": {},
    "index-duplicate": {"top_n": 1},
    "index-is-rank": {"documents": ["llama", "panda"]},
    "text-swapped": {"top_n": 1},
    "text-altered": {"return_documents": False},
    "text-unasked": {},
    "score-equal": {"top_n": 1},
    "position-bias": {"top_n": 1},
    "text-field-only": {"documents": [{"text": "a llama"}, {"text": "a panda"}]},
    "first-batch-only": {},
    "top-n-first-batch": {"documents": MANY},
    "score-halved": {"return_documents": False, "top_n": 1},
    "cache-collision": {},
    "calls-mixed-up": {},
}


@pytest.mark.parametrize("name", INAPPLICABLE)
def test_a_fault_that_does_not_apply_is_reported_and_changes_nothing(name):
    reply, answer = send(body(**INAPPLICABLE[name]), headers=prefer(name))
    _, good = send(body(**INAPPLICABLE[name]))

    assert reply.headers["x-mock-reply"] == f"scored; fault={name}; by=header; not-applied"
    assert "Preference-Applied" not in reply.headers
    assert {**answer, "id": ""} == {**good, "id": ""}


@pytest.mark.parametrize("name", FAULTS)
def test_a_body_fault_does_not_apply_to_a_rejected_request(name):
    reply, answer = send(body(documents=[]), headers=prefer(name))

    assert reply.status == 400
    assert reply.headers["x-mock-reply"] == f"refused; fault={name}; by=header; not-applied"
    assert answer["error"]["param"] == "/documents"


@pytest.mark.parametrize("name", FAULTS)
def test_a_body_fault_accepts_a_response_without_results(name):

    endpoint = endpoint_of(load("vendored"))
    reply, _ = send(body(top_n=0), endpoint, headers=prefer(name))

    assert reply.status == 200
    assert json.loads(reply.body) is not None
