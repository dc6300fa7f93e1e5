"""The control plane: the routes, the input that they accept, and the messages of their errors."""

import json

import pytest

from together_rerank_mockserver.http.flask_app import create_app
from together_rerank_mockserver.ranking.score import explain
from together_rerank_mockserver.settings import Settings
from together_rerank_spec import Validator, load

ERROR = Validator(load().response_schema(400))
BODY = {"model": "m", "query": "llama", "documents": ["panda", "llama"]}
KEY = {"Authorization": "Bearer key"}
A = {"Authorization": "Bearer test-a"}


@pytest.fixture
def client():
    return create_app(Settings(api_keys=("key", "test-a", "test-b"), models=("m",), journal_max=5)).test_client()


def rerank(client, headers=KEY, **changes):
    return client.post("/v1/rerank", json=BODY | changes, headers=headers)


def test_health_and_version(client):
    assert client.get("/__admin/health").json == client.get("/health").json
    assert client.get("/__admin/version").json["version"] == client.get("/health").json["version"]
    assert client.get("/__admin/version").json["document"] == "the corrected document"


def test_spec_returns_the_document(client):
    assert client.get("/__admin/spec").json == json.loads(json.dumps(load().content))


def test_the_settings_are_returned_without_keys():
    settings = Settings(api_keys=("sesame", "open"), admin_token="token-1", rate_limit="5/minute")
    response = create_app(settings).test_client().get("/__admin/settings", headers={"Authorization": "Bearer token-1"})

    assert response.json["api_keys"] == 2
    assert response.json["admin_token"] is True
    assert response.json["rate_limit"] == "5/minute"
    assert "sesame" not in response.text
    assert "token-1" not in response.text


def test_explain_returns_what_the_command_prints(client):
    response = client.post("/__admin/explain", json=BODY)

    assert response.json == json.loads(json.dumps(explain(BODY)))
    assert [row["index"] for row in response.json] == [1, 0]


def test_requests_are_listed_oldest_first_without_their_keys(client):
    rerank(client)
    rerank(client, documents=[])
    rerank(client, {"Authorization": "Bearer wrong-key"})
    client.get("/v2/other?api_key=key")

    journal = client.get("/__admin/requests").json

    assert journal["total"] == 4
    assert [(entry["method"], entry["path"], entry["status"], entry["reply"]) for entry in journal["requests"]] == [
        ("POST", "/v1/rerank", 200, "scored"),
        ("POST", "/v1/rerank", 400, "refused"),
        ("POST", "/v1/rerank", 401, "refused"),
        ("GET", "/v2/other", 404, "refused"),
    ]
    assert journal["requests"][0]["body"] == BODY
    assert "wrong-key" not in json.dumps(journal)
    assert "authorization" not in json.dumps(journal)


def test_requests_can_be_filtered_and_paged(client):
    for _ in range(4):
        rerank(client)
    rerank(client, documents=[])

    def paths(query):
        journal = client.get(f"/__admin/requests?{query}").json
        return journal["total"], [entry["status"] for entry in journal["requests"]]

    assert paths("status=400") == (1, [400])
    assert paths("status=none") == (0, [])
    assert paths("reply=refused")[0] == paths("status=400")[0]
    assert paths("reply=scored")[0] == paths("status=200")[0]
    assert paths("reply=none") == (0, [])
    assert paths("path=/rerank") == (0, [])
    assert paths("path=/v1/rerank&limit=2") == (5, [200, 200])
    assert paths("offset=3&limit=9") == (5, [200, 400])
    assert paths("limit=0") == (5, [])


def test_dropped_entries_are_counted_until_the_journal_is_cleared(client):
    for _ in range(8):
        rerank(client)

    assert (client.get("/__admin/requests").json["total"], client.get("/__admin/requests").json["dropped"]) == (5, 3)
    client.delete("/__admin/requests")
    assert (client.get("/__admin/requests").json["total"], client.get("/__admin/requests").json["dropped"]) == (0, 0)


