"""`check` tells which documents the mock can serve."""

import pytest

from command_runner import assert_refused, run
from together_rerank_spec import dialect
from together_rerank_spec.document import vendored_text
from together_rerank_spec.yaml_text import render

GOOD = vendored_text()


@pytest.fixture
def document(tmp_path, monkeypatch):
    """Return a function that writes a document into the working directory and returns its name."""
    monkeypatch.chdir(tmp_path)

    def write(name, content):
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return name

    return write


def test_the_operations_of_each_document_are_printed(document):
    checked = run("check", document("a.yaml", GOOD), document("b.yaml", render(dialect("cohere").content)))

    assert (checked.exit_code, checked.stderr) == (0, "")
    assert checked.stdout == "a.yaml: POST /v1/rerank\nb.yaml: POST /v1/rerank, POST /v2/rerank\n"


WRONG = {
    "is_empty": ("", "not an OpenAPI document: it has no field `openapi`"),
    "is_not_yaml": ("{", "not YAML"),
    "has_no_operation": (GOOD.replace(b"operationId: rerank", b"operationId: rank"), "no operation to serve"),
    "has_an_unknown_place": (
        render(dialect("tei").content).replace("query: /query", "question: /query"),
        "/x-rerank/request/question is not a field",
    ),
    "has_a_missing_place": (
        render(dialect("tei").content).replace("score: /score", "score: /points"),
        "/x-rerank/response/score: the 200 response has no /points",
    ),
    "does_not_allow_the_answers": (
        GOOD.replace(b"        - object\n", b"        - object\n        - created\n"),
        "/created is missing",
    ),
}


@pytest.mark.parametrize(("content", "because"), WRONG.values(), ids=WRONG)
def test_a_document_that_cannot_be_served_is_named(document, content, because):
    checked = run("check", document("a.yaml", GOOD), document("wrong.yaml", content), document("z.yaml", GOOD))

    assert checked.exit_code == 1
    assert checked.stdout == "a.yaml: POST /v1/rerank\nz.yaml: POST /v1/rerank\n"
    assert checked.stderr.startswith("together-rerank-mock: wrong.yaml: ")
    assert because in checked.stderr
    assert checked.stderr.count("\n") == 1


def test_an_overlay_is_checked_with_its_document(document):
    document("vendor.yaml", GOOD)
    overlay = "overlay: 1.0.0\nextends: vendor.yaml\nactions: [{target: $.components, update: {%s}}]"
    right = document("right.yaml", overlay % "x-mine: 1")
    wrong = document("wrong.yaml", overlay % "schemas: {RerankRequest: {$ref: https://example.com}}")

    checked = run("check", right, wrong)

    assert checked.stdout == "right.yaml: POST /v1/rerank\n"
    assert "wrong.yaml: a reference leads out" in checked.stderr


def test_files_are_required(document):
    assert_refused(run("check"), "Missing argument 'FILE...'")
    assert_refused(run("check", document("a.yaml", GOOD), "missing.yaml"), "'missing.yaml' does not exist")
