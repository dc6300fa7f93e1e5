"""A recorded request gets its recorded answer, others are scored; keys, faults and overrides come first."""

import http.client
import json

import pytest

import together_rerank_fixtures as fixtures
from command_runner import assert_refused, run
from endpoint_calls import KEY, Pauses, body, endpoint_of, send
from exchange_files import changed, recorded
from mock_process import running
from together_rerank_fixtures import FixtureError
from together_rerank_mockserver.faults import error, wire
from together_rerank_mockserver.ranking.override import from_json
from together_rerank_mockserver.settings import LIBRARY, Settings
from together_rerank_spec import load

JSON = "application/json"
REPLAYED = [
    each
    for each in fixtures.all()
    if each.request.method == "POST"
    and each.request.path == "/v1/rerank"
    and each.request.headers.get("Authorization", "").startswith("Bearer ")
    and each.name != "success/document_example_scored"
]


def endpoint(source=LIBRARY, **settings):
    return endpoint_of(load(), Settings(replay=str(source), **settings), Pauses(lambda _: None))


LIBRARY_ENDPOINT = endpoint()


@pytest.mark.parametrize("exchange", REPLAYED, ids=lambda exchange: exchange.name)
def test_a_recorded_request_gets_its_recorded_answer(exchange):
    reply = send(exchange.request.content, LIBRARY_ENDPOINT, exchange.request.headers, parse=False)

    assert (reply.status, reply.body) == (exchange.response.status, exchange.response.content)
    assert reply.headers["x-mock-reply"] == f"replayed; name={exchange.name}"
    assert {name: reply.headers[name] for name in exchange.response.headers} == exchange.response.headers


def test_these_exchanges_of_the_library_are_not_replayed():
    others = {each.name for each in fixtures.all()} - {each.name for each in REPLAYED}

    assert others == {
        "method_not_allowed/get",
        "not_found/doubled_base_path",
        "not_found/path",
        "success/document_example_scored",  # the document's own answer to the same request is replayed
        "unauthorized/malformed_key",
        "unauthorized/missing_key",
    }


def test_a_request_that_was_not_recorded_is_scored():
    reply, answer = send(body(), LIBRARY_ENDPOINT)

    assert reply.headers["x-mock-reply"] == "scored"
    assert [result["index"] for result in answer["results"]] == [1, 0]


RECORDED = fixtures.get("success/top_n_all").request.body


@pytest.mark.parametrize(
    ("content", "equal"),
    [
        (json.dumps(RECORDED, indent=3).encode(), True),
        (json.dumps(dict(reversed(RECORDED.items()))).encode(), True),
        (b"\xef\xbb\xbf" + json.dumps(RECORDED).encode(), None),
        (json.dumps(RECORDED).encode("utf-16"), None),
        (json.dumps({**RECORDED, "top_n": float(RECORDED["top_n"])}).encode(), False),
        (json.dumps({**RECORDED, "documents": RECORDED["documents"][::-1]}).encode(), False),
        (json.dumps({**RECORDED, "model": "another"}).encode(), False),
        (json.dumps({**RECORDED, "return_documents": True}).encode(), False),
    ],
)
def test_json_is_equal_regardless_of_key_order_and_spaces(content, equal):
    reply, _ = send(content, LIBRARY_ENDPOINT)

    shown = {True: "replayed; name=success/top_n_all", False: "scored", None: "refused"}
    assert reply.headers["x-mock-reply"] == shown[equal]


def test_an_exchange_about_a_wrong_key_is_not_replayed_to_another_key():
    exchange = fixtures.get("unauthorized/invalid_key")

    assert send(exchange.request.content, LIBRARY_ENDPOINT)[0].headers["x-mock-reply"] == "scored"


def test_an_exchange_recorded_without_a_key_is_replayed_to_any_key(tmp_path):
    recorded(tmp_path, changed("success/strings", request__headers={"Content-Type": JSON}))

    reply, _ = send(fixtures.get("success/strings").request.content, endpoint(tmp_path))

    assert reply.headers["x-mock-reply"] == "replayed; name=kept/mine"