def test_the_namespaces_are_listed_last_used_first(client):
    assert client.get("/__admin/namespaces").json == {"namespaces": [counts("default")]}
    client.post("/__admin/faults?namespace=test-a", json={"fault": "503", "then": {"fault": "ok"}})
    client.put("/__admin/ranking?namespace=test-b", json={"rank": [0]})
    client.post("/__admin/ranking?namespace=test-b", json={"rank": [1]})
    client.post("/__admin/faults?namespace=test-b&word=call17", json={"fault": "429"})
    rerank(client)
    rerank(client, A)

    assert client.get("/__admin/namespaces").json["namespaces"] == [
        counts("test-a", requests=1, faults=1),
        counts("default", requests=1),
        counts("test-b call17", faults=1),
        counts("test-b", rankings=2),
    ]


def counts(name, **given):
    return {"namespace": name, "requests": 0, "faults": 0, "rankings": 0, **given}


def test_the_resilience_of_the_clients_of_a_namespace(client):
    client.post("/__admin/faults?namespace=test-a", json={"fault": "429", "retry_after": 5})
    rerank(client, A)
    rerank(client, A)

    found = client.get("/__admin/resilience?namespace=test-a").json

    (finding,) = found["findings"]
    assert (found["namespace"], found["total"], found["dropped"]) == ("test-a", 2, 0)
    assert (finding["rule"], finding["requests"]) == ("ignored-retry-after", [1, 2])
    assert "whose Retry-After was 5 s" in finding["sentence"]
    assert client.get("/__admin/resilience").json["findings"] == []


def test_the_environment_points_clients_to_the_mock(client):
    variables = client.get("/__admin/environment?namespace=test-a&word=call17").json

    assert variables["CO_API_URL"] == "http://localhost/cohere"
    assert variables["TOGETHER_API_KEY"] == "test-a"
    # The mock does not accept the key `default`.
    assert "TOGETHER_API_KEY" not in client.get("/__admin/environment").json
    assert create_app().test_client().get("/__admin/environment").json["TOGETHER_API_KEY"] == "default"


def test_a_fault_after_one_for_all_calls_is_a_conflict(client):
    client.post("/__admin/faults", json={"fault": "503", "times": "always"})

    refused = client.post("/__admin/faults", json={"fault": "ok"})

    assert refused.status_code == 409
    assert refused.json["error"]["message"] == "no fault can follow one whose `times` is `always`"


def test_faults_are_queued_listed_and_cleared(client):
    queued = client.post(
        "/__admin/faults", json={"fault": "429", "times": 2, "retry_after": 1, "then": {"fault": "ok"}}
    )

    assert queued.status_code == 200
    assert queued.json["queue"] == [
        {"fault": "429", "times": 2, "retry_after": 1},
        {"fault": "ok", "times": 1},
    ]
    assert rerank(client).status_code == 429
    assert client.get("/__admin/faults").json["queue"][0] == {"fault": "429", "times": 1, "retry_after": 1}
    assert "unsorted" in client.get("/__admin/faults").json["known"]
    assert client.delete("/__admin/faults").json["queue"] == []
    assert rerank(client).status_code == 200


@pytest.mark.parametrize("fault", ["hang", "reset", "empty"])
def test_a_chain_with_a_fault_that_needs_another_server_is_not_queued(client, fault):
    refused = client.post("/__admin/faults", json={"fault": "429", "then": {"fault": fault}})

    assert refused.status_code == 501
    assert "serve --server threaded" in refused.json["error"]["message"]
    assert client.get("/__admin/faults").json["queue"] == []


def test_a_namespace_parameter_reads_and_changes_only_that_namespace(client):
    client.post("/__admin/faults?namespace=test-a", json={"fault": "503", "times": 9})
    client.post("/__admin/faults?namespace=test-b", json={"fault": "503"})

    assert [rerank(client, headers).status_code for headers in (A, KEY)] == [503, 200]
    assert client.get("/__admin/requests?namespace=test-a").json["total"] == 1
    assert client.get("/__admin/requests?namespace=test-b").json["total"] == 0
    client.post("/__admin/reset?namespace=test-a")
    assert client.get("/__admin/faults?namespace=test-a").json["queue"] == []
    assert client.get("/__admin/requests?namespace=test-a").json["total"] == 0
    assert len(client.get("/__admin/faults?namespace=test-b").json["queue"]) == 1
    assert client.get("/__admin/requests").json["total"] == 1


