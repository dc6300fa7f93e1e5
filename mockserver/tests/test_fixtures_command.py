"""The command `fixtures`: what it lists, shows and exports, and what it refuses."""

import json
import re
import subprocess
import sys

import pytest

import together_rerank_fixtures as fixtures
from exchange_files import changed, recorded
from mock_process import COMMAND, environment, post, running
from together_rerank_fixtures.library import raw
from together_rerank_spec import read

NAMES = fixtures.names()


def run(*arguments, **changes):
    return subprocess.run(
        [COMMAND, "fixtures", *arguments], check=False, capture_output=True, env=environment(**changes), timeout=60
    )


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_refused(ran, because):
    assert ran.returncode == 2
    assert ran.stderr.decode().startswith("together-rerank-mock: ")
    assert because in ran.stderr.decode()
    assert ran.stderr.count(b"\n") == 1
    assert ran.stdout == b""


def test_alone_it_shows_its_commands():
    shown = run()

    assert shown.returncode == 0
    assert shown.stdout == run("--help").stdout
    for command in ("list", "show", "export"):
        assert f"  {command} " in shown.stdout.decode()


def test_an_unknown_command_is_refused():
    assert_refused(run("lsit"), "No such command 'lsit'.")


def test_the_exchanges_are_listed_for_people():
    head, *lines = run("list").stdout.decode().splitlines()

    assert head.split("  ")[0] == "exchange"
    assert [line.split()[0] for line in lines] == list(NAMES)
    (line,) = [line for line in lines if line.startswith("rate_limit/requests ")]
    assert line.split(None, 3)[1:] == ["429", "kit", "Too many requests for the model."]
    assert len({line.index(fixtures.get(line.split()[0]).shows) for line in lines}) == 1


def test_the_exchanges_are_listed_for_programs():
    listed = json.loads(run("list", "--json").stdout)

    assert [each["name"] for each in listed] == list(NAMES)
    assert next(each for each in listed if each["name"] == "success/document_example") == {
        "name": "success/document_example",
        "status": 200,
        "source": {"kind": "document", "pointer": "/components/schemas/RerankResponse"},
        "forced": False,
        "broken": False,
        "shows": "The document's own example request and response.",
    }
    assert json.loads(run("list", TOGETHER_RERANK_MOCK_JSON="1").stdout) == listed


def test_a_status_chooses():
    listed = json.loads(run("list", "--status", "401", "--json").stdout)

    assert [each["name"] for each in listed] == [exchange.name for exchange in fixtures.all(status=401)]


@pytest.mark.parametrize(
    ("status", "because"),
    [
        ("418", "no exchange is answered with 418; there are: 200, 400, "),
        ("99", "not in the range"),
        ("ok", "--status"),
    ],
)
def test_a_status_that_nothing_has_is_refused(status, because):
    assert_refused(run("list", "--status", status), because)


@pytest.mark.parametrize("name", ["success/unicode", "bad_request/not_utf8"])
def test_an_exchange_is_shown_as_it_is(name):
    shown = run("show", name)

    assert (shown.returncode, shown.stdout) == (0, raw(name))


@pytest.mark.parametrize("name", ["success/lama", "../exchange.schema", "", "/etc/passwd"])
def test_a_wrong_name_says_which_there_are(name):
    assert_refused(run("show", name), f"no exchange '{name}'; there are: bad_request/")


def test_a_name_that_is_nearly_right_is_put_right():
    assert_refused(run("show", "success/rank_field"), "(did you mean 'success/rank_fields'?)")


def test_the_files_are_exported_as_they_are(tmp_path):
    exported = run("export", tmp_path / "new")

    assert exported.returncode == 0, exported.stderr
    assert exported.stdout == b""
    assert exported.stderr.decode() == f"together-rerank-mock: {len(NAMES)} exchanges written to {tmp_path / 'new'}\n"
    assert files(tmp_path / "new") == {f"{name}.json": raw(name) for name in NAMES}
    assert fixtures.read(tmp_path / "new") == fixtures.all()