def test_the_media_type_must_match_the_recorded_one():
    exchange = fixtures.get("bad_request/content_type")
    media = exchange.request.headers["Content-Type"]
    as_json = send(exchange.request.content, LIBRARY_ENDPOINT)[0]
    as_text = send(
        exchange.request.content, LIBRARY_ENDPOINT, {**KEY, "Content-Type": f"{media.title()}; charset=utf-8"}
    )[0]

    as_latin_1 = send(
        json.dumps(RECORDED).encode(), LIBRARY_ENDPOINT, {**KEY, "Content-Type": f"{JSON}; charset=latin-1"}
    )[0]

    assert as_latin_1.status == 400
    assert as_json.headers["x-mock-reply"] == "scored"
    assert as_text.headers["x-mock-reply"] == "replayed; name=bad_request/content_type"


def test_the_recorded_id_is_the_request_id():
    exchange = fixtures.get("payment_required/credit_limit")
    reply, _ = send(exchange.request.content, LIBRARY_ENDPOINT)

    assert reply.headers["x-request-id"] == exchange.response.body["id"] == "o3LiXw4-62bZhn-96040daf687810ab"


RATE_LIMIT = fixtures.get("rate_limit/queries_per_minute").request.content


def test_a_wrong_key_is_rejected_before_replay():
    guarded = endpoint(api_keys=("mine",))

    assert send(RATE_LIMIT, guarded)[0].headers["x-mock-reply"] == "refused"
    accepted = send(RATE_LIMIT, guarded, {**KEY, "Authorization": "Bearer mine"})[0]
    assert accepted.headers["x-mock-reply"].startswith("replayed")


def test_a_fault_comes_before_replay():
    forced = send(RATE_LIMIT, LIBRARY_ENDPOINT, {**KEY, "Prefer": "code=503"})[0]
    changed, answer = send(
        json.dumps(RECORDED).encode(), LIBRARY_ENDPOINT, {**KEY, "Prefer": "fault=index-out-of-range"}
    )

    assert (forced.status, forced.headers["x-mock-reply"]) == (503, "forced; fault=503; by=header")
    assert changed.headers["x-mock-reply"] == "forced; fault=index-out-of-range; by=header"
    assert answer["results"][0]["index"] == len(RECORDED["documents"])


def test_a_request_fault_comes_before_replay():
    reply, _ = send(json.dumps(RECORDED).encode(), LIBRARY_ENDPOINT, {**KEY, "Prefer": "fault=top-n-refused"})

    assert (reply.status, reply.headers["x-mock-reply"]) == (400, "forced; fault=top-n-refused; by=header")


@pytest.mark.parametrize("fault", [each.name for each in error.FAULTS])
def test_every_error_fault_applies_to_recorded_errors_only(fault):
    for exchange in REPLAYED:
        headers = exchange.request.headers | {"Prefer": f"fault={fault}"}
        reply = send(exchange.request.content, LIBRARY_ENDPOINT, headers, parse=False)

        recorded = (exchange.response.status, exchange.response.content)
        is_forced = reply.headers["x-mock-reply"] == f"forced; fault={fault}; by=header"
        assert exchange.response.status >= 400 or not is_forced, exchange.name
        assert is_forced == ((reply.status, reply.body) != recorded), exchange.name


@pytest.mark.parametrize("prefer", ["code=200", "fault=ok"])
def test_ok_disables_replay(prefer):
    reply, _ = send(RATE_LIMIT, LIBRARY_ENDPOINT, {**KEY, "Prefer": prefer})

    assert (reply.status, reply.headers["x-mock-reply"]) == (200, "scored; fault=ok; by=header")


def test_delays_and_wire_faults_apply_to_a_recorded_answer():
    late, _ = send(RATE_LIMIT, LIBRARY_ENDPOINT, {**KEY, "Prefer": "delay=1"})
    spoiled = send(RATE_LIMIT, LIBRARY_ENDPOINT, {**KEY, "Prefer": "fault=wrong-content-type"}, parse=False)

    assert late.status == spoiled.status == 429
    assert spoiled.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize("fault", [each.name for each in wire.FAULTS])
def test_every_wire_fault_applies_to_every_recorded_answer(fault):
    for exchange in REPLAYED:
        headers = exchange.request.headers | {"Prefer": f"fault={fault}"}
        reply = send(exchange.request.content, LIBRARY_ENDPOINT, headers, parse=False, raw_socket=True)

        assert reply.headers["x-mock-reply"] == f"forced; fault={fault}; by=header", exchange.name