def test_control_plane_requests_need_no_key_get_no_fault_and_are_not_recorded():
    client = create_app(Settings(fault="503", latency_ms=60_000, rate_limit="1/hour")).test_client()
    for _ in range(3):
        assert client.get("/__admin/health", headers={"Prefer": "code=429"}).status_code == 200
    assert client.get("/__admin/nothing").status_code == 404

    assert client.get("/__admin/requests").json["total"] == 0


@pytest.mark.parametrize(
    ("method", "path", "body", "because"),
    [
        (
            "GET",
            "requests?limt=1",
            None,
            "`limt` is not a parameter; known: namespace, word, status, path, reply, limit, offset",
        ),
        ("GET", "health?status=1", None, "`status` is not a parameter; known: namespace"),
        ("GET", "requests?limit=-1", None, "`limit` must be an integer from 0, not -1"),
        ("GET", "requests?status=ok", None, "`status` must be an integer from 0, or none"),
        ("GET", "requests?limit=1&limit=2", None, "The parameter `limit` occurs twice"),
        (
            "GET",
            "faults?namespace=secret",
            None,
            "`namespace` must be default, or an accepted key that begins with test-",
        ),
        ("GET", "faults?namespace=", None, "`namespace` must be default"),
        ("POST", "faults?namespace=test-unlisted", b"{}", "`namespace` must be default, or an accepted key"),
        ("GET", f"faults?namespace=test-{'x' * 300}", None, "`namespace` must be default"),
        ("POST", "reset", b'{"namespace": "test-a"}', "This request takes no body"),
        ("DELETE", "requests", b"[1]", "This request takes no body"),
        ("DELETE", "faults", b"{", "The body is not JSON"),
        ("POST", "faults", b"", "The request has no body"),
        ("POST", "faults", b"{", "The body is not JSON"),
        ("POST", "faults", b"[]", "a fault must be an object such as"),
        ("POST", "faults", b'{"fault": "4290"}', "the nearest: 429, "),
        ("POST", "faults", b'{"fault": "429", "time": 2}', "did you mean `times`?"),
        ("POST", "faults", b"[" * 5000, "nested deeper"),
        ("POST", "explain", b'{"query": 1}', "`/query` must be a string"),
    ],
)
def test_invalid_input_is_rejected_with_what_is_accepted(client, method, path, body, because):
    refused = client.open(f"/__admin/{path}", method=method, data=body)

    assert refused.status_code == 400
    assert ERROR.violations(refused.json) == []
    assert because in refused.json["error"]["message"]


@pytest.mark.parametrize(("method", "path"), [("POST", "faults"), ("PUT", "ranking"), ("POST", "reset")])
def test_a_body_over_the_limit_is_rejected(method, path):
    client = create_app(Settings(max_body=10**9)).test_client()

    refused = client.open(f"/__admin/{path}", method=method, data=b" " * 4_194_305)

    assert refused.status_code == 413
    assert "4194304 bytes, the limit of this server (for the control plane)" in refused.json["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "body", "key"),
    [
        ("POST", "faults", '{"fault": "429", "times": 1, "times": 2}', "times"),
        ("POST", "faults", '{"fault": "429", "then": {"fault": "ok", "f\\u0061ult": "503"}}', "fault"),
        ("PUT", "ranking", '{"scores": {"0": 0.5, "1": 1, "0": 0.7}}', "0"),
    ],
)
def test_a_repeated_key_is_rejected_with_its_name(client, method, path, body, key):
    refused = client.open(f"/__admin/{path}", method=method, data=body)

    assert refused.status_code == 400
    assert f"the key `{key}` twice" in refused.json["error"]["message"]
    assert client.get("/__admin/faults").json["queue"] == []
    assert client.get("/__admin/ranking").json["ranking"] is None


@pytest.mark.slow
def test_rankings_of_all_namespaces_share_a_limit():
    client = create_app().test_client()
    large = {"rank": [f"{number:05}" * 2000 for number in range(100)]}
    statuses = []
    while 413 not in statuses and len(statuses) < 60:
        path, method = f"/__admin/ranking?namespace=test-{len(statuses)}", ("PUT", "POST")[len(statuses) % 2]
        response = client.open(path, method=method, json=large)
        statuses.append(response.status_code)

    assert statuses[:2] == [200, 200]
    assert "of all namespaces would take more than 67108864 bytes" in response.json["error"]["message"]
    assert client.put("/__admin/ranking?namespace=test-0", json=large).status_code == 200
    client.delete("/__admin/ranking?namespace=test-1")
    assert client.put("/__admin/ranking", json=large).status_code == 200


