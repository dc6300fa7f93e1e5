"""Endpoints that speak another API than Together's: how they are found, judged and reported."""

import json
import subprocess
from contextlib import closing

import pytest
import yaml

from commanding import MODEL_AND_KEY, contract, environment
from judging import TESTS, endpoint_at
from legitimate import Correct, RecordsRequests
from miniature import KEY, MODEL, Refused
from speaking import speaking
from together_rerank_contract_tests.settings import Settings
from together_rerank_contract_tests.suite.requirements import lacking
from together_rerank_spec import TOGETHER, dialect, dialects

NAMES = [name for name in dialects() if name != TOGETHER]
OPERATIONS = [(name, operation) for name in dialects() for operation in dialect(name).operations]


class ScoresAsStrings(Correct):
    def result(self, index, score, request):
        return {**super().result(index, score, request), "relevance_score": str(score)}


class CrashesOnAnEmptyQuery(Correct):
    def scores(self, query, texts, request):
        if not query:
            raise Refused(500, "division by zero")
        return super().scores(query, texts, request)


def report(tmp_path, *arguments):
    """Run the command, and return it with its JSON report."""
    ran = contract(*arguments, "--json", tmp_path / "report.json")
    return ran, json.loads((tmp_path / "report.json").read_text())


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=lambda each: getattr(each, "place_of_operation", each))
def test_every_source_is_in_the_document_and_no_text_is_about_another_api(name, operation):
    for requirement in TESTS:
        shown = requirement.of(operation)
        node = operation.content
        for step in shown.source.text.split("/")[1:] if shown.source.kind == "document" else ():
            node = operation.resolve(node).get(step.replace("~1", "/").replace("~0", "~"), {})
        assert shown.sentence.endswith(".")
        assert name == TOGETHER or "ogether" not in shown.sentence + shown.why


def test_the_list_tells_what_cannot_be_judged_and_why():
    ran = contract("http://127.0.0.1:1", "--dialect", "tei", "--list")

    judged, *reasons = ran.stdout.split("\n\ncannot be judged: ")
    assert ran.returncode == 0
    assert "Each `score` is a finite number." in judged
    assert "RR-RESULT-002" not in judged
    assert [
        each for each in reasons if each.startswith("the API has no `top_n` in a request\n") and "RR-RESULT-002" in each
    ]


@pytest.mark.slow  # all parameters together
@pytest.mark.parametrize("name", NAMES)
def test_a_report_names_fields_as_the_dialect_does_and_its_command_runs(name, tmp_path):
    document = dialect(name)
    places = document.mapping.places
    with speaking(ScoresAsStrings, document)() as server:
        ran, data = report(tmp_path, server.url, "--dialect", name, *MODEL_AND_KEY)
        row = next(each for each in data["requirements"] if each["id"] == "RR-SCORE-001")
        shell = ["bash", "-c", row["finding"]["curl"]]
        answer = subprocess.run(shell, env=environment(), check=True, capture_output=True, text=True, timeout=60)

    results, score = places["response"]["results"][1:], places["response"]["score"][1:]
    assert ran.returncode == 1
    assert f"`{score}`" in row["sentence"]
    assert row["finding"]["received"].startswith(f"{results}[0].{score} is '")
    assert row["source"]["text"].startswith(document.place_of_operation)
    assert places["request"]["documents"].split("/")[1] in json.loads(
        row["finding"]["sent"].partition(" {")[1][1:] + row["finding"]["sent"].partition(" {")[2]
    )
    assert answer.stdout.split()[1] == "200"
    assert KEY not in ran.stdout + json.dumps(data)


@pytest.mark.slow  # all parameters together
@pytest.mark.parametrize("name", dialects())
def test_the_dialect_is_found_by_the_form_of_the_first_response(name, tmp_path):
    with speaking(Correct, dialect(name))() as server:
        ran, data = report(tmp_path, server.url, "--dialect", "auto", "--quick", *MODEL_AND_KEY)

    assert (data["dialect"]["name"], ran.returncode) == (name, 0), ran.stdout


def test_the_path_and_the_host_can_tell_the_dialect():
    assert {each.dialect for each in Settings("http://127.0.0.1/tei", dialect="auto").documents} == {"tei"}
    assert {each.dialect for each in Settings("https://api.jina.ai/v1", dialect="auto").documents} == {"jina"}
    assert {each.dialect for each in Settings("https://api.together.xyz", dialect="auto").documents} == {""}
    assert {each.dialect for each in Settings("http://127.0.0.1", dialect="auto").documents} == {"", *NAMES}


