"""The four ways to request a fault, their precedence, and that no fault stays for the next call."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from endpoint_calls import KEY, Pauses, body, endpoint_of, send
from together_rerank_mockserver.faults.grammar import from_json
from together_rerank_mockserver.settings import Settings, SettingsError
from together_rerank_mockserver.state.namespace import QueueClosed
from together_rerank_spec import load


def endpoint(**settings):
    return endpoint_of(load(), Settings(**settings), Pauses(lambda _: None))


def queue(mock, data, namespace="default"):
    mock.registry.open(namespace).enqueue([each.queued for each in from_json(data, mock.catalogue)])


def ask(mock, sent=None, **headers):
    return send(sent or body(), mock, KEY | headers, parse=False)


def origin(mock, sent=None, **headers):
    return ask(mock, sent, **headers).headers["x-mock-reply"]


SOURCES = ("header", "model", "queue", "server")


@pytest.mark.parametrize("fault", ["429", "bom", "unsorted"])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_source_with_the_highest_precedence_wins(fault, count):
    other = {"429": "503", "bom": "bad-gzip", "unsorted": "id-missing"}[fault]
    for used in itertools.combinations(SOURCES, count):
        name = dict.fromkeys(used, other) | {used[0]: fault}
        mock = endpoint(fault=name.get("server"))
        if "queue" in used:
            queue(mock, {"fault": name["queue"]})
        sent = body(model=f"mock/{name['model']}") if "model" in used else body()
        headers = {"Prefer": f"fault={name['header']}"} if "header" in used else {}

        assert origin(mock, sent, **headers) == f"forced; fault={fault}; by={used[0]}"


def test_chaos_selects_before_the_fault_of_the_server():
    mock = endpoint(fault="503", chaos=["429=0.5"])
    alone = endpoint(chaos=["429=0.5"])

    replies = [origin(mock) for _ in range(20)]

    by_chance = [reply.startswith("chaos; fault=429; draw=0.") for reply in replies]
    assert by_chance == [origin(alone).startswith("chaos") for _ in range(20)]
    assert set(by_chance) == {True, False}
    assert all(
        reply.startswith(("chaos; fault=429; draw=", "forced; fault=503; by=server; draw=")) for reply in replies
    )


def test_a_fault_that_chaos_never_leaves_room_for_is_an_error():
    with pytest.raises(SettingsError, match="`fault` never applies, because the probabilities of `chaos` add up to 1"):
        endpoint(fault="503", chaos=["429=0.5", "500=0.5"])


def test_a_fault_for_all_calls_ends_with_a_reset():
    mock = endpoint()
    queue(mock, {"fault": "429", "then": {"fault": "503", "times": "always"}})
    with pytest.raises(QueueClosed, match="no fault can follow one whose `times` is `always`"):
        queue(mock, {"fault": "500"})

    assert [ask(mock).status for _ in range(4)] == [429, 503, 503, 503]

    mock.registry.reset("default")
    assert ask(mock).status == 200


def test_a_body_fault_for_all_calls_applies_to_each_that_it_can_change():
    mock = endpoint()
    queue(mock, {"fault": "unsorted", "times": "always"})

    replies = [origin(mock, sent) for sent in (body(), body(documents=["a"]), body())]

    assert replies == [
        "forced; fault=unsorted; by=queue",
        "scored; fault=unsorted; by=queue; not-applied",
        "forced; fault=unsorted; by=queue",
    ]


def test_a_fault_by_header_or_model_does_not_use_the_queue():
    mock = endpoint()
    queue(mock, {"fault": "503"})

    assert ask(mock, Prefer="code=429").status == 429
    assert ask(mock, body(model="mock/401")).status == 401
    assert ask(mock).status == 503
    assert ask(mock).status == 200


def test_ok_disables_sources_of_lower_precedence():
    mock = endpoint(fault="503")
    queue(mock, {"fault": "ok", "then": "429"})

    assert origin(mock, Prefer="code=200") == "scored; fault=ok; by=header"
    assert [ask(mock).status for _ in range(3)] == [200, 429, 503]


@pytest.mark.parametrize("preference", ["code=429", "fault=unsorted", "delay=5", "fault=bom"])
def test_a_fault_by_header_does_not_affect_the_next_call(preference):
    mock = endpoint()

    before = ask(mock).headers["x-mock-reply"], len(ask(mock).body)
    assert origin(mock, Prefer=preference).startswith("forced")
    assert (ask(mock).headers["x-mock-reply"], len(ask(mock).body)) == before == ("scored", before[1])


def test_the_ids_of_successes_do_not_depend_on_faults_before_them():
    plain, broken = endpoint(), endpoint()
    queue(broken, {"fault": "429", "times": 3})
    for _ in range(3):
        ask(broken)

    assert ask(plain).body == ask(broken).body


def test_a_fault_by_model_is_accepted_despite_a_list_of_models():
    mock = endpoint(models=("known",))

    assert ask(mock, body(model="mock/429")).status == 429
    assert ask(mock, body(model="mock/unsorted")).status == 200
    assert ask(mock, body(model="other")).status == 404


@pytest.mark.parametrize(
    "sent",
    [
        {"model": "mock/503"},
        {"model": "Mock/503"},
        {"model": "MOCK/503"},
        {"model": "mock/503", "documents": 1, "x": []},
    ],
)
def test_a_model_requests_a_fault_in_any_json_body(sent):
    assert ask(endpoint(), sent).status == 503


def test_a_model_written_with_json_escapes_requests_a_fault():
    assert ask(endpoint(), rb'{"model": "\u006dock/429"}').status == 429
    assert ask(endpoint(), rb'{"model": "mock\/429"}').status == 429


def test_an_unknown_fault_in_a_model_is_rejected_with_its_field():
    reply, answer = send(body(model="mock/unsrted"), endpoint())

    assert reply.status == 400
    assert reply.headers["x-mock-reply"] == "misuse"
    assert answer["error"]["param"] == "/model"
    assert "the nearest: unsorted, " in answer["error"]["message"]


def test_a_chain_applies_in_sequence():
    mock = endpoint()
    queue(mock, {"fault": "503", "times": 2, "then": {"fault": "429", "retry_after": 4, "then": {"fault": "unsorted"}}})
    queue(mock, {"fault": "500"})

    replies = [ask(mock) for _ in range(6)]

    assert [reply.status for reply in replies] == [503, 503, 429, 200, 500, 200]
    assert replies[2].headers["Retry-After"] == "4"
    assert replies[3].headers["x-mock-reply"] == "forced; fault=unsorted; by=queue"
    assert mock.registry.look("default").queued() == []


def test_a_queued_body_fault_waits_for_an_answer_that_it_can_change():
    mock = endpoint()
    queue(mock, {"fault": "unsorted"})

    assert ask(mock, body(documents=[])).status == 400
    assert ask(mock, b"{").status == 400
    assert origin(mock, body(documents=["one"])) == "scored; fault=unsorted; by=queue; not-applied"
    assert [each.left for each in mock.registry.look("default").queued()] == [1]
    assert origin(mock) == "forced; fault=unsorted; by=queue"
    assert origin(mock) == "scored"


@pytest.mark.in_memory
@pytest.mark.parametrize(
    ("next_one", "changed"), [("unsorted", True), ("id-missing", True), ("429", False), (None, False)]
)
def test_if_another_call_used_a_body_fault_the_next_body_fault_applies(next_one, changed):
    mock = endpoint()
    queue(mock, {"fault": "unsorted"} | ({"then": next_one} if next_one else {}))
    answer = mock.selector.apply

    def after_another_call(namespace, *others):
        assert namespace.take(namespace.first())
        return answer(namespace, *others)

    mock.selector.apply = after_another_call
    reply = origin(mock)

    assert reply == (f"forced; fault={next_one}; by=queue" if changed else "scored")
    assert [each.spec.fault.name for each in mock.registry.look("default").queued()] == (
        [next_one] if next_one and not changed else []
    )


def test_the_delay_of_a_body_fault_applies_when_the_fault_does():
    waited = []
    mock = endpoint_of(load(), Settings(), Pauses(waited.append))
    queue(mock, {"fault": "unsorted", "delay": 250})

    assert ask(mock, body(documents=[])).status == 400
    assert ask(mock, body(documents=["one"])).status == 200
    assert waited == []
    assert origin(mock) == "forced; fault=unsorted; by=queue"
    assert ask(mock).status == 200
    assert waited == [0.25]


def test_a_queued_status_fault_applies_to_an_invalid_request():
    mock = endpoint()
    queue(mock, {"fault": "503"})

    assert [ask(mock, body(documents=[])).status for _ in range(2)] == [503, 400]


def test_a_call_without_a_key_uses_no_fault():
    mock = endpoint()
    queue(mock, {"fault": "503"})

    assert send(body(), mock, {}, parse=False).status == 401
    assert ask(mock).status == 503


@pytest.mark.parametrize("fault", ["429", "unsorted", "bom"])
def test_a_fault_applies_exactly_ten_times_to_fifty_concurrent_clients(fault):
    mock = endpoint()
    queue(mock, {"fault": fault, "times": 10})

    with ThreadPoolExecutor(50) as clients:
        origins = list(clients.map(lambda _: origin(mock), range(200)))

    assert origins.count(f"forced; fault={fault}; by=queue") == 10
    assert len([each for each in origins if each.startswith("scored")]) == 190
    assert mock.registry.look("default").queued() == []


def test_chaos_is_the_same_for_the_same_seed_and_sequence():
    def replies(seed):
        mock = endpoint(chaos=("429=0.3", "unsorted=0.2"), seed=seed)
        return [(reply.status, reply.headers["x-mock-reply"]) for reply in (ask(mock) for _ in range(200))]

    first = replies(7)

    assert first == replies(7) != replies(8)
    assert 40 < [status for status, _ in first].count(429) < 80
    assert 20 < len([reply for _, reply in first if reply.startswith("chaos; fault=unsorted; draw=")]) < 60
    for status, reply in first:
        draw = float(reply.rpartition("draw=")[2])
        assert (status == 429) is (draw < 0.3)
        assert reply.startswith("chaos; fault=unsorted") is (0.3 <= draw < 0.5)
        assert reply.startswith("scored; draw=") is (draw >= 0.5)


def test_other_sources_use_no_random_draw():
    mock, other = (endpoint(chaos=("429=0.5",), seed=3) for _ in range(2))
    for _ in range(5):
        ask(other, Prefer="code=200")

    assert [origin(mock) for _ in range(20)] == [origin(other) for _ in range(20)]


def test_a_fault_of_the_server_applies_to_every_call():
    mock = endpoint(fault="429,retry_after=3")

    replies = [ask(mock) for _ in range(3)]

    assert {reply.status for reply in replies} == {429}
    assert {reply.headers["Retry-After"] for reply in replies} == {"3"}


def test_namespaces_share_nothing():
    mock = endpoint(chaos=("429=0.5",), seed=1)
    queue(mock, {"fault": "503"}, "test-a")
    a, b = ({"Authorization": f"Bearer test-{name}"} for name in "ab")

    assert ask(mock, **a).status == 503
    ids = [json.loads(ask(mock, Prefer="code=200", **key).body)["id"] for key in (a, b)]
    draws = [[origin(mock, **key) for _ in range(20)] for key in (a, b)]

    again = endpoint(chaos=("429=0.5",), seed=1)

    assert ids[0] == ids[1]
    assert draws[0] != draws[1]  # otherwise the first call of a hundred tests would get the same draw
    assert draws[0] == [origin(again, **a) for _ in range(20)]


def test_a_key_that_is_not_listed_creates_no_namespace():
    mock = endpoint(api_keys=("test-listed", "secret"))
    queue(mock, {"fault": "503"}, "test-listed")
    queue(mock, {"fault": "500"}, "test-other")

    refused = ask(mock, Authorization="Bearer test-other")
    assert refused.status == 401
    assert [len(mock.registry.look(name).journal()[0]) for name in ("default", "test-other")] == [1, 0]
    assert ask(mock, Authorization="Bearer test-listed").status == 503
    assert ask(mock, Authorization="Bearer secret").status == 200