@pytest.mark.parametrize("path", ["/__admin/nothing", "/__admin/requests/1", "/__admin/%ff"])
def test_an_unknown_route_is_answered_with_the_known_routes(client, path):
    refused = client.get(path)

    assert refused.status_code == 404
    assert "known routes below /__admin/: health, version, spec, requests" in refused.json["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "faults", "DELETE, GET, POST"), ("GET", "reset", "POST"), ("OPTIONS", "faults", "DELETE, GET, POST")],
)
def test_a_method_that_is_not_allowed_is_rejected(client, method, path, allowed):
    refused = client.open(f"/__admin/{path}", method=method)

    assert refused.status_code == 405
    assert refused.headers["Allow"] == allowed
    assert ERROR.violations(refused.json) == []


def test_head_is_answered_like_get_without_a_body(client):
    assert client.head("/__admin/health").status_code == 200
    assert client.head("/__admin/health").data == b""


def test_unusual_bodies_do_not_break_the_journal(client):
    for content in (b'{"n": 18446744073709551616}', rb'{"\ud800": 1}', b"[" * 400 + b"]" * 400, b"\xff"):
        client.post("/v1/rerank", data=content, headers=KEY, content_type="application/json")

    assert client.get("/__admin/requests").json["total"] == 4


def test_calls_with_a_word_have_a_namespace_of_their_own(client):
    client.post("/__admin/faults?word=Call17", json={"fault": "503"})
    client.put("/__admin/ranking?word=call17", json={"rank": [0]})

    assert rerank(client, query="llama").json["results"][0]["index"] == 1
    assert rerank(client, query="llama CALL17").status_code == 503
    assert rerank(client, documents=["panda", "llama call17"]).json["results"][0]["index"] == 0
    assert rerank(client, A, query="llama call17").json["results"][0]["index"] == 1
    journal = client.get("/__admin/requests?word=call17").json
    assert journal["namespace"] == "default call17"
    assert [each["status"] for each in journal["requests"]] == [503, 200]
    assert client.get("/__admin/requests").json["total"] == 1


def test_a_reset_of_a_word_keeps_it_and_a_reset_of_its_namespace_removes_it(client):
    client.post("/__admin/faults?word=call17", json={"fault": "503"})
    client.post("/__admin/reset?word=call17")

    assert rerank(client, query="call17").status_code == 200
    assert client.get("/__admin/requests").json["total"] == 0
    assert client.get("/__admin/requests?word=call17").json["total"] == 1

    client.post("/__admin/faults?word=call17", json={"fault": "503"})
    client.post("/__admin/reset")

    assert rerank(client, query="call17").status_code == 200
    assert client.get("/__admin/requests").json["total"] == 1


@pytest.mark.parametrize("word", ["", "two words", "ä", "x" * 101])
def test_an_invalid_word_is_refused(client, word):
    refused = client.get(f"/__admin/requests?word={word}")

    assert refused.status_code == 400
    assert "`word` must be 1 to 100 ASCII letters, digits, `-` and `_`" in refused.json["error"]["message"]


def test_the_oldest_word_is_removed_when_there_are_too_many(client):
    for number in range(201):
        client.post(f"/__admin/faults?word=w{number:03}", json={"fault": "503"})

    assert rerank(client, query="w000").status_code == 200
    assert rerank(client, query="w001").status_code == 503


def test_the_longest_word_of_a_body_counts(client):
    client.post("/__admin/faults?word=call1", json={"fault": "429", "times": "always"})
    client.post("/__admin/faults?word=call17", json={"fault": "503", "times": "always"})

    assert rerank(client, query="call17").status_code == 503
    assert rerank(client, query="call1").status_code == 429


def test_reading_the_journal_of_a_word_gives_it_no_namespace(client):
    client.get("/__admin/requests?word=llama")

    rerank(client, query="llama")
    assert client.get("/__admin/requests").json["total"] == 1
