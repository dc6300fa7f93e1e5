"""The configuration file of `serve`, and its JSON Schema."""

import json
import signal
import subprocess
import sys
from importlib.resources import files
from subprocess import PIPE

import pytest

from command_runner import assert_refused, run
from config_schema import schema
from mock_process import COMMAND, READY, MockProcess, environment, post
from snippets import ROOT, snippets
from together_rerank_mockserver.cli.serve import serve
from together_rerank_mockserver.settings import Settings

SCHEMA = files("together_rerank_mockserver").joinpath("cli/config.schema.json")
(EXAMPLE,) = [each for each in snippets("docs/cli.md") if each.language == "toml"]
VARIABLE = "TOGETHER_RERANK_MOCK_CONFIG"


@pytest.fixture
def config(tmp_path):
    """Return a function that writes a configuration file and returns its path."""

    def write(text):
        path = tmp_path / "mock.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def values(*arguments):
    return serve.make_context("serve", [str(each) for each in arguments]).params


def test_the_schema_is_made_from_the_options_of_serve():
    assert json.loads(SCHEMA.read_text()) == schema(), "run: make config-schema"


def check_jsonschema(*arguments):
    command = [sys.executable, "-m", "check_jsonschema", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_the_schema_is_valid():
    assert check_jsonschema("--check-metaschema", SCHEMA).returncode == 0


@pytest.mark.slow
def test_another_validator_accepts_the_example_of_the_page_and_no_misspelled_key(config):
    path = config(EXAMPLE.text)
    checked = check_jsonschema("--schemafile", SCHEMA, path)
    path.write_text(EXAMPLE.text.replace("port", "prot"))
    refused = check_jsonschema("--schemafile", SCHEMA, path)

    assert checked.returncode == 0, checked.stdout
    assert refused.returncode == 1
    assert "'prot' was unexpected" in refused.stdout


def test_the_example_of_the_page_refers_to_the_schema_and_is_accepted(config):
    given = values("--config", config(EXAMPLE.text))

    assert EXAMPLE.first_line == f"#:schema {schema()['$id']}"
    assert (ROOT / schema()["$id"].partition("/main/")[2]).is_file()
    assert given["port"] == 4010
    assert given["chaos"] == ("429=0.1", "503=0.05")


def test_the_schema_has_the_bounds_of_the_settings_and_the_options():
    properties = schema()["properties"]

    assert {"minimum": 0, "maximum": 3_600_000, "default": 0}.items() <= properties["latency"].items()
    assert {"minimum": 0, "maximum": 65535, "default": 4010}.items() <= properties["port"].items()
    assert "minimum" not in properties["seed"]


def test_a_value_of_each_type_is_used(config):
    given = values(
        "--config",
        config("""
            port = 4011
            api-key = ["a b", "c"]
            quiet = true
            replay = "library"
            operation = ["POST", "/rerank"]
            latency = 5
            server = "threaded"
        """),
    )

    expected = {
        "port": 4011,
        "api_keys": ("a b", "c"),
        "quiet": True,
        "replay": "library",
        "operation": ("POST", "/rerank"),
        "latency_ms": 5,
        "server": "threaded",
        "seed": 0,
        "models": (),
    }
    assert {name: given[name] for name in expected} == expected


@pytest.mark.parametrize("latency", [250, "250ms", "0.25s"])
def test_a_duration_can_be_text_with_a_unit(config, latency):
    file = config(f"latency = {latency!r}\nlatency-per-document = '2.5ms'\nread-timeout = '5s'")
    given = values("--config", file)
    of_flags = values("--latency", str(latency), "--latency-per-document", "2.5", "--read-timeout", "5")

    names = ("latency_ms", "latency_per_document_ms", "read_timeout_s")
    assert [given[name] for name in names] == [of_flags[name] for name in names] == [250, 2.5, 5]
    Settings(**{name: given[name] for name in names})


def test_a_flag_wins_over_a_variable_which_wins_over_the_file(config, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(config('seed = 1\nlatency = 1\nport = 1\napi-key = ["a", "b"]')))
    monkeypatch.setenv("TOGETHER_RERANK_MOCK_SEED", "2")
    monkeypatch.setenv("TOGETHER_RERANK_MOCK_LATENCY", "2")

    given = values("--api-key", "c", "--seed", "3")

    assert [given[name] for name in ("seed", "latency_ms", "port", "api_keys")] == [3, 2, 1, ("c",)]


def test_a_path_starts_at_the_folder_of_the_file(config, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    (tmp_path / "api.yaml").touch()

    given = values("--config", config('spec = "api.yaml"\nreplay = "recorded"\nready-file = "/tmp/ready"'))

    assert given["spec"] == tmp_path / "api.yaml"
    assert given["replay"] == str(tmp_path / "recorded")
    assert str(given["ready_file"]) == "/tmp/ready"


@pytest.mark.served
def test_the_file_alone_configures_a_mock(config):
    path = config('port = 0\nserver = "threaded"\nquiet = true\nfault = "429"\nadmin-token = "sesame"')
    env = environment(**{VARIABLE: str(path)})

    with subprocess.Popen([COMMAND, "serve"], stdout=PIPE, stderr=PIPE, text=True, env=env) as process:
        mock = MockProcess(process, process.stdout.readline().removeprefix(READY).strip())
        assert post(mock)[0] == 429
        assert post(mock, path="/__admin/reset")[0] == 401
        assert mock.stop(signal.SIGTERM) == 0

    assert mock.port != 4010
    assert mock.lines == []


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("prot = 1", "`prot` is not a field; did you mean `port`?"),
        ("api_key = []", "`api_key` is not a field; did you mean `api-key`?"),
        ("zzz = 1", "`zzz` is not a field; known are host, port, server, "),
        ("config = 'x'", "`config` is not a field; "),
        ('port = "4010"', "`port` must be an integer, not a string"),
        ("port = true", "`port` must be an integer, not a boolean"),
        ("port = 65536", "`port` must be at most 65535"),
        ("port = nan", "`port` must be an integer, not a number"),
        ("quiet = 1", "`quiet` must be a boolean, not an integer"),
        ('cors = "http://a"', "`cors` must be an array, not a string"),
        ('cors = ["http://a", 1]', "`cors/1` must be a string, not an integer"),
        ('operation = ["POST"]', "`operation` must have at least 2 items"),
        ("host = 1979-05-27", "`host` must not be a date or a time"),
        ('server = "gunicorn"', "`server` must be one of granian, threaded"),
        ("[port]", "`port` must be an integer, not an object"),
        ("max-body = 0", "`max-body` must be at least 1"),
        (
            "seed = 1\nport = 1 2",
            "not TOML: Expected newline or end of document after a statement (at line 2, column 10)",
        ),
        ("seed = " + "[" * 9_999, "not TOML: maximum recursion depth exceeded"),
        (b"\xff", "not TOML: 'utf-8' codec can't decode byte 0xff in position 0"),
    ],
)
def test_an_invalid_file_is_reported_with_its_name_and_the_key(config, text, because):
    path = config(text)

    assert_refused(run("serve", "--config", path), f"Invalid value for '--config': {path}: {because}")


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ('rate-limit = "often"', "--rate-limit: 'often' is not a rate such as 60/minute, 5/second or 1000/hour"),
        ('overlay = "mock.toml"', "--overlay: applies to a document given as --spec only"),
        ('fault = "4290"', "--fault: must be a fault: there is no fault `4290`"),
        ('spec = "missing.yaml"', "missing.yaml' does not exist."),
        ('host = ".."', "--host: '..' is not a host name"),
    ],
)
def test_an_invalid_value_is_reported_with_its_flag_and_the_file(config, text, because):
    path = config(text)

    refused = run("serve", "--port", "0", "--config", path)

    assert_refused(refused, because)
    assert refused.stderr.endswith(f" (from {path})\n")


def test_an_invalid_flag_is_not_attributed_to_the_file(config):
    refused = run("serve", "--config", config('rate-limit = "60/minute"'), "--rate-limit", "often")

    assert_refused(refused, "'often' is not a rate")
    assert "mock.toml" not in refused.stderr


@pytest.mark.parametrize(("path", "because"), [("missing.toml", "does not exist"), (".", "is a directory")])
def test_a_file_that_cannot_be_read_is_reported(path, because):
    assert_refused(run("serve", **{VARIABLE: path}), because)


@pytest.mark.parametrize("text", ['admin-token = "sesame\\n"', 'api-key = "sesame"', 'api-key = ["sesame", 1]'])
def test_no_error_shows_a_secret(config, text):
    refused = run("serve", "--config", config(text))

    assert_refused(refused)
    assert "sesame" not in refused.stderr


def test_the_help_shows_no_secret(config):
    shown = run("serve", "--config", config('admin-token = "sesame"\napi-key = ["sesame"]'), "--help")

    assert shown.exit_code == 0
    assert "sesame" not in shown.stdout
