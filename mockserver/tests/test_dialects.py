"""Every dialect of the kit: requests, rankings, errors and faults have its own form, on one mock."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

import together_rerank_fixtures as fixtures
from together_rerank_fixtures import FixtureError
from together_rerank_fixtures.library import raw
from together_rerank_mockserver.http.flask_app import create_app
from together_rerank_mockserver.http.wsgi import Mock
from together_rerank_mockserver.settings import Settings, SettingsError
from together_rerank_spec import Validator, dialect, dialects

KEYS = {"Authorization": "Bearer a-key", "Api-Key": "a-key"}
DOCUMENTS = ["Pandas live in China.", "A llama in Peru", "Llamas in Peru"]
OPERATIONS = {
    f"/{name}{operation.routes[-1]}": operation
    for name in dialects()
    if name != "together"
    for operation in dialect(name).operations
}
CLIENT = create_app().test_client()
OBSERVED = b'"kind": "observed", "citation": "a test", "date": "2026-11-28"'
CATALOGUE = Mock().endpoint.catalogue
BODY_FAULTS = [each.name for each in CATALOGUE if each.family == "body"]
ERROR_FAULTS = [each.name for each in CATALOGUE if each.family == "error"]


def request(operation, documents=DOCUMENTS, top_n=None):
    """Return the body of a request in the form of *operation*."""
    places = operation.mapping.places["request"]
    body = operation.write_request({"model": "model", "query": "llamas in Peru", "documents": documents})
    if operation.dialect == "pinecone":  # it takes no strings
        body["documents"] = [{"text": each} for each in documents]
    return body if top_n is None else {**body, places["top_n"].removeprefix("/"): top_n}


INVALID = {"infinity": 422, "jina": 422, "mixedbread": 422, "tei": 422}  # others have 400
# Body faults that no other API than Together's has a place for.
REFUSED = {"object-wrong", "usage-no-completion-tokens"}
# The error faults that change nothing, because the API's own errors are so.
UNCHANGED = {"tei": {"error-with-results"}, "voyage": {"error-detail"}}
NO_USAGE = {"usage-missing", "usage-null", "usage-wrong-sum", "usage-negative"}
NO_COUNTS = {"usage-wrong-sum", "usage-negative"}
NO_ID = {"id-missing", "id-constant"}
NO_DOCUMENT = {"document-missing", "document-null", "document-string", "text-unasked"}
REFUSED_BY = {
    "/cohere/v1/rerank": NO_COUNTS | {"model-other", "document-missing"},
    "/cohere/v2/rerank": NO_COUNTS | NO_DOCUMENT | {"model-other"},
    "/infinity/rerank": {"document-null"},
    "/jina/v1/rerank": NO_ID | {"document-string"},
    "/mixedbread/v1/reranking": NO_ID | {"document-null"},
    "/nim/v1/ranking": NO_USAGE | NO_ID | NO_DOCUMENT | {"model-other"},
    "/nim/v1/retrieval/{model}/reranking": NO_USAGE | NO_ID | NO_DOCUMENT | {"model-other"},
    "/pinecone/rerank": NO_COUNTS | NO_ID,
    "/tei/rerank": NO_USAGE | NO_ID | {"model-other", "document-missing", "extra-field", "results-bare-list"},
    **{f"/vllm{path}": {"document-string"} for path in ("/rerank", "/v1/rerank", "/v2/rerank")},
    "/voyage/v1/rerank": NO_ID | {"document-missing"},
}


def post(path, client=CLIENT, headers=KEYS, body=None, **preferences):
    operation = OPERATIONS[path]
    preferred = {"Prefer": ", ".join(f"{name}={value}" for name, value in preferences.items())} if preferences else {}
    url = path.replace("{model}", "nvidia/a-model")
    response = client.post(url, json=body or request(operation), headers={**headers, **preferred})
    return response, json.loads(response.data) if response.is_json else response.text or None


def indexes(path, answer):
    places = OPERATIONS[path].mapping.places["response"]
    results = answer[places["results"].removeprefix("/")] if places["results"] else answer
    return [each[places["index"].removeprefix("/")] for each in results]


def check(operation, status, body):
    if "application/json" in operation.response_media_types(status):
        assert Validator(operation.response_schema(status)).violations(body) == []


def test_there_are_nine_dialects_beside_together():
    names = ("cohere", "infinity", "jina", "mixedbread", "nim", "pinecone", "tei", "together", "vllm", "voyage")
    assert dialects() == names


@pytest.mark.parametrize("path", OPERATIONS)
class TestEveryOperation:
    def test_ranks_in_its_own_form(self, path):
        response, answer = post(path)

        assert (response.status_code, indexes(path, answer)) == (200, [2, 1, 0])
        assert response.headers["x-mock-reply"] == f"scored; dialect={OPERATIONS[path].dialect}"
        check(OPERATIONS[path], 200, answer)

    def test_returns_as_many_results_as_requested(self, path):
        if "top_n" not in OPERATIONS[path].mapping.places["request"]:
            assert OPERATIONS[path].dialect in ("tei", "nim")
            return
        _, answer = post(path, body=request(OPERATIONS[path], top_n=1))

        assert indexes(path, answer) == [2]

    def test_rejects_an_invalid_request_in_its_own_form(self, path):
        operation = OPERATIONS[path]
        response, answer = post(path, body={"query": 5})

        assert response.status_code == INVALID.get(operation.dialect, 400)
        check(operation, response.status_code, answer)

    def test_simulates_each_of_its_errors(self, path):
        operation = OPERATIONS[path]
        for status in operation.error_statuses:
            response, answer = post(path, code=status)

            assert response.status_code == status
            assert answer == operation.body_example(status)
            assert response.mimetype == next(iter(operation.response_media_types(status)), None)
            check(operation, status, answer)

    def test_a_missing_key_is_an_error_if_it_requires_one(self, path):
        operation = OPERATIONS[path]
        response, answer = post(path, headers={})

        wanted = 401 if operation.requires_key else 200
        assert response.status_code == wanted
        check(operation, wanted, answer)
        if operation.key_header == "Api-Key":
            assert "WWW-Authenticate" not in response.headers

    def test_applies_a_body_fault_or_refuses_it_with_the_reason(self, path):
        _, plain = post(path)
        outcomes = {}
        for fault in BODY_FAULTS:
            response, answer = post(path, fault=fault)
            reply = response.headers["x-mock-reply"]
            outcomes[fault] = reply.partition(";")[0]
            if response.status_code == 400:
                assert "answers of this API have no place for it" in response.text, fault
            elif "not-applied" not in reply:
                assert answer != plain or fault == "score-nan", fault

        refused = {fault for fault, outcome in outcomes.items() if outcome == "misuse"}
        assert refused == REFUSED | REFUSED_BY.get(path, set())
        assert {outcomes[fault] for fault in ("unsorted", "index-string", "results-empty", "error-200")} == {"forced"}

    def test_applies_an_error_fault_if_it_changes_the_error(self, path):
        plain, _ = post(path, body={"query": 5})
        unchanged = set()
        for fault in ERROR_FAULTS:
            response, _ = post(path, body={"query": 5}, fault=fault)
            parts = [(each.status_code, each.mimetype, each.data) for each in (plain, response)]
            assert (parts[0] != parts[1]) == response.headers["x-mock-reply"].startswith("forced"), fault
            unchanged |= {fault} if parts[0] == parts[1] else set()

        assert unchanged == UNCHANGED.get(OPERATIONS[path].dialect, set())

    def test_applies_a_request_fault_to_its_own_fields(self, path):
        operation = OPERATIONS[path]
        invalid = INVALID.get(operation.dialect, 400)
        for fault, body in of_request_faults(operation).items():
            usual, _ = post(path, body=body)
            response, _ = post(path, body=body, fault=fault)
            is_accepted = fault in ("empty-accepted", "top-n-converted")
            reply = response.headers["x-mock-reply"]
            if is_accepted and usual.status_code == 200:
                assert reply.startswith(f"scored; fault={fault}; by=header; not-applied"), fault
            else:
                assert response.status_code == (200 if is_accepted else invalid), fault
                assert reply.startswith(f"forced; fault={fault}; by=header"), fault

    def test_accepts_a_call_without_a_key_if_it_requires_one(self, path):
        response, _ = post(path, headers={}, fault="no-key-accepted")

        origin = "forced" if OPERATIONS[path].requires_key else "scored"
        assert response.status_code == 200
        assert response.headers["x-mock-reply"].startswith(f"{origin}; fault=no-key-accepted")


def of_request_faults(operation):
    """Return a request that each fault could change, for the faults whose fields the API has."""
    fields = operation.mapping.places["request"]
    requests = {
        "one-document-refused": request(operation, DOCUMENTS[:1]),
        "many-documents-refused": request(operation, (DOCUMENTS * 21)[:21]),
        "long-document-refused": request(operation, ["llama " * 2000]),
        "empty-accepted": request(operation, []),
        "top-n-refused": request(operation, top_n=1) if "top_n" in fields else None,
        "top-n-converted": request(operation, top_n="1") if "top_n" in fields else None,
    }
    if "return_documents" in fields:
        requests["return-documents-refused"] = {**request(operation), fields["return_documents"][1:]: True}
    return {fault: body for fault, body in requests.items() if body is not None}


def test_the_queue_is_for_all_apis():
    client = create_app().test_client()
    chain = {"fault": "498", "then": {"fault": "429", "retry_after": 7, "then": {"fault": "unsorted"}}}
    assert client.post("/__admin/faults", json=chain).status_code == 200

    assert post("/cohere/v2/rerank", client)[0].status_code == 498
    response, answer = post("/jina/v1/rerank", client)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")
    assert set(answer) == {"detail", "code", "request_id"}
    _, answer = post("/tei/rerank", client)
    assert indexes("/tei/rerank", answer) == [0, 1, 2]


def test_a_status_that_the_api_does_not_list_has_its_form_and_is_marked():
    client = create_app().test_client()
    client.post("/__admin/faults", json={"fault": "498"})

    response, answer = post("/jina/v1/rerank", client)

    assert response.status_code == 498
    assert answer["detail"] == "Unknown Error"
    assert response.headers["x-mock-reply"] == "forced; fault=498; by=queue; undocumented; dialect=jina"


def test_settings_can_request_a_fault_that_only_a_dialect_has():
    client = create_app(Settings(fault="498")).test_client()

    assert post("/cohere/v1/rerank", client)[0].status_code == 498


def test_a_ranking_override_applies_in_every_api():
    client = create_app().test_client()
    client.put("/__admin/ranking", json={"rank": [0, 2]})

    for path in OPERATIONS:
        response, answer = post(path, client)
        assert indexes(path, answer) == [0, 2, 1]
        assert response.headers["x-mock-reply"].startswith("designed")


def test_one_quota_is_for_all_apis():
    client = create_app(Settings(rate_limit="1/minute")).test_client()

    assert post("/cohere/v2/rerank", client)[0].status_code == 200
    response, answer = post("/tei/rerank", client)

    assert (response.status_code, answer["error_type"]) == (429, "Overloaded")
    assert int(response.headers["Retry-After"]) > 0
    assert not [name for name, _ in response.headers if name.lower().startswith("x-ratelimit")]


def test_chaos_draws_a_status_of_the_api():
    client = create_app(Settings(chaos=("503=1",))).test_client()

    response, answer = post("/voyage/v1/rerank", client)

    assert response.headers["x-mock-reply"].startswith("chaos; fault=503; draw=")
    assert set(answer) == {"detail"}


def test_the_journal_shows_the_request_and_its_canonical_form():
    client = create_app().test_client()
    post("/nim/v1/retrieval/{model}/reranking", client)

    (entry,) = client.get("/__admin/requests").json["requests"]

    assert entry["path"] == "/nim/v1/retrieval/nvidia/a-model/reranking"
    assert entry["body"]["query"] == {"text": "llamas in Peru"}
    assert entry["canonical"] == {
        "model": "nvidia/a-model",
        "query": "llamas in Peru",
        "documents": DOCUMENTS,
        "return_documents": False,
    }


def test_the_journal_of_together_has_no_second_form():
    client = create_app().test_client()
    client.post("/v1/rerank", json={"model": "m", "query": "q", "documents": ["a"]}, headers=KEYS)

    (entry,) = client.get("/__admin/requests").json["requests"]

    assert "canonical" not in entry


@pytest.mark.parametrize(
    ("path", "model"),
    [("/nim/v1/retrieval/mock/429/reranking", None), ("/cohere/v2/rerank", "mock/429"), ("/rerank", "mock/429")],
)
def test_the_model_can_request_a_fault(path, model):
    body = {"query": {"text": "q"}, "passages": [{"text": "a"}]} if model is None else {"model": model}

    response = CLIENT.post(path, json=body, headers=KEYS)

    assert response.status_code == 429
    assert response.headers["x-mock-reply"].startswith("forced; fault=429; by=model")


def test_any_model_is_served_unless_the_settings_name_some():
    client = create_app(Settings(models=("known",))).test_client()
    body = {**request(OPERATIONS["/cohere/v2/rerank"]), "model": "unknown"}

    response, answer = post("/cohere/v2/rerank", client, body=body)

    assert response.status_code == 404
    assert answer["message"].startswith("model 'unknown' not found, ")
    assert post("/cohere/v2/rerank", client, body={**body, "model": "known"})[0].status_code == 200
    assert post("/cohere/v2/rerank", CLIENT, body=body)[0].status_code == 200


@pytest.mark.parametrize(
    ("path", "changes", "status", "message"),
    [
        ("/tei/rerank", {"texts": ["a"] * 33}, 413, "batch size 33 > maximum allowed batch size 32"),
        ("/tei/rerank", {"texts": []}, 400, "`/texts` must have at least 1 item"),
        ("/tei/rerank", {"texts": [1]}, 422, "`/texts/0` must be a string"),
        ("/cohere/v2/rerank", {"rank_fields": ["a"]}, 422, "`/rank_fields` is not a field"),
        ("/cohere/v2/rerank", {"query": 1}, 400, "`/query` must be a string"),
        ("/voyage/v1/rerank", {"top_n": 1}, 400, "`/top_n` is not a field; did you mean `top_k`?"),
    ],
)
def test_an_invalid_request_has_the_status_of_its_kind(path, changes, status, message):
    response, _ = post(path, body={**request(OPERATIONS[path]), **changes})

    assert response.status_code == status
    assert message in response.text


def test_a_body_that_is_not_json_can_have_a_status_of_its_own():
    headers = {**KEYS, "Content-Type": "application/json"}
    paths = ("/mixedbread/v1/reranking", "/jina/v1/rerank")
    statuses = [CLIENT.post(path, data="{", headers=headers).status_code for path in paths]

    assert statuses == [400, 422]


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "FIND"])
def test_another_method_is_an_error_in_the_form_of_the_api(method):
    response = CLIENT.open("/voyage/v1/rerank", method=method)

    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert response.json == {"detail": f"{method} is not allowed here; allowed: POST"}


def test_an_unknown_path_names_the_dialects():
    root = CLIENT.post("/v3/rerank").json["error"]["message"]
    below = CLIENT.post("/cohere/rerank").json["message"]

    assert root.endswith(f"other APIs are below /{', /'.join(dialects())}")
    assert (
        below == "There is no /cohere/rerank here; the mock answers POST /cohere/v1/rerank and POST /cohere/v2/rerank"
    )


@pytest.mark.parametrize("path", ["/nim/v1/retrieval/reranking", "/nim/v1/retrieval//reranking", "/cohere", "/cohere/"])
def test_a_path_that_is_almost_one_is_not_found(path):
    assert CLIENT.post(path, json={}, headers=KEYS).status_code == 404


def test_a_dialect_can_be_at_the_root():
    client = create_app(Settings(dialect="jina")).test_client()
    body = request(OPERATIONS["/jina/v1/rerank"])

    answers = [client.post(path, json=body, headers=KEYS) for path in ("/v1/rerank", "/jina/v1/rerank")]
    together = client.post("/together/v1/rerank", json=body, headers=KEYS)

    assert [(each.status_code, each.json["object"]) for each in answers] == [(200, "list")] * 2
    assert together.json["object"] == "rerank"
    assert client.get("/__admin/version").json["document"] == "the document of jina"


def test_a_dialect_at_the_root_can_have_the_model_in_its_path():
    client = create_app(Settings(dialect="nim")).test_client()
    body = request(OPERATIONS["/nim/v1/ranking"])

    for path in ("/v1/ranking", "/v1/retrieval/a/b/reranking", "/nim/v1/retrieval/a/b/reranking"):
        assert client.post(path, json=body, headers=KEYS).status_code == 200


def test_a_dialect_excludes_another_document_at_the_root(tmp_path):
    with pytest.raises(SettingsError, match="`dialect` names the document at the root, and so does `reading`"):
        Settings(dialect="jina", reading="vendored")
    with pytest.raises(SettingsError, match="and so does `spec`"):
        Settings(dialect="jina", spec=tmp_path / "spec.yaml")


def test_documents_are_read_when_they_are_first_needed():
    mock = Mock()
    before = list(mock.operations.loaded)
    mock.operations.at("/v1/rerank")
    mock.operations.at("/unknown")
    unchanged = list(mock.operations.loaded)
    mock.operations.at("/tei/rerank")

    assert before == unchanged == ["together"]
    assert list(mock.operations.loaded) == ["together", "tei"]


def test_a_recorded_answer_is_replayed_at_its_path(tmp_path):
    path = "/nim/v1/retrieval/a/b/reranking"
    body = request(OPERATIONS["/nim/v1/ranking"])
    exchange = {
        "shows": "An answer of NIM.",
        "source": {"kind": "observed", "citation": "a test", "date": "2026-11-28"},
        "request": {"method": "POST", "path": path, "headers": {"Content-Type": "application/json"}, "body": body},
        "response": {
            "status": 200,
            "headers": {"Content-Type": "application/json"},
            "body": {"rankings": [{"index": 0, "logit": 0.25}]},
        },
    }
    (tmp_path / "nim.json").write_text(json.dumps(exchange))
    client = create_app(Settings(replay=str(tmp_path))).test_client()

    answers = [client.post(each, json=body, headers=KEYS) for each in (path, path.replace("a/b", "c"))]

    assert [each.headers["x-mock-reply"] for each in answers] == [
        "replayed; name=nim; dialect=nim",
        "scored; dialect=nim",
    ]
    assert answers[0].json == exchange["response"]["body"]


def test_explain_reads_the_request_of_the_path():
    body = request(OPERATIONS["/nim/v1/ranking"])

    rows = CLIENT.post("/__admin/explain?path=/nim/v1/ranking", json=body).json

    assert [row["index"] for row in rows] == [2, 1, 0]


def test_keys_are_checked_where_the_api_has_keys():
    client = create_app(Settings(api_keys=("known",))).test_client()
    wrong, right = KEYS, {"Authorization": "Bearer known", "Api-Key": "known"}

    for path, operation in OPERATIONS.items():
        has_keys = bool(operation.key_header)
        assert post(path, client, headers=right)[0].status_code == 200
        assert (post(path, client, headers=wrong)[0].status_code == 200) != has_keys
        assert (post(path, client, headers={})[0].status_code == 200) != has_keys


@pytest.mark.parametrize(
    ("path", "more"), [("/cohere/v1/rerank", {"return_documents": True}), ("/pinecone/rerank", {})]
)
def test_a_document_that_is_ranked_by_other_fields_returns_its_text(path, more):
    documents = [{"text": "a", "title": "panda"}, {"text": "b", "title": "llama"}]
    body = {"model": "m", "query": "llama", "documents": documents, "rank_fields": ["title"]}

    _, answer = post(path, body={**body, "return_documents": True})

    results = answer["results" if "results" in answer else "data"]
    assert [each["document"] for each in results] == [{"text": "b"}, {"text": "a"}]


def test_a_field_that_is_null_is_as_if_it_were_absent():
    body = {"model": None, "query": "llama", "documents": ["panda", "llama"], "top_n": 0}
    _, answer = post("/vllm/rerank", body=body)

    assert indexes("/vllm/rerank", answer) == [1, 0]


@pytest.mark.parametrize(
    ("path", "changes", "ranked"),
    [
        ("/infinity/rerank", {"top_n": "2"}, [2, 1]),
        ("/infinity/rerank", {"top_n": True}, [2]),
        ("/vllm/rerank", {"top_n": "0"}, [2, 1, 0]),
        ("/vllm/rerank", {"top_n": False}, [2, 1, 0]),
        ("/vllm/rerank", {"documents": "one text"}, [0]),
    ],
)
def test_a_value_that_the_api_reads_leniently_is_read_in_its_own_type(path, changes, ranked):
    _, answer = post(path, body={**request(OPERATIONS[path]), **changes})

    assert indexes(path, answer) == ranked


@pytest.mark.parametrize(("sent", "returned"), [("yes", True), (1, True), ("off", False), (0, False)])
def test_a_switch_that_is_no_boolean_is_read_as_one(sent, returned):
    _, answer = post("/infinity/rerank", body={**request(OPERATIONS["/infinity/rerank"]), "return_documents": sent})

    assert (answer["results"][0]["document"] is not None) is returned


def test_tei_refuses_a_key_without_a_body():
    client = create_app(Settings(api_keys=("known",))).test_client()

    response, answer = post("/tei/rerank", client, headers={})

    assert (response.status_code, answer) == (401, None)
    assert "Content-Type" not in response.headers


def test_a_model_in_the_path_can_have_any_characters():
    client = create_app(Settings(models=("org/modèle",))).test_client()
    body = request(OPERATIONS["/nim/v1/ranking"])

    response = client.post("/nim/v1/retrieval/org/modèle/reranking", json=body, headers=KEYS)

    assert response.status_code == 200
    (entry,) = client.get("/__admin/requests").json["requests"]
    assert entry["canonical"]["model"] == "org/modèle"
    assert client.post("/nim/v1/retrieval/other/reranking", json=body, headers=KEYS).status_code == 404


def test_the_model_in_the_path_can_request_a_fault_for_an_invalid_body():
    assert CLIENT.post("/nim/v1/retrieval/mock/429/reranking", data="{", headers=KEYS).status_code == 429


def test_a_status_that_the_api_does_not_document_has_its_form_and_the_right_number():
    assert post("/pinecone/rerank", code=413)[1]["status"] == 413
    assert post("/vllm/rerank", code=422)[1]["error"]["code"] == 422
    response = CLIENT.get("/pinecone/rerank")
    assert (response.status_code, response.json["status"]) == (405, 405)


def test_a_body_fault_that_the_api_cannot_show_leaves_the_queue():
    client = create_app().test_client()
    client.post("/__admin/faults", json={"fault": "model-other"})

    statuses = [post("/tei/rerank", client)[0].status_code for _ in range(2)]

    assert statuses == [400, 200]


def test_a_key_that_names_a_namespace_is_shown_and_another_is_not():
    client = create_app().test_client()
    documents = [{"text": "test-one"}, {"text": "a-long-secret"}]
    for key in ("test-one", "a-long-secret"):
        body = {"model": "m", "query": "q", "documents": documents}
        post("/pinecone/rerank", client, headers={"Api-Key": key}, body=body)

    (named,) = client.get("/__admin/requests?namespace=test-one").json["requests"]
    (hidden,) = client.get("/__admin/requests").json["requests"]

    assert named["canonical"]["documents"] == ["test-one", "a-long-secret"]
    assert hidden["canonical"]["documents"] == ["test-one", "[key]"]
    assert "api-key" not in named["headers"] | hidden["headers"]


def test_a_wrong_path_cannot_be_explained():
    response = CLIENT.post("/__admin/explain?path=/cohere/v3/rerank", json={})

    assert response.status_code == 400
    assert "`path` must be the path of an operation, not /cohere/v3/rerank" in response.text


def test_two_recorded_exchanges_with_one_request_below_a_dialect_stop_the_start(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.json").write_bytes(raw("jina/success").replace(b'"kind": "kit"', OBSERVED))

    with pytest.raises(FixtureError, match="one and two have the same request"):
        create_app(Settings(replay=str(tmp_path)))


def test_recorded_answers_are_kept_if_the_folder_is_removed(tmp_path):
    (tmp_path / "one.json").write_bytes(raw("jina/success").replace(b'"kind": "kit"', OBSERVED))
    client = create_app(Settings(replay=str(tmp_path))).test_client()
    (tmp_path / "one.json").unlink()

    assert post("/tei/rerank", client)[0].status_code == 200


@pytest.mark.parametrize("name", [name for name in dialects() if name != "together"])
def test_the_library_is_replayed(name):
    client = create_app(Settings(replay="library")).test_client()

    for exchange in fixtures.all(dialect=name):
        sent = exchange.request
        response = client.open(sent.path, method=sent.method, data=sent.content, headers=sent.headers)
        assert response.data == exchange.response.content
        is_refused = exchange.name.endswith("/rejected_missing_key")  # before anything else
        how = "refused" if is_refused else f"replayed; name={exchange.name}"
        assert response.headers["x-mock-reply"] == f"{how}; dialect={name}"


def test_many_first_requests_at_once_get_the_same_answer():
    mock = Mock()
    with ThreadPoolExecutor(20) as pool:
        endpoints = list(pool.map(mock.operations.at, ["/jina/v1/rerank", "/tei/rerank"] * 20))

    assert len({id(each) for each in endpoints}) == 2
