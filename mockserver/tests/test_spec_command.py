"""`spec` prints the document that the mock serves."""

import pytest

from command_runner import assert_refused, run
from together_rerank_spec import load
from together_rerank_spec.document import vendored_text
from together_rerank_spec.yaml_text import parse

NEWER = vendored_text().replace(b"api.together.xyz", b"api.together.ai")


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "newer.yaml"
    path.write_bytes(NEWER)
    return path


@pytest.fixture
def overlay(tmp_path):
    """Return a function that writes an overlay and returns its path."""

    def write(content):
        path = tmp_path / "overlay.yaml"
        path.write_text(content)
        return path

    return write


def test_the_document_is_printed():
    printed = run("spec")

    assert parse(printed.stdout_bytes) == load("corrected").content
    assert printed.stderr == ""


@pytest.mark.parametrize(("flags", "variables"), [(["--reading", "vendored"], {}), ([], {"READING": "vendored"})])
def test_the_vendored_document_is_printed_unchanged(flags, variables):
    printed = run("spec", *flags, **{f"TOGETHER_RERANK_MOCK_{name}": value for name, value in variables.items()})

    assert printed.stdout_bytes == vendored_text()


def test_another_document_is_printed_with_its_overlay(spec, overlay):
    correction = overlay("overlay: 1.0.0\nactions: [{target: $.info, update: {title: Mine}}]")

    assert parse(run("spec", "--spec", spec).stdout) == parse(NEWER)
    assert parse(run("spec", TOGETHER_RERANK_MOCK_SPEC=str(spec)).stdout) == parse(NEWER)
    assert parse(run("spec", "--spec", spec, "--overlay", correction).stdout)["info"]["title"] == "Mine"


@pytest.mark.parametrize(
    ("content", "because"),
    [
        ("", "it has no version"),
        ("overlay: 1.0.0", "has no actions"),
        ("{overlay: 1.0.0, actions: [1]}", "no target"),
        ("overlay: 1.0.0\nactions: [{target: $.nowhere, update: {a: b}}]", "overlay, $.nowhere: the document has no"),
        ("overlay: 1.0.0\nactions: [{target: $, update: {openapi: 3.1.0}}]", "it changes nothing"),
    ],
)
def test_an_overlay_that_cannot_be_applied_is_rejected(spec, overlay, content, because):
    refused = run("spec", "--spec", spec, "--overlay", overlay(content))

    assert_refused(refused, because)
    assert "overlay.yaml: " in refused.stderr


INVALID_DOCUMENTS = {
    b"": "it has no field `openapi`",
    b'{"a": 1}': "it has no field `openapi`",
    b"a: [": "not YAML",
    b"\xff\xfe\x00": "not YAML",
    NEWER.replace(b"3.1.0", b"3.2.0"): "reads OpenAPI 3.0 and 3.1",
    NEWER.replace(b"operationId: rerank", b"operationId: rank"): "no operation",
    NEWER.replace(b"scheme: bearer", b"scheme: basic"): "is not HTTP bearer",
}


@pytest.mark.parametrize(("content", "because"), INVALID_DOCUMENTS.items(), ids=INVALID_DOCUMENTS.values())
def test_a_document_that_cannot_be_served_is_rejected(spec, content, because):
    spec.write_bytes(content)

    refused = run("spec", "--spec", spec)

    assert_refused(refused, because)
    assert "newer.yaml" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        (["more"], "unexpected extra argument"),
        (["--spec", "."], "is a directory"),
        (["--reading", "vendored", "--spec", "SPEC"], "--reading: applies to the vendored document only"),
        (["--overlay", "SPEC"], "--overlay: applies to a document given as --spec only"),
    ],
)
def test_invalid_arguments_are_rejected(spec, arguments, because):
    assert_refused(run("spec", *(spec if each == "SPEC" else each for each in arguments)), because)


def test_the_environment_variable_of_an_invalid_option_is_named():
    assert_refused(run("spec", TOGETHER_RERANK_MOCK_SPEC="missing.yaml"), "(from TOGETHER_RERANK_MOCK_SPEC)")


def test_help_shows_the_options():
    shown = run("spec", "--help").stdout

    assert "Usage: together-rerank-mock spec [OPTIONS]\n" in shown
    assert "--reading" in shown
