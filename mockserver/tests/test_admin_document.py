"""The OpenAPI document of the control plane describes what the control plane does."""

import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest

from mock_process import environment, running
from together_rerank_mockserver.faults.grammar import MAX_MS, PARAMETERS
from together_rerank_mockserver.faults.status import BODIES
from together_rerank_mockserver.http import admin_document
from together_rerank_mockserver.http.flask_app import create_app
from together_rerank_mockserver.settings import Settings
from together_rerank_spec import Document, Validator, load

TOKEN = "a-token"
AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}


def served(settings=None, **headers):
    response = create_app(settings).test_client().get("/__admin/openapi.json", headers=headers)
    assert response.status_code == 200
    return response.json


def test_the_document_has_the_address_and_the_faults_of_this_mock():
    settings = Settings(base_path="/mock", dialect="cohere")
    client = create_app(settings).test_client()

    document = client.get("/mock/__admin/openapi.json").json

    assert document["servers"] == [{"url": "http://localhost/mock"}]
    assert document["components"]["schemas"]["FaultName"]["enum"] == client.get("/mock/__admin/faults").json["known"]
    assert "max_chunks_per_doc" in document["components"]["schemas"]["RerankRequest"]["properties"]
    assert document["components"]["schemas"]["Path"]["enum"] == ["/v1/rerank", "/cohere/v1/rerank"]


def test_a_schema_that_refers_to_itself_ends():
    content = deepcopy(load().content)
    properties = content["components"]["schemas"]["RerankRequest"]["properties"]
    properties |= {name: {"$ref": "#/components/schemas/RerankRequest"} for name in "abcd"}

    served_document = admin_document.served(Document("recursive", content), [], [], "http://h")

    assert served_document["components"]["schemas"]["RerankRequest"]["properties"]["d"] == {}


def test_a_token_is_required_only_if_the_mock_has_one():
    assert "security" not in served()
    document = served(Settings(admin_token=TOKEN), **AUTHORIZATION)
    assert document["security"] == [{"token": []}]


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_parameters_of_faults_have_the_limits_of_the_grammar(name):
    schema = Validator({"allOf": [admin_document.read()["components"]["schemas"]["FaultParameters"]]})

    accepted = {"body": BODIES, "location": ["/", "x" * 1000], "retry_after": ["wrong", 0, 86_400, None]}
    for value in accepted.get(name, (0, MAX_MS.get(name))):
        assert schema.is_valid({name: value})
    for value in {"body": ["xml"], "location": ["", "x" * 1001, "a b"]}.get(name, [-1, MAX_MS.get(name, 0) + 1, "1h"]):
        assert not schema.is_valid({name: value})


def test_each_route_of_the_document_answers():
    client = create_app().test_client()

    for path, methods in admin_document.operations().items():
        for method in methods:
            assert client.open(path, method=method).status_code in (200, 400)


@pytest.mark.served
@pytest.mark.exhaustive
@pytest.mark.fuzz
def test_schemathesis_finds_no_difference(tmp_path: Path):
    with running("-q", "--server", "threaded", "--admin-token", TOKEN) as mock:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{mock.url}/__admin/openapi.json"]
        command += ["--header", f"Authorization: Bearer {TOKEN}", "--max-examples", "50", "--seed", "1", "--no-color"]
        result = subprocess.run(
            command, cwd=tmp_path, env=environment(), check=False, capture_output=True, text=True, timeout=300
        )

    assert result.returncode == 0, result.stdout + result.stderr
    # Schemathesis leaves out the route of the document.
    assert f"Tested: {sum(map(len, admin_document.operations().values())) - 1}" in result.stdout
