"""Each request fault accepts a request that the API refuses, or refuses one that it accepts."""

import json

import pytest

from endpoint_calls import ENDPOINT, KEY, Pauses, body, endpoint_of, send
from fault_requests import CHANGES, SPECIAL
from together_rerank_mockserver.api.errors import MethodNotAllowed, RequestTimeout
from together_rerank_mockserver.api.messages import Call
from together_rerank_mockserver.faults.grammar import from_json
from together_rerank_mockserver.settings import Settings
from together_rerank_spec import load

FAULTS = [fault.name for fault in ENDPOINT.catalogue if fault.family == "request"]
ACCEPTED = ("empty-accepted", "mixed-accepted", "top-n-converted", "unknown-field-ignored")
KEYS = ("no-key-accepted", "any-key-accepted")


def ask(name, sent, endpoint=ENDPOINT, **headers):
    return send(sent, endpoint, {**KEY, "Prefer": f"fault={name}", **headers}, raw_socket=True)


def test_every_fault_is_tested():
    assert {*CHANGES} | SPECIAL == {each.name for each in ENDPOINT.catalogue if each.family in ("error", "request")}


@pytest.mark.parametrize("name", [name for name in FAULTS if name in CHANGES])
def test_a_fault_changes_what_happens_to_a_request_and_says_so(name):
    usual = send(body(**CHANGES[name]), parse=False)
    reply, _ = ask(name, body(**CHANGES[name]))

    assert (usual.status, reply.status) == ((400, 200) if name in ACCEPTED else (200, 400))
    assert reply.headers["x-mock-reply"] == f"forced; fault={name}; by=header"


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_does_not_change_another_request(name):
    reply, answer = ask(name, body())
    assert (reply.status, [each["index"] for each in answer["results"]]) == (200, [1, 0])
    assert reply.headers["x-mock-reply"] == f"scored; fault={name}; by=header; not-applied"

    reply, answer = ask(name, body(return_documents="yes"))
    assert (reply.status, answer["error"]["param"]) == (400, "/return_documents")
    assert reply.headers["x-mock-reply"] == f"refused; fault={name}; by=header; not-applied"


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_request_that_is_invalid_for_another_reason_too_is_refused(name):
    reply, _ = ask(name, body(**CHANGES[name], rank_fields=7))

    assert reply.status == 400
    assert "not-applied" in reply.headers["x-mock-reply"]


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b'{"model": "m", "query": "q"}'])
@pytest.mark.parametrize("name", ACCEPTED)
def test_a_body_that_is_no_request_is_refused(name, sent):
    assert ask(name, sent)[0].status == 400


def test_an_empty_list_has_no_results():
    assert ask("empty-accepted", body(documents=[]))[1]["results"] == []


def test_strings_and_objects_are_ranked_together():
    documents = ["panda", {"id": 2**70, "text": "llama"}]
    _, answer = ask("mixed-accepted", body(documents=documents))

    assert [each["index"] for each in answer["results"]] == [1, 0]
    assert json.loads(answer["results"][0]["document"]["text"]) == documents[1]


def test_a_list_with_other_values_is_not_accepted():
    assert ask("mixed-accepted", body(documents=["panda", {"text": "llama"}, 7]))[0].status == 400
    assert ask("empty-accepted", body(documents=[7]))[0].status == 400


@pytest.mark.parametrize(("top_n", "count"), [("1", 1), ("02", 2), ("9", 2)])
def test_a_string_is_read_as_a_number(top_n, count):
    assert len(ask("top-n-converted", body(top_n=top_n))[1]["results"]) == count


@pytest.mark.parametrize("top_n", ["", "0", "-1", "1.0", "one", "٢", "9" * 19, None])
def test_another_string_is_not_read_as_a_number(top_n):
    assert ask("top-n-converted", body(top_n=top_n))[0].status == 400


def test_unknown_fields_change_nothing():
    _, plain = ask("unknown-field-ignored", body())
    reply, answer = ask("unknown-field-ignored", body(top_k=1, **{"a/b~c": 2}))

    assert reply.status == 200
    assert answer["results"] == plain["results"]