def test_an_endpoint_that_speaks_no_known_dialect_is_told_what_was_tried():
    class NotFound(Correct):
        def reply(self, *call):
            return self.refusal(Refused(404, "nothing here"))

    with NotFound() as server:
        ran = contract(server.url, "--dialect", "auto", "--quick", *MODEL_AND_KEY)

    assert ran.returncode == 3
    assert f"tried {server.url}/v1/rerank, {server.url}/rerank, " in ran.stdout


def test_a_dialect_that_fits_better_is_named():
    with speaking(Correct, dialect("jina"))() as server:
        ran = contract(server.url, "--quick", *MODEL_AND_KEY)

    assert "the response is closer to jina (--dialect jina)" in ran.stdout


def test_the_key_is_sent_in_the_header_of_the_document(tmp_path):
    class IgnoresTheKey(Correct):
        def authenticate(self, headers):
            """Accept every request."""

    options = ("--dialect", "pinecone", "-k", "RR-AUTH", *MODEL_AND_KEY)
    with speaking(RecordsRequests, dialect("pinecone"))() as server:
        contract(server.url, *options)
    with speaking(IgnoresTheKey, dialect("pinecone"))() as broken:
        _, data = report(tmp_path, broken.url, *options)

    keys = {headers.get("Api-Key") for _, _, headers, _ in server.seen}
    assert keys == {KEY, None, f"{KEY[:-1]}B", f"B{KEY[1:]}", "", f"{KEY}B"}
    finding = next(each["finding"] for each in data["requirements"] if each["id"] == "RR-AUTH-002")
    assert '-H "Api-Key: ${MINI_KEY%?}B"' in finding["curl"]


@pytest.mark.parametrize("path", ["", f"/v1/retrieval/{MODEL}/reranking"])
def test_a_model_in_the_path_is_sent_there(path):
    document = dialect("nim").operations[1]
    with speaking(RecordsRequests, document)() as server:
        endpoint = endpoint_at(f"{server.url}{path}", dialect="nim")
        with closing(endpoint.transport):
            endpoint.find()

    assert endpoint.url == f"{server.url}/v1/retrieval/{MODEL}/reranking"
    assert "model" not in json.loads(server.seen[-1][3])
    assert lacking(endpoint.document, ["request.model"])


@pytest.mark.parametrize(
    ("url", "candidates"),
    [
        ("http://h", ["http://h/v1/rerank", "http://h/v2/rerank"]),
        ("http://h/v1", ["http://h/v1/rerank", "http://h/v1/v2/rerank"]),
        ("http://h/v2/rerank", ["http://h/v2/rerank"]),
        ("http://h/cohere/", ["http://h/cohere/v1/rerank", "http://h/cohere/v2/rerank"]),
    ],
)
def test_the_url_may_name_the_host_a_part_of_the_path_or_an_operation(url, candidates):
    assert [each for each, _ in Settings(url, dialect="cohere").candidates] == candidates


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--dialect", "teo"),
            "neither the file of an OpenAPI document, nor auto, nor a name; the names are: cohere, ",
        ),
        (("--dialect", "tei", "--overlay", __file__), "--overlay needs the file of an OpenAPI document in --dialect"),
        (("--dialect", __file__), f"{__file__}: "),
        (("--dialect", "tei", "--reading", "vendored"), "--reading vendored is about Together's document"),
    ],
)
def test_an_invalid_dialect_is_one_line(options, message):
    ran = contract("http://127.0.0.1:1", "--list", *options)

    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert message in ran.stderr


@pytest.mark.parametrize("host", ["api.cohere.com", "api.jina.ai", "api.voyageai.com", "api.together.ai"])
def test_a_host_of_a_real_api_needs_live(host):
    assert "add --live" in Settings(f"https://{host}").live_error(1, 1)
    assert not Settings(f"https://{host}", live=True).live_error(1, 1)
    assert not Settings(f"https://{host}.example").live_error(1, 1)


@pytest.fixture
def own_files(tmp_path):
    """Write the document of an API that the kit does not know, and an overlay for it; return their paths."""
    document = yaml.safe_load(
        yaml.safe_dump(dialect("tei").content).replace("texts", "passages").replace("/rerank", "/api/sort")
    )
    operation = document["paths"]["/api/sort"]["post"]
    places = operation.pop("x-rerank")
    update = {"target": "$.paths['/api/sort'].post", "update": {"x-rerank": places}}
    own, overlay = tmp_path / "own.yaml", tmp_path / "own.overlay.yaml"
    own.write_text(yaml.safe_dump(document))
    overlay.write_text(yaml.safe_dump({"overlay": "1.0.0", "actions": [update]}))
    return own, overlay