def test_an_empty_folder_is_filled(tmp_path):
    assert run("export", tmp_path, "--format", "json").returncode == 0
    assert len(files(tmp_path)) == len(NAMES)


def test_stubs_of_wiremock_are_exported(tmp_path):
    exported = run("export", tmp_path / "new", "--format", "wiremock")

    assert exported.returncode == 0, exported.stderr
    written = files(tmp_path / "new")
    assert [json.loads(written[f"mappings/{name}.json"])["name"] for name in NAMES] == list(NAMES)
    assert len(written) == len(NAMES)


def test_a_document_is_exported_that_the_mock_serves(tmp_path):
    exported = run("export", tmp_path / "new", TOGETHER_RERANK_MOCK_FORMAT="openapi")

    assert exported.returncode == 0, exported.stderr
    assert f" of {len(NAMES)} exchanges written to " in exported.stderr.decode()
    path = tmp_path / "new/openapi.yaml"
    assert list(files(tmp_path / "new")) == ["openapi.yaml"]
    assert 529 in read(path).statuses
    with running("-q", "--spec", path) as mock:
        status, answer = post(mock)
        assert (status, json.loads(answer)["results"][0]["index"]) == (200, 1)


@pytest.mark.parametrize("form", ["json", "wiremock", "openapi"])
def test_a_folder_of_ones_own_is_exported(tmp_path, form):
    recorded(tmp_path / "mine", changed("success/strings"), "kept/ours.json")

    ran = run("export", tmp_path / "out", "--format", form, "--from", tmp_path / "mine")

    assert ran.returncode == 0, ran.stderr
    names = {"json": "kept/ours.json", "wiremock": "mappings/kept/ours.json", "openapi": "openapi.yaml"}
    assert list(files(tmp_path / "out")) == [names[form]]
    assert b"camelids near Peru" in files(tmp_path / "out")[names[form]]
    assert re.search(rb": 1( of 1)? exchanges written to", ran.stderr)


def test_a_folder_that_holds_no_exchanges_is_refused(tmp_path):
    recorded(tmp_path / "mine", "{")

    assert_refused(run("export", tmp_path / "out", "--from", tmp_path / "mine"), "mine.json: not JSON: ")
    assert_refused(run("export", tmp_path / "out", "--from", tmp_path / "none"), "does not exist")
    assert not (tmp_path / "out").exists()


def refused_folders(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")


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
def test_a_folder_that_cannot_be_written_is_refused_and_left_alone(tmp_path, name, because):
    refused_folders(tmp_path)
    before = files(tmp_path)

    assert_refused(run("export", tmp_path / name), because)

    assert files(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full", "link"]


@pytest.mark.parametrize("form", ["wiremock", "openapi"])
def test_no_format_is_mixed_with_what_is_there(tmp_path, form):
    refused_folders(tmp_path)

    assert_refused(run("export", tmp_path / "full", "--format", form), "is not empty")
    assert list(files(tmp_path / "full")) == ["mine.txt"]


def test_where_nobody_may_write_nothing_is_written():
    assert_refused(run("export", "/proc/exchanges"), "/proc/exchanges: cannot be written: ")


def test_another_format_is_refused(tmp_path):
    assert_refused(run("export", tmp_path / "new", "--format", "yaml"), "'yaml' is not one of 'json', 'wiremock', ")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("arguments", [["show"], ["export"], ["list", "more"], ["show", "success/strings", "more"]])
def test_what_is_missing_or_too_much_is_said(arguments):
    assert_refused(run(*arguments), "")


def test_a_list_needs_no_server():
    program = f"import sys; sys.argv[1:] = ['fixtures', 'list']; from {CLI} import main; main()"
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program], check=True, capture_output=True, env=environment()
    )

    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.decode().splitlines()}
    assert CLI in imported
    assert imported.isdisjoint({"flask", "granian", "jsonschema", "hypothesis", "together_rerank_mockserver.app"})


CLI = "together_rerank_mockserver.cli"
