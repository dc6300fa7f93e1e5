"""`spec` prints the document, and `spec diff` tells what a newer one changes."""

import json
import subprocess

import pytest

from mock_process import COMMAND, environment
from together_rerank_spec import load
from together_rerank_spec.document import vendored_text
from together_rerank_spec.yaml_text import parse

NEWER = vendored_text().replace(b"api.together.xyz", b"api.together.ai")
BREAKING = NEWER.replace(b"\n          type: integer\n", b"\n          type: integer\n          minimum: 1\n", 1)
ONE_RESPONSE = b"""openapi: 3.1.0
paths:
  /rerank:
    post:
      operationId: rerank
      requestBody: {content: {application/json: {schema: true}}}
      responses: RESPONSE
"""


def run(*arguments, **changes):
    return subprocess.run(
        [COMMAND, "spec", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=environment(**changes),
        timeout=60,
    )


@pytest.fixture
def newer(tmp_path):
    """Writes a document, and returns where."""

    def write(content):
        path = tmp_path / "newer.yaml"
        path.write_bytes(content)
        return path

    return write


def test_a_document_that_is_the_same_is_called_so(newer):
    told = run("diff", newer(vendored_text()))

    assert (told.returncode, told.stdout, told.stderr) == (0, "no difference\n", "")


def test_what_breaks_nobody_is_shown_with_status_0(newer):
    told = run("diff", newer(NEWER))

    head, line, end = told.stdout.splitlines()
    assert told.returncode == 0
    assert head.split() == ["verdict", "place", "was", "now", "why"]
    assert line.split()[:4] == ["harmless", "servers", "https://api.together.xyz/v1", "https://api.together.ai/v1"]
    assert end == "0 breaking, 1 harmless"


def test_what_breaks_clients_comes_first_with_status_1(newer):
    told = run("diff", newer(BREAKING))

    lines = told.stdout.splitlines()
    assert told.returncode == 1
    assert [line.split()[0] for line in lines] == ["verdict", "breaking", "harmless", "harmless", "1"]
    assert "request /top_n minimum" in lines[1]
    assert "overlay action 4" in lines[3]
    assert lines[3].endswith("the document says so itself now")
    assert lines[-1] == "1 breaking, 2 harmless"
    assert (
        len(
            {line.index(word) for line, word in zip(lines[:4], ["place", "request", "servers", "overlay"], strict=True)}
        )
        == 1
    )


@pytest.mark.parametrize(
    ("action", "status", "end"),
    [
        ("{target: $.info, update: {title: Together APIs}}", 0, "0 breaking, 1 harmless"),
        ("{target: $.information, update: {title: Together APIs}}", 1, "1 breaking, 0 harmless"),
        ("{target: $.info.title, remove: yes, update: {}}", 1, "1 breaking, 0 harmless"),
    ],
)
def test_a_correction_breaks_nobody_when_the_document_has_it_now(newer, tmp_path, action, status, end):
    (tmp_path / "overlay.yaml").write_text(f"overlay: 1.0.0\nactions: [{action}]")
    old = newer(vendored_text())
    told = run("--spec", old, "--overlay", tmp_path / "overlay.yaml", "diff", old)

    # The overlay does not apply to the older document either, which is read as it stands.
    assert told.returncode == status
    assert told.stdout.splitlines()[-1] == end


def test_programs_get_the_same_as_json(newer):
    path = newer(BREAKING)
    told = run("diff", path, "--json")

    assert told.returncode == 1
    assert json.loads(told.stdout)[0] == {
        "verdict": "breaking",
        "place": "request /top_n minimum",
        "was": None,
        "now": "1",
        "why": "what was accepted may be refused now",
    }
    assert run("diff", path, TOGETHER_RERANK_MOCK_JSON="1").stdout == told.stdout
    assert json.loads(run("diff", newer(vendored_text()), "--json").stdout) == []


def test_a_long_value_is_cut_for_people_alone(newer):
    path = newer(vendored_text().replace(b"Query a reranker model", b"Rerank " + b"many " * 20))

    assert f"{'Rerank ' + 'many ' * 20}"[:36] + "..." in run("diff", path).stdout
    assert "many " * 19 in run("diff", path, "--json").stdout


def test_what_would_move_the_terminal_is_escaped_for_people_alone(newer):
    path = newer(vendored_text().replace(b"Query a reranker model", rb'"\e[2J\a\u202e\x9b caf\xe9"'))

    assert r"\x1b[2J\x07\u202e\x9b café" in run("diff", path).stdout
    told = json.loads(run("diff", path, "--json").stdout)
    assert told[0]["now"] == "\x1b[2J\x07\u202e\x9b caf\xe9"


def test_it_is_compared_with_the_document_that_is_chosen(newer, tmp_path):
    older = tmp_path / "older.yaml"
    older.write_bytes(NEWER)
    path = newer(BREAKING)

    by_flag = run("--spec", older, "diff", path)

    assert by_flag.stdout.splitlines()[-1] == "1 breaking, 0 harmless"
    assert run("diff", path, TOGETHER_RERANK_MOCK_SPEC=str(older)).stdout == by_flag.stdout
    assert run("--reading", "vendored", "diff", path).stdout.splitlines()[-1] == "1 breaking, 1 harmless"


def test_another_kind_of_key_is_told_although_it_cannot_be_served(newer):
    told = run("diff", newer(vendored_text().replace(b"scheme: bearer", b"scheme: basic")))

    assert told.returncode == 1
    assert "HTTP bearer  HTTP basic" in told.stdout


CANNOT_BE_READ = {
    b"": "it has no field `openapi`",
    b'{"a": 1}': "it has no field `openapi`",
    b"a: [": "not YAML",
    b"\xff\xfe\x00": "not YAML",
    vendored_text().replace(b"3.1.0", b"3.0.3"): "reads OpenAPI 3.1",
    vendored_text().replace(b"operationId: rerank", b"operationId: rank"): "no operation",
    vendored_text().replace(b"schemas/UsageData", b"schemas/Nowhere"): "does not exist",
    vendored_text().replace(b"#/components/schemas/UsageData", b"other.yaml#/x"): "leads out of the document",
    vendored_text()
    .replace(b"  schemas:\n", b"  schemas:\n    A: {$ref: '#/components/schemas/A'}\n")
    .replace(b"schemas/UsageData", b"schemas/A"): "in a circle",
    ONE_RESPONSE.replace(b"RESPONSE", b"{'200': {content: {application/json: null}}}"): "not the shape",
}


@pytest.mark.parametrize(("content", "because"), CANNOT_BE_READ.items(), ids=CANNOT_BE_READ.values())
def test_what_cannot_be_read_is_said_in_one_line(newer, content, because):
    refused = run("diff", newer(content))

    assert refused.returncode == 2
    assert refused.stdout == ""
    assert refused.stderr.startswith("together-rerank-mock: ")
    assert because in refused.stderr
    assert "newer.yaml" in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [("diff",), ("diff", "missing.yaml"), ("diff", "."), ("dif", "x"), ("diff", "a", "b")]
)
def test_what_is_not_understood_is_said_in_one_line(arguments):
    refused = run(*arguments)

    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("with_diff", [False, True])
