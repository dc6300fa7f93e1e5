"""Ranking overrides: how they are validated, and how they rank the documents of a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint_calls import Pauses, body, endpoint_of, send
from together_rerank_mockserver.api.errors import Misuse
from together_rerank_mockserver.faults.grammar import from_json as from_json_fault
from together_rerank_mockserver.http.flask_app import build_app, create_app
from together_rerank_mockserver.http.wsgi import Mock
from together_rerank_mockserver.ranking.override import InvalidOverride, from_json
from together_rerank_mockserver.ranking.score import rank
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state.namespace import MAX_QUEUE
from together_rerank_spec import load

TEXTS = ["panda", "llama", "a llama in Peru"]


def apply_override(override, query="llama", texts=TEXTS):
    ranked, _ = from_json(override).apply(rank(query, texts), texts)
    return [(each.index, each.score) for each in ranked]


@pytest.mark.parametrize(
    ("override", "ranking"),
    [
        ({"rank": [2, 0, 1]}, [(2, 1), (0, 2 / 3), (1, 1 / 3)]),
        ({"rank": [0]}, [(0, 1), (1, 2 / 3), (2, 1 / 3)]),
        ({"scores": {"2": 0.5, "0": 1}}, [(0, 1), (2, 0.5), (1, 0)]),
        ({"scores": {"1": 0}}, [(0, 0), (1, 0), (2, 0)]),
        ({"scores": {"2": 7.5, "0": -3}}, [(2, 7.5), (0, -3), (1, -4)]),
        ({"text_scores": {"PANDA": 12, "a": 3.5}}, [(0, 12), (1, 3.5), (2, 3.5)]),
        ({"text_scores": {"peru": -1}}, [(2, -1), (0, -2), (1, -2)]),
        ({"text_scores": {"bear": 1}}, [(0, 0), (1, 0), (2, 0)]),
    ],
)
def test_documents_are_ranked_by_the_override(override, ranking):
    assert apply_override(override) == ranking


@pytest.mark.parametrize(
    ("override", "indexes"),
    [
        ({"rank_first": "PANDA"}, [0, 1, 2]),
        ({"rank_first": "peru"}, [2, 1, 0]),
        ({"rank_first": "a"}, [1, 2, 0]),
        ({"rank_first": "bear"}, [1, 2, 0]),
        ({"rank": ["peru", "panda"]}, [2, 0, 1]),
        ({"rank": ["panda", "peru", "bear"]}, [0, 2, 1]),
    ],
)
def test_documents_are_ranked_by_the_texts_that_they_contain(override, indexes):
    ranked = apply_override(override)

    assert [index for index, _ in ranked] == indexes
    assert all(0 <= score < 1 for _, score in ranked)


@given(st.permutations(["panda", "a llama in Peru", "llama", "bear", "a llama", "koala"]), st.integers(1, 5))
def test_by_text_the_answers_to_the_parts_of_a_list_can_be_merged(documents, size):
    override = {"rank": ["koala", "panda"]}
    parts = [documents[start : start + size] for start in range(0, len(documents), size)]

    merged = [(part[index], score) for part in parts for index, score in apply_override(override, texts=part)]

    assert sorted(merged) == sorted(
        (documents[index], score) for index, score in apply_override(override, texts=documents)
    )
    assert [text for text, _ in sorted(merged, key=lambda each: -each[1])][:3] == ["koala", "panda", "llama"]


@given(st.lists(st.sampled_from(range(6)), min_size=1, unique=True), st.text(max_size=5))
def test_every_document_is_ranked_once_and_scores_decrease(first, query):
    ranked = apply_override({"rank": first}, query, ["a", "b", "c", "ab", "", "ca"])

    assert [index for index, _ in ranked][: len(first)] == first
    assert sorted(index for index, _ in ranked) == list(range(6))
    scores = [score for _, score in ranked]
    assert scores == sorted(set(scores), reverse=True)
    assert all(0 < score <= 1 for score in scores)


@pytest.mark.parametrize("override", [{"rank": [0, 3]}, {"scores": {"3": 0.1}}])
def test_an_index_beyond_the_documents_is_a_misuse(override):
    with pytest.raises(Misuse, match="names document 3, counted from 0, but the request has only 3"):
        apply_override(override)


WRONG = [
    None,
    [],
    {},
    "rank",
    {"rank": [0], "rank_first": "a"},
    {"ranking": [0]},
    {"rank": []},
    {"rank": 0},
    {"rank": ["a", 0]},
    {"rank": [""]},
    {"rank": ["a", "a"]},
    {"rank": ["\ud800"]},
    {"rank": [str(number) for number in range(101)]},
    {"rank": [True]},
    {"rank": [-1]},
    {"rank": [1.5]},
    {"rank": [1, 1]},
    {"rank": [10**12]},
    {"rank_first": ""},
    {"rank_first": None},
    {"scores": {}},
    {"scores": [0.5]},
    {"scores": {"a": 0.5}},
    {"scores": {"-1": 0.5}},
    {"scores": {"0": 1.1e9}},
    {"scores": {"0": -1.1e9}},
    {"text_scores": {}},
    {"text_scores": ["a"]},
    {"text_scores": {"": 1}},
    {"text_scores": {"a": None}},
    {"scores": {"0": "1"}},
    {"scores": {"0": True}},
    {"scores": {"0": float("nan")}},
    {"scores": {"1": 0.5, "01": 0.5}},
    {"scores": {"²": 0.5}},
]


@pytest.mark.parametrize("override", WRONG, ids=str)
def test_an_invalid_override_is_rejected_with_what_is_accepted(override):
    with pytest.raises(InvalidOverride, match="must"):
        from_json(override)


@pytest.mark.parametrize("override", [{"rank": [2, 0]}, {"rank": ["a"]}, {"rank_first": "a"}, {"scores": {"0": 5}}])
def test_an_override_is_shown_as_it_was_set(override):
    assert from_json(override).as_dict == override


def test_an_override_applies_to_its_namespace_until_a_reset():
    endpoint = endpoint_of(load())
    endpoint.registry.set_override("default", from_json({"rank": [0]}))

    reply, answer = send(body(), endpoint)
    _, other = send(body(), endpoint, {"Authorization": "Bearer test-a", "Content-Type": "application/json"})
    assert [result["index"] for result in answer["results"]] == [0, 1]
    assert reply.headers["x-mock-reply"] == "designed"
    assert [result["index"] for result in other["results"]] == [1, 0]
    assert endpoint.registry.look("default").overridden == 1

    endpoint.registry.reset("default")
    _, answer = send(body(), endpoint)
    assert [result["index"] for result in answer["results"]] == [1, 0]


def test_the_control_plane_sets_an_override():
    client = create_app().test_client()
    path = "/__admin/ranking?namespace=test-a"

    assert client.get(path).json == {"namespace": "test-a", "ranking": None, "answers": 0, "queue": []}
    assert client.put(path, json={"rank": [0]}).json["ranking"] == {"rank": [0]}
    headers = {"Authorization": "Bearer test-a"}
    assert client.post("/rerank", json=body(), headers=headers).json["results"][0]["index"] == 0
    assert client.get(path).json["answers"] == 1
    assert client.put(path, json={"rank_first": "llama"}).json["answers"] == 0
    assert client.delete(path).json == {"namespace": "test-a", "ranking": None, "answers": 0, "queue": []}
    assert client.post("/rerank", json=body(), headers=headers).json["results"][0]["index"] == 1


def test_overrides_in_the_queue_apply_to_one_call_after_another():
    client = create_app().test_client()
    client.put("/__admin/ranking", json={"rank": [1]})
    client.post("/__admin/ranking", json={"rank": [0], "times": 2})
    queued = client.post("/__admin/ranking", json={"rank_first": "llama"}).json

    def first():
        answer = client.post("/rerank", json=body(), headers={"Authorization": "Bearer key"})
        return answer.json["results"][0]["index"]

    assert queued["queue"] == [{"rank": [0], "times": 2}, {"rank_first": "llama", "times": 1}]
    assert [first() for _ in range(4)] == [0, 0, 1, 1]
    assert client.get("/__admin/ranking").json["queue"] == []
    assert client.get("/__admin/ranking").json["answers"] == 4


@pytest.mark.parametrize("method", ["delete", "reset"])
def test_queued_overrides_can_be_removed(method):
    client = create_app().test_client()
    client.post("/__admin/ranking", json={"rank": [0], "times": 2})
    if method == "delete":
        client.delete("/__admin/ranking")
    else:
        client.post("/__admin/reset")

    assert client.get("/__admin/ranking").json["queue"] == []


def test_only_answers_with_a_named_document_count():
    client = create_app().test_client()
    client.put("/__admin/ranking", json={"rank_first": "bear"})
    for documents in (["panda", "llama"], ["a bear"]):
        answer = client.post("/rerank", json=body(documents=documents), headers={"Authorization": "Bearer key"})
        assert answer.headers["x-mock-reply"] == "designed"

    assert client.get("/__admin/ranking").json["answers"] == 1


@pytest.mark.parametrize(
    "sent", [b"[]", b'{"rank": [0], "times": 0}', b'{"rank": [0], "times": "always"}', b'{"times": 1}']
)
def test_the_queue_rejects_an_invalid_override(sent):
    client = create_app().test_client()

    assert client.post("/__admin/ranking", data=sent).status_code == 400
    assert client.get("/__admin/ranking").json["queue"] == []


def test_the_queue_of_overrides_is_limited():
    mock = Mock()
    for _ in range(MAX_QUEUE):
        mock.operations.state.registry.queue_override("default", from_json({"rank": [0]}), 1)

    refused = build_app(mock).test_client().post("/__admin/ranking", json={"rank": [0]})
    assert refused.status_code == 409
    assert refused.json["error"]["message"] == "a queue holds at most 1000 rankings, and it has 1000"


@pytest.mark.parametrize("sent", [b"", b"[]", b'{"rank": [0], "times": 1}', b'{"scores": {"0": 1e999}}'])
def test_the_control_plane_rejects_an_invalid_override(sent):
    client = create_app().test_client()
    client.put("/__admin/ranking", json={"rank": [0]})

    refused = client.put("/__admin/ranking", data=sent)

    assert refused.status_code == 400
    assert client.get("/__admin/ranking").json["ranking"] == {"rank": [0]}


def test_a_call_that_began_before_a_reset_gets_no_later_override_or_fault():
    def begin_the_next_test(_seconds):
        endpoint.registry.reset("default")
        endpoint.registry.set_override("default", from_json({"rank": [0]}))
        endpoint.registry.open("default").enqueue(
            [each.queued for each in from_json_fault({"fault": "unsorted"}, endpoint.catalogue)]
        )

    endpoint = endpoint_of(load(), Settings(), Pauses(begin_the_next_test))
    endpoint.registry.open("default").enqueue(
        [each.queued for each in from_json_fault({"delay": 1, "then": "model-other"}, endpoint.catalogue)]
    )

    reply, answer = send(body(), endpoint)

    assert [result["index"] for result in answer["results"]] == [1, 0]
    assert reply.headers["x-mock-reply"] == "forced; fault=delay; by=queue"
    assert endpoint.registry.look("default").overridden == 0
    assert [each.spec.fault.name for each in endpoint.registry.look("default").queued()] == ["unsorted"]
