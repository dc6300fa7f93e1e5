"""Each error fault changes an error that the mock would send anyway, and nothing else."""

import json

import pytest

from endpoint_calls import ENDPOINT, KEY, Pauses, body, endpoint_of, send
from fault_requests import CHANGES
from together_rerank_mockserver.api.errors import ClientDisconnected, TooManyWaiting
from together_rerank_mockserver.faults.grammar import from_json
from together_rerank_mockserver.ranking.override import from_json as from_json_ranking
from together_rerank_mockserver.settings import Settings
from together_rerank_mockserver.state.delay_limiter import DelayLimiter
from together_rerank_spec import Document, load

FAULTS = [fault.name for fault in ENDPOINT.catalogue if fault.family == "error"]


def ask(name, sent=None, endpoint=ENDPOINT):
    return send(sent or body(**CHANGES[name]), endpoint, {**KEY, "Prefer": f"fault={name}"}, parse=False)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_an_error_and_says_so(name):
    good = send(body(**CHANGES[name]), parse=False)
    bad = ask(name)

    assert bad.headers["x-mock-reply"] == f"forced; fault={name}; by=header"
    assert bad.headers["Preference-Applied"] == f"fault={name}"
    assert (bad.status == good.status) is (name != "error-undocumented-status")
    assert (bad.body == good.body) is (name == "error-undocumented-status")


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_does_not_change_a_success(name):
    reply = ask(name, body())

    assert reply.status == 200
    assert reply.headers["x-mock-reply"] == f"scored; fault={name}; by=header; not-applied"


REASON = "`/top_n` must be at least 1"


@pytest.mark.parametrize(
    ("name", "content_type", "content"),
    [
        ("error-text", "text/plain", REASON),
        ("error-string", "application/json", json.dumps({"error": REASON}, separators=(",", ":"))),
        ("error-detail", "application/json", json.dumps({"detail": REASON}, separators=(",", ":"))),
    ],
)
def test_the_body_of_an_error_has_another_form(name, content_type, content):
    reply = ask(name)

    assert (reply.headers["Content-Type"], reply.body.decode()) == (content_type, content)


def test_an_error_has_results():
    reply = json.loads(ask("error-with-results").body)

    assert reply["error"]["message"] == REASON
    assert reply["results"] == [{"index": 0, "relevance_score": 0.5}]


def test_an_invalid_request_gets_a_status_that_the_document_does_not_list():
    assert ask("error-undocumented-status").status == 422
    assert 422 not in load().statuses


def test_a_status_of_another_kind_of_error_stays():
    endpoint = endpoint_of(settings=Settings(models=("known",)))
    reply = ask("error-undocumented-status", body(), endpoint)

    assert reply.status == 404
    assert reply.headers["x-mock-reply"] == "refused; fault=error-undocumented-status; by=header; not-applied"


def test_a_429_of_the_quota_is_changed_and_keeps_its_headers():
    endpoint = endpoint_of(settings=Settings(rate_limit="1/minute"))
    ask("error-text", body(), endpoint)
    reply = ask("error-text", body(), endpoint)

    assert (reply.status, reply.headers["Content-Type"]) == (429, "text/plain")
    assert int(reply.headers["Retry-After"]) > 0


def test_a_401_is_not_changed():
    reply, answer = send(body(), endpoint_of(settings=Settings(fault="error-text")), {})

    assert answer["error"]["code"] == "missing_api_key"
    assert reply.headers["x-mock-reply"] == "refused"


def test_an_error_because_of_a_ranking_that_a_test_set_is_not_changed():
    endpoint = endpoint_of(settings=Settings(fault="error-text"))
    endpoint.registry.set_override("default", from_json_ranking({"rank": [9]}))
    reply, answer = send(body(), endpoint)

    assert (reply.status, answer["error"]["type"]) == (400, "invalid_request_error")
    assert reply.headers["x-mock-reply"] == "misuse; fault=error-text; by=server; not-applied"


def test_a_queued_fault_and_its_delay_wait_for_an_error():
    waited = []
    endpoint = endpoint_of(load(), Settings(), Pauses(waited.append))
    namespace = endpoint.registry.open("default")
    spec = {"fault": "error-text", "delay": 250}
    namespace.enqueue([each.queued for each in from_json(spec, endpoint.catalogue)])

    first = send(body(), endpoint, parse=False)
    assert (first.headers["x-mock-reply"], waited) == ("scored; fault=error-text; by=queue; not-applied", [])
    second = send(body(top_n=0), endpoint, parse=False)
    assert (second.headers["x-mock-reply"], waited) == ("forced; fault=error-text; by=queue", [0.25])
    assert namespace.queued() == []


def test_a_fault_whose_delay_finds_no_place_leaves_a_usual_error(monkeypatch):
    endpoint = endpoint_of(settings=Settings(fault="error-text,delay=1"))
    monkeypatch.setattr(DelayLimiter, "wait", full)
    reply, answer = send(body(top_n=0), endpoint)

    assert (reply.status, answer["error"]["type"]) == (503, "overloaded_error")
    assert reply.headers["x-mock-reply"] == "refused; fault=error-text; by=server; not-applied"


def full(*_):
    raise TooManyWaiting(1)


def gone(*_):
    raise ClientDisconnected


def test_a_client_that_disconnects_during_the_delay_gets_nothing(monkeypatch):
    endpoint = endpoint_of(settings=Settings(fault="error-text,delay=1"))
    monkeypatch.setattr(DelayLimiter, "wait", gone)
    reply = send(body(top_n=0), endpoint, parse=False)

    assert not reply.is_sent
    assert reply.headers["x-mock-reply"].startswith("forced")


def test_a_document_that_lists_every_status_has_no_undocumented_one():
    content = json.loads(json.dumps(load().content))
    responses = content["paths"]["/rerank"]["post"]["responses"]
    responses["default"] = responses["400"]
    reply = ask("error-undocumented-status", endpoint=endpoint_of(Document("all.yaml", content)))

    assert reply.status == 400
    assert reply.headers["x-mock-reply"].endswith("; not-applied")