@pytest.mark.parametrize(
    ("overlay", "because"),
    [("", "it has no version"), ("overlay: 1.0.0", "has no actions"), ("{overlay: 1.0.0, actions: [1]}", "no target")],
)
def test_what_is_no_overlay_is_refused_with_diff_too(newer, tmp_path, with_diff, overlay, because):
    path = newer(NEWER)
    (tmp_path / "overlay.yaml").write_text(overlay)

    refused = run("--spec", path, "--overlay", tmp_path / "overlay.yaml", *(["diff", path] if with_diff else []))

    assert refused.returncode == 2
    assert "overlay.yaml: " in refused.stderr
    assert because in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_without_diff_the_document_is_printed_as_before(newer):
    path = newer(NEWER)

    assert run("--reading", "vendored").stdout.encode() == vendored_text()
    assert parse(run().stdout) == load().content
    assert parse(run(TOGETHER_RERANK_MOCK_SPEC=str(path)).stdout) == parse(NEWER)
    assert run(TOGETHER_RERANK_MOCK_READING="vendored").stdout.encode() == vendored_text()


def test_options_that_contradict_each_other_are_refused_with_diff_too(newer):
    path = newer(NEWER)

    refused = run("--reading", "vendored", "--spec", path, "diff", path)

    assert refused.returncode == 2
    assert "--reading is of the vendored document" in refused.stderr


def test_the_environment_of_a_bad_option_is_named():
    refused = run("diff", "x", TOGETHER_RERANK_MOCK_SPEC="missing.yaml")

    assert "(from TOGETHER_RERANK_MOCK_SPEC)" in refused.stderr


def test_help_tells_of_both():
    shown = run("--help").stdout

    assert "Usage: together-rerank-mock spec [OPTIONS] [diff FILE]" in shown
    assert "--reading" in shown
    assert "  diff  " in shown
    assert "--json" in run("diff", "--help").stdout
    assert "--reading stand before `diff`" in " ".join(run("diff", "--help").stdout.split())