def test_a_body_with_very_many_unknown_fields_is_refused():
    assert ask("unknown-field-ignored", body(**{f"field {number}": 1 for number in range(10_000)}))[0].status == 400


@pytest.mark.parametrize(
    ("name", "param", "message"),
    [
        ("return-documents-refused", "/return_documents", "`/return_documents` is not a field"),
        ("top-n-refused", "/top_n", "`/top_n` is not a field"),
        ("one-document-refused", "/documents", "`/documents` must have at least 2 items"),
        ("many-documents-refused", "/documents", "`/documents` has 21 items; the maximum is 20"),
        ("long-document-refused", "/documents", "`/documents` has an item of 12000 characters; the maximum is 10000"),
    ],
)
def test_a_refusal_is_an_error_of_the_api(name, param, message):
    _, answer = ask(name, body(**CHANGES[name]))

    assert (answer["error"]["param"], answer["error"]["message"]) == (param, message)


@pytest.mark.parametrize("start", [b" ", b"\r\n", b"\t"])
def test_a_body_that_begins_with_white_space_is_refused(start):
    content = start + json.dumps(body()).encode()

    assert send(content, parse=False).status == 200
    reply, answer = ask("white-space-refused", content)
    assert (reply.status, answer["error"]["message"]) == (400, "The body begins with white space")
    assert reply.headers["x-mock-reply"] == "forced; fault=white-space-refused; by=header"


def test_an_empty_query_gets_no_answer():
    reply, _ = ask("empty-query-dropped", body(query=""))

    assert reply.delivery == "empty"


def test_an_empty_query_needs_the_raw_socket():
    reply = send(body(query=""), headers={**KEY, "Prefer": "fault=empty-query-dropped"}, parse=False)

    assert reply.status == 501


def put(endpoint, content=b"{}", **headers):
    endpoint.refuse(Call({**KEY, "Content-Length": str(len(content)), **headers}), MethodNotAllowed("PUT", ["POST"]))


def test_the_first_call_after_a_refused_method_with_a_body_is_refused():
    endpoint = endpoint_of()
    put(endpoint)

    first, answer = ask("unread-body-left", body(), endpoint)
    assert (first.status, answer["error"]["message"]) == (400, "The body begins with bytes of another request")
    assert first.headers["x-mock-reply"] == "forced; fault=unread-body-left; by=header"
    assert ask("unread-body-left", body(), endpoint)[0].status == 200


def test_a_refused_method_without_a_body_of_another_namespace_or_before_a_reset_has_no_effect():
    endpoint = endpoint_of()
    put(endpoint, b"")
    put(endpoint, Authorization="Bearer test-other")
    assert ask("unread-body-left", body(), endpoint)[0].status == 200
    put(endpoint)
    endpoint.registry.reset("default")
    assert ask("unread-body-left", body(), endpoint)[0].status == 200


# The header of each request, the status without a fault, and the faults that accept it.
HEADERS = [
    (None, 401, {"no-key-accepted"}),
    ("", 401, set()),
    ("Bearer", 401, {"any-key-accepted"}),
    ("Basic right", 401, {"any-key-accepted"}),
    ("Bearer wrong", 401, {"any-key-accepted"}),
    ("Bearer right", 200, set()),
]


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize(("header", "status", "accepted_by"), HEADERS)
@pytest.mark.parametrize("source", ["header", "model", "queue", "server", "chaos"])
def test_a_key_is_accepted_by_its_fault_only(name, header, status, accepted_by, source):
    settings = Settings(
        api_keys=("right",),
        fault=name if source == "server" else None,
        chaos=(f"{name}=1",) if source == "chaos" else (),
    )
    endpoint = endpoint_of(settings=settings)
    namespace = endpoint.registry.open("default")
    if source == "queue":
        namespace.enqueue([each.queued for each in from_json(name, endpoint.catalogue)])
    headers = {} if header is None else {"Authorization": header}
    prefer = {"Prefer": f"fault={name}"} if source == "header" else {}
    sent = body(model=f"mock/{name}") if source == "model" else body()
    reply, _ = send(sent, endpoint, {"Content-Type": "application/json", **headers, **prefer})

    by = f"fault={name}; draw={reply.headers['x-mock-reply'][-8:]}" if source == "chaos" else None
    if name in accepted_by:
        expected = (200, f"chaos; {by}" if by else f"forced; fault={name}; by={source}")
    elif status == 401:
        expected = (401, "refused")
    else:
        expected = (200, reply.headers["x-mock-reply"])
        assert reply.headers["x-mock-reply"].endswith("; not-applied")
    assert (reply.status, reply.headers["x-mock-reply"]) == expected
    assert len(namespace.queued()) == (source == "queue" and name not in accepted_by)