@pytest.mark.slow
def test_an_unknown_api_is_judged_by_a_document_and_an_overlay(own_files, tmp_path):
    options = ("--dialect", own_files[0], "--overlay", own_files[1], *MODEL_AND_KEY)
    document = Settings("http://h", dialect=str(own_files[0]), overlay=own_files[1]).documents[0]
    with speaking(Correct, document)() as server:
        correct, data = report(tmp_path, server.url, *options)
    with speaking(ScoresAsStrings, document)() as server:
        broken, _ = report(tmp_path, server.url, *options)

    assert correct.returncode == 0, correct.stdout
    assert (data["endpoint"], data["dialect"]["name"]) == (
        f"{server.url.rpartition(':')[0]}:" + data["endpoint"].rpartition(":")[2],
        str(own_files[0]),
    )
    assert '"passages": [' in broken.stdout
    assert broken.returncode == 1


def test_without_a_401_in_the_document_no_request_lacks_the_key(own_files, tmp_path):
    content = yaml.safe_load(own_files[0].read_text())
    del content["paths"]["/api/sort"]["post"]["responses"]["401"]
    own_files[0].write_text(yaml.safe_dump(content))
    options = ("--dialect", own_files[0], "--overlay", own_files[1], *MODEL_AND_KEY)
    document = Settings("http://h", dialect=str(own_files[0]), overlay=own_files[1]).documents[0]
    with speaking(RecordsRequests, document)() as server:
        ran, data = report(tmp_path, server.url, *options)

    reasons = {each["id"]: each["reason"] for each in data["requirements"]}
    assert ran.returncode == 0, ran.stdout
    assert reasons["RR-AUTH-001"] == "the document lists no 401"
    assert server.keys == {f"Bearer {KEY}"}


@pytest.mark.fuzz
@pytest.mark.parametrize("name", ["tei", "jina"])
def test_schemathesis_uses_the_document_of_the_dialect(name, tmp_path):
    with speaking(CrashesOnAnEmptyQuery, dialect(name))() as server:
        options = ("--fuzz", "-k", "RR-FUZZ", "--max-requests", 500, *MODEL_AND_KEY)
        ran, data = report(tmp_path, server.url, "--dialect", name, *options)

    states = {each["id"]: each["state"] for each in data["requirements"]}
    assert ran.returncode == 1, ran.stdout
    assert {requirement for requirement, state in states.items() if state == "failed"} == {"RR-FUZZ-001"}


class HtmlElsewhere(Correct):
    """Answers every other path with a page."""

    other_path = "/nowhere"

    def reply(self, method, path, headers, content):
        if path == self.other_path:
            return 200, {"Content-Type": "text/html"}, b"<html>welcome</html>"
        return super().reply(method, path, headers, content)


def test_an_answer_of_no_known_api_is_not_taken_for_one(tmp_path):
    with speaking(HtmlElsewhere, dialect("tei"))() as server:
        found, data = report(tmp_path, server.url, "--dialect", "auto", "--quick", *MODEL_AND_KEY)
    with HtmlElsewhere() as server:
        server.other_path = "/v1/rerank"
        unknown = contract(f"{server.url}/v1", "--dialect", "auto", "--quick", *MODEL_AND_KEY)

    assert (data["dialect"]["name"], found.returncode) == ("tei", 0)
    assert unknown.returncode == 3
    assert "the endpoint speaks none of the known APIs" in unknown.stdout


def test_each_dialect_is_tried_with_its_own_model():
    kind = type("OwnModel", (Correct,), {"check_model": lambda self, model: None})
    with speaking(kind, dialect("infinity"))() as server:
        endpoint = endpoint_at(server.url, model=None, dialect="auto")
        with closing(endpoint.transport):
            endpoint.find()

    assert (endpoint.document.dialect, endpoint.model) == ("infinity", dialect("infinity").default_model)


@pytest.mark.parametrize("name", ["jina", "vllm", "infinity"])
def test_a_required_usage_must_be_there(name, tmp_path):
    kind = speaking(Correct, dialect(name))
    kind.serialise = lambda self, body: json.dumps(
        {key: value for key, value in self.api.success_body(body).items() if key != "usage"}
    ).encode()
    with kind() as server:
        _, data = report(tmp_path, server.url, "--dialect", name, "--quick", *MODEL_AND_KEY)

    assert "RR-USAGE-001" in {each["id"] for each in data["requirements"] if each["state"] == "failed"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda post: post["responses"].pop("200"), "lists no response 200"),
        (
            lambda post: post["responses"]["422"]["content"]["application/json"].update(schema={"type": "nonsense"}),
            "is not valid",
        ),
    ],
)
def test_a_document_that_cannot_judge_is_one_line(own_files, change, message):
    content = yaml.safe_load(own_files[0].read_text())
    change(content["paths"]["/api/sort"]["post"])
    own_files[0].write_text(yaml.safe_dump(content))
    ran = contract("http://127.0.0.1:1", "--dialect", own_files[0], "--overlay", own_files[1])

    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"together-rerank-contract: {own_files[0]}: ")
    assert message in ran.stderr