def test_a_replayed_200_has_x_mock_accepts():
    reply, _ = send(json.dumps(RECORDED).encode(), LIBRARY_ENDPOINT)

    assert reply.headers["x-mock-accepts"] == "any-key, any-model"
    assert "x-mock-accepts" not in send(RATE_LIMIT, LIBRARY_ENDPOINT)[0].headers


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "5"}, 5),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"Retry-After-Ms": "1500.5"}, 1.5005),
        ({"Retry-After": "-1"}, None),
    ],
)
def test_retry_after_is_replayed_as_recorded(tmp_path, headers, seconds):
    recorded(tmp_path, changed("rate_limit/queries_per_minute", response__headers={"Content-Type": JSON, **headers}))

    reply, _ = send(RATE_LIMIT, endpoint(tmp_path))

    assert reply.retry_after == seconds
    ((name, value),) = headers.items()
    assert {each.lower(): reply.headers[each] for each in reply.headers}[name.lower()] == value


def test_headers_of_the_mock_replace_recorded_ones(tmp_path):
    headers = {"content-type": JSON, "X-Request-Id": "theirs", "X-Mock-Reply": "theirs", "content-length": "1"}
    recorded(tmp_path, changed("success/strings", response__headers=headers, response__body__id="i" * 201))

    reply, _ = send(fixtures.get("success/strings").request.content, endpoint(tmp_path))

    names = [name.lower() for name in reply.headers]
    assert sorted(names) == ["content-type", "x-mock-accepts", "x-mock-reply", "x-request-id"]
    assert reply.headers["x-mock-reply"] == "replayed; name=kept/mine"
    assert len(reply.headers["x-request-id"]) < 50


def test_a_ranking_override_comes_before_replay():
    overridden = endpoint()
    overridden.registry.set_override("default", from_json({"rank": [2, 1, 0]}))

    reply, answer = send(json.dumps(RECORDED).encode(), overridden)

    assert reply.headers["x-mock-reply"] == "designed"
    assert [result["index"] for result in answer["results"]] == [2, 1, 0]


def test_a_folder_of_the_user_is_replayed(tmp_path):
    name = "mine/über uns"
    recorded(
        tmp_path, changed("success/strings", response__body__id="mine", response__headers__Date="x"), f"{name}.json"
    )
    replaying = endpoint(tmp_path)

    reply, answer = send(fixtures.get("success/strings").request.content, replaying)

    assert answer["id"] == reply.headers["x-request-id"] == "mine"
    assert reply.headers["x-mock-reply"] == "replayed; name=mine/%C3%BCber%20uns"
    assert "Date" not in reply.headers
    assert send(RATE_LIMIT, replaying)[0].headers["x-mock-reply"] == "scored"


@pytest.mark.parametrize("source", [{"kind": "observed", "citation": "a test", "date": "2026-01-01"}, {"kind": "kit"}])
def test_two_recorded_answers_to_one_request_are_rejected(tmp_path, source):
    for name in ("a", "b"):
        recorded(tmp_path, changed("success/strings", source=source), f"{name}.json")

    with pytest.raises(FixtureError, match="b have the same request"):
        endpoint(tmp_path)


def ask(mock, request):
    connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=20)
    connection.request("POST", "/v1/rerank", json.dumps(request), KEY)
    response = connection.getresponse()
    answer = json.load(response)
    connection.close()
    return response.headers["x-mock-reply"], answer["id"]


@pytest.mark.served
def test_a_process_replays_the_library_or_a_folder(tmp_path):
    recorded(tmp_path, changed("success/strings", response__body__id="mine"))
    exchange = fixtures.get("success/strings")
    of_the_library = "replayed; name=success/strings", exchange.response.body["id"]

    with running("-q", "--replay") as mock:
        assert ask(mock, exchange.request.body) == of_the_library
    with running("-q", TOGETHER_RERANK_MOCK_REPLAY="library") as mock:
        assert ask(mock, exchange.request.body) == of_the_library
    with running("-q", "--replay", tmp_path) as mock:
        assert ask(mock, exchange.request.body) == ("replayed; name=kept/mine", "mine")


def test_an_invalid_exchange_stops_the_start(tmp_path):
    recorded(tmp_path, "{")
    reasons = {
        tmp_path: "mine.json: not JSON: ",
        tmp_path / "none": "no such folder, or no exchanges",
        "": "must be a folder, or 'library'",
    }
    for folder, reason in reasons.items():
        assert_refused(run("serve", "-p", "0", "--replay", folder), reason)