def test_an_accepted_call_is_validated_and_delayed():
    waited = []
    endpoint = endpoint_of(load(), Settings(fault="no-key-accepted,delay=250"), Pauses(waited.append))
    reply, _ = send(body(top_n=0), endpoint, {"Content-Type": "application/json"})

    assert (reply.status, waited) == (400, [0.25])
    assert reply.headers["x-mock-reply"] == "forced; fault=no-key-accepted; by=server"


@pytest.mark.parametrize("queued", ["429", "unsorted"])
def test_a_refused_key_uses_no_other_fault(queued):
    endpoint = endpoint_of()
    namespace = endpoint.registry.open("default")
    namespace.enqueue([each.queued for each in from_json(queued, endpoint.catalogue)])
    reply, _ = send(body(), endpoint, {})

    assert (reply.status, reply.headers["x-mock-reply"]) == (401, "refused")
    assert [each.left for each in namespace.queued()] == [1]


def test_a_refused_key_changes_no_random_number_of_other_faults():
    def draws(refused):
        endpoint = endpoint_of(settings=Settings(chaos=("429=0.5",)))
        if refused:
            send(body(), endpoint, {})
        return [send(body(), endpoint, parse=False).headers["x-mock-reply"] for _ in range(9)]

    assert draws(refused=True) == draws(refused=False)


def slow(_):
    raise RequestTimeout(1)


@pytest.mark.parametrize(
    "call",
    [
        Call({"Prefer": "fault=unsrted"}),
        Call({"Content-Length": "9" * 20}),
        Call({}, slow),
    ],
)
def test_a_refused_key_is_the_only_error_of_its_call(call):
    endpoint = endpoint_of(settings=Settings(fault="no-key-accepted"))

    assert endpoint.answer(call).status == 401


@pytest.mark.in_memory
def test_two_calls_share_a_queued_fault_only_once():
    """Another call takes the fault while this one is being read."""
    endpoint = endpoint_of()
    namespace = endpoint.registry.open("default")
    specs = from_json({"fault": "top-n-refused", "then": "one-document-refused"}, endpoint.catalogue)
    namespace.enqueue([each.queued for each in specs])
    accept = namespace.take

    def after_another_call(queued):
        namespace.take = accept
        assert accept(queued)
        return accept(queued)

    namespace.take = after_another_call
    reply, _ = send(body(top_n=1, documents=["llama"]), endpoint)

    assert reply.headers["x-mock-reply"] == "forced; fault=one-document-refused; by=queue"


@pytest.mark.parametrize(
    ("settings", "headers", "status"),
    [
        ({}, {}, 401),
        ({"chaos": ["unknown-field-ignored=1"]}, {"Prefer": "code=429"}, 401),
        ({}, {"Prefer": "fault=any-key-accepted"}, 200),
        ({"fault": "any-key-accepted"}, {}, 200),
    ],
)
def test_a_long_body_is_read_only_if_a_fault_may_accept_the_key(settings, headers, status):
    endpoint, read = endpoint_of(load(), Settings(api_keys=("good",), **settings)), []
    content = json.dumps(body(documents=["a" * 100_000])).encode()
    sent = {**KEY, "Content-Length": str(len(content)), **headers}

    reply = endpoint.answer(Call(sent, lambda size: (read.append(size), content[:size])[1]))

    assert (reply.status, bool(read)) == (status, status == 200)
