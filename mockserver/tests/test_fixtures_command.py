"""The command `fixtures`: list, show and export, and their error messages."""

import json
import subprocess
import sys

import pytest

import together_rerank_fixtures as fixtures
from command_runner import assert_refused, run
from exchange_files import changed, recorded
from mock_process import environment
from together_rerank_fixtures.library import raw
from together_rerank_mockserver.http.flask_app import create_app
from together_rerank_mockserver.settings import Settings
from together_rerank_spec import read

NAMES = fixtures.names()


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_fixtures_without_a_command_shows_help():
    shown = run("fixtures")

    assert shown.exit_code == 0
    assert shown.stdout == run("fixtures", "--help").stdout
    for command in ("list", "show", "export"):
        assert f"  {command} " in shown.stdout


def test_the_exchanges_are_listed_as_a_table():
    head, *lines = run("fixtures", "list").stdout.splitlines()

    assert head.split("  ")[0] == "exchange"
    assert [line.split()[0] for line in lines] == list(NAMES)
    (line,) = [line for line in lines if line.startswith("rate_limit/requests ")]
    assert line.split(None, 3)[1:] == ["429", "kit", "Too many requests for the model."]
    assert len({line.index(fixtures.get(line.split()[0]).shows) for line in lines}) == 1


def test_the_exchanges_are_listed_as_json():
    listed = json.loads(run("fixtures", "list", "--json").stdout)

    assert [each["name"] for each in listed] == list(NAMES)
    assert next(each for each in listed if each["name"] == "success/document_example") == {
        "name": "success/document_example",
        "status": 200,
        "source": {"kind": "document", "pointer": "/components/schemas/RerankResponse"},
        "forced": False,
        "broken": False,
        "shows": "The document's own example request and response.",
    }
    assert json.loads(run("fixtures", "list", TOGETHER_RERANK_MOCK_JSON="1").stdout) == listed


def test_exchanges_are_filtered_by_status():
    listed = json.loads(run("fixtures", "list", "--status", "401", "--json").stdout)

    assert [each["name"] for each in listed] == [exchange.name for exchange in fixtures.all(status=401)]


@pytest.mark.parametrize("name", ["success/unicode", "bad_request/not_utf8"])
def test_show_prints_the_file_of_an_exchange_unchanged(name):
    assert run("fixtures", "show", name).stdout_bytes == raw(name)


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        (["lsit"], "No such command 'lsit'."),
        (["list", "more"], "unexpected extra argument"),
        (["list", "--status", "418"], "no exchange has the status 418; known: 200, 400, "),
        (["list", "--status", "99"], "not in the range"),
        (["list", "--status", "ok"], "--status"),
        (["show"], "Missing argument"),
        (["show", "success/strings", "more"], "unexpected extra argument"),
        (["show", "success/lama"], "no exchange 'success/lama'; there are: bad_request/"),
        (["show", "../exchange.schema"], "no exchange '../exchange.schema'; there are: bad_request/"),
        (["show", ""], "no exchange ''; there are: bad_request/"),
        (["show", "/etc/passwd"], "no exchange '/etc/passwd'; there are: bad_request/"),
        (["show", "success/rank_field"], "(did you mean 'success/rank_fields'?)"),
        (["export"], "Missing argument"),
        (["export", "NEW", "--format", "yaml"], "'yaml' is not one of 'json', 'openapi'"),
        (["export", "NEW", "--from", "none"], "does not exist"),
        (["export", "/proc/exchanges"], "/proc/exchanges: cannot be written: "),
    ],
    ids=" ".join,
)
def test_invalid_arguments_are_rejected(tmp_path, arguments, because):
    assert_refused(run("fixtures", *(tmp_path / "new" if each == "NEW" else each for each in arguments)), because)
    assert not (tmp_path / "new").exists()


def test_export_copies_the_files_unchanged(tmp_path):
    exported = run("fixtures", "export", tmp_path / "new")

    assert exported.exit_code == 0
    assert exported.stdout == ""
    assert exported.stderr == f"together-rerank-mock: {len(NAMES)} exchanges written to {tmp_path / 'new'}\n"
    assert files(tmp_path / "new") == {f"{name}.json": raw(name) for name in NAMES}
    assert fixtures.read(tmp_path / "new") == fixtures.all()


def test_export_writes_to_an_empty_folder(tmp_path):
    assert run("fixtures", "export", tmp_path, "--format", "json").exit_code == 0
    assert len(files(tmp_path)) == len(NAMES)


def test_the_mock_serves_an_exported_document(tmp_path):
    exported = run("fixtures", "export", tmp_path / "new", TOGETHER_RERANK_MOCK_FORMAT="openapi")

    assert exported.exit_code == 0
    assert f" of {len(NAMES)} exchanges written to " in exported.stderr
    path = tmp_path / "new/openapi.yaml"
    assert list(files(tmp_path / "new")) == ["openapi.yaml"]
    assert 529 in read(path).statuses
    client = create_app(Settings(spec=path)).test_client()
    body = {"model": "m", "query": "llama", "documents": ["panda", "llama"]}
    answer = client.post("/v1/rerank", json=body, headers={"Authorization": "Bearer key"})
    assert (answer.status_code, answer.json["results"][0]["index"]) == (200, 1)


@pytest.mark.parametrize(
    ("form", "name", "message"), [("json", "kept/ours.json", ": 1 exch"), ("openapi", "openapi.yaml", ": 1 of 1 exch")]
)
def test_export_reads_a_folder_of_the_user(tmp_path, form, name, message):
    recorded(tmp_path / "mine", changed("success/strings"), "kept/ours.json")

    exported = run("fixtures", "export", tmp_path / "out", "--format", form, "--from", tmp_path / "mine")

    assert message in exported.stderr
    assert list(files(tmp_path / "out")) == [name]
    assert b"camelids near Peru" in files(tmp_path / "out")[name]


def test_a_folder_with_an_invalid_exchange_is_rejected(tmp_path):
    recorded(tmp_path / "mine", "{")

    refused = run("fixtures", "export", tmp_path / "out", "--from", tmp_path / "mine")

    assert_refused(refused, "mine.json: not JSON: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["json", "openapi"])
@pytest.mark.parametrize(
    ("name", "because"),
    [
        ("full", "is not empty; name a new folder, or remove what is in it"),
        ("file", "is not a folder"),
        ("link", "is not a folder"),
        ("missing/new", "there is no folder"),
        ("file/new", "there is no folder"),
        ("n" * 300, "File name too long"),
    ],
    ids=["full", "file", "link", "missing", "below a file", "too long"],
)
def test_a_folder_that_cannot_be_written_is_rejected_and_not_changed(tmp_path, form, name, because):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    before = files(tmp_path)

    assert_refused(run("fixtures", "export", tmp_path / name, "--format", form), because)

    assert files(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full", "link"]


@pytest.mark.slow
def test_list_imports_no_server():
    program = f"import sys; sys.argv[1:] = ['fixtures', 'list']; from {CLI} import main; main()"
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program], check=True, capture_output=True, env=environment()
    )

    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.decode().splitlines()}
    assert CLI in imported
    assert imported.isdisjoint(
        {"flask", "granian", "jsonschema", "hypothesis", "together_rerank_mockserver.http.flask_app"}
    )


CLI = "together_rerank_mockserver.cli.command"
