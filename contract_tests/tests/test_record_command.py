"""The output, the files and the exit status of the commands `record` and `drift`."""

import json
import signal
import subprocess
import time
from importlib.resources import files

import jsonschema
import pytest

import together_rerank_fixtures as fixtures
from commanding import COMMAND, MODEL_AND_KEY, contract, environment, process, verdict
from legitimate import Correct, RecordsRequests, Slow
from miniature import KEY, MODEL

SCHEMA = json.loads(files("together_rerank_contract_tests").joinpath("drift.schema.json").read_text())
FEW = ("--only", "success/st*", "--only", "not_found/model")


def record(server, out, *arguments, **changes):
    return contract("record", server.url, *MODEL_AND_KEY, "--out", out, *arguments, **changes)


def drift(server, *arguments, **changes):
    return contract("drift", server.url, *MODEL_AND_KEY, *arguments, **changes)


class SendsObjectList(RecordsRequests):
    """Sends "list" as `object`, and a field with the key."""

    def answer(self, request):
        return {**super().answer(request), "object": "list", "echo": f"\x1b[31m{KEY}"}


TABLE = """\
                                  document                 endpoint                  library
200 /echo                         absent                   string                    absent
200 /object                       "rerank"                 "list"                    "rerank"
error /error/param                string or null or        absent                    string
                                  absent
error.code                        string or null or        absent                    "model_not_found"
                                  absent
  not_found/model
error.message
  document  string
  endpoint  "there is no such model"
  library   "Unable to access model example/no-such-model. Please visit https://api.together.xyz to see the
            list of supported models or contact the owner to request access."
  not_found/model"""


@pytest.mark.served
def test_record_saves_exchanges_and_prints_how_they_differ(tmp_path):
    with SendsObjectList() as server:
        ran = process("record", server.url, *MODEL_AND_KEY, "--out", tmp_path / "kept", *FEW)

    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert lines[0] == f"endpoint  {server.url}/v1/rerank"
    assert lines[1] == f"model     {MODEL}"
    assert ran.stdout.partition("..\n\n")[2].rpartition("\n\n")[0] == TABLE
    assert lines[-1].startswith(f"recorded -- 2 exchanges saved in {tmp_path / 'kept'}; 3 requests, ")
    assert {each.name for each in fixtures.read(tmp_path / "kept")} == {"success/strings", "not_found/model"}


@pytest.mark.slow
def test_the_key_is_neither_printed_nor_written(tmp_path):
    with SendsObjectList() as server:
        recorded = record(server, tmp_path / "kept")
        drifted = drift(server, "--json", tmp_path / "drift.json")

    saved = [path.read_text() for path in tmp_path.rglob("*.json")]
    assert len(saved) > 60
    for text in (recorded.stdout, drifted.stdout, *saved):
        assert KEY not in text
        assert "\x1b" not in text
    assert "$MINI_KEY" in (tmp_path / "kept/success/strings.json").read_text()


@pytest.mark.parametrize(("most", "shown"), [(1, "1 request"), (2, "2 requests"), (9, "9 requests")])
def test_if_the_budget_is_spent_the_responses_received_so_far_are_saved(tmp_path, most, shown):
    with RecordsRequests() as server:
        ran = record(server, tmp_path / "kept", "--max-requests", most)

    assert ran.returncode == 4
    assert len(server.seen) == most
    reason = f"the {shown} of --max-requests {'is' if most == 1 else 'are'} spent"
    assert verdict(ran).startswith(f"budget spent before the end: {reason} -- ")
    assert f"; {shown}, " in verdict(ran)
    assert (tmp_path / "kept").exists() is (most > 1)
    if most > 1:
        assert len(fixtures.read(tmp_path / "kept")) == most - 1
        assert f"missing   {reason}: bad_request/" in ran.stdout


def test_max_tokens_limits_drift():
    with RecordsRequests() as server:
        ran = drift(server, "--only", "success/*", "--max-tokens", 500)

    assert ran.returncode == 4
    assert 1 < len(server.seen) < 10


@pytest.mark.slow
def test_drift_sends_requests_at_the_given_rate():
    began = time.monotonic()
    with RecordsRequests() as server:
        ran = drift(server, "--only", "success/t*", "--rate", "4/s")

    assert ran.returncode == 0
    assert time.monotonic() - began >= (len(server.seen) - 1) / 4 > 1


@pytest.mark.served
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_saves_the_responses_received_so_far(tmp_path, number):
    with Slow() as server:
        command = [COMMAND, "record", server.url, *MODEL_AND_KEY, "--only", "success/*", "--out", tmp_path / "kept"]
        with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
            shown = ""
            while not shown.endswith("....."):
                shown += process.stdout.read(1)
            process.send_signal(number)
            rest = process.stdout.read()

    assert process.returncode == 130
    assert 5 <= len(fixtures.read(tmp_path / "kept")) < 30
    assert "missing   interrupted: success/" in rest
    assert rest.splitlines()[-1].startswith("interrupted -- ")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_an_unreachable_endpoint_saves_nothing_and_ends_with_status_3(tmp_path):
    with Correct() as server:
        pass
    recorded, drifted = record(server, tmp_path / "kept"), drift(server)

    assert recorded.returncode == drifted.returncode == 3
    assert verdict(recorded).startswith("could not tell: no complete response from ")
    assert list(tmp_path.iterdir()) == []


def places(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/precious").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to("nowhere")
    return {
        "full": "is not empty; name a new folder",
        "file": "is not a folder",
        "file/below": "there is no folder",
        "no/where": "there is no folder",
        "dangling": "is not a folder",
        "x" * 300: "cannot be written: File name too long",
        "/proc/self/kept": "cannot be written: ",
    }


def test_no_request_is_sent_if_the_folder_cannot_be_written(tmp_path):
    with RecordsRequests() as server:
        for name, reason in places(tmp_path).items():
            ran = record(server, tmp_path / name)

            assert ran.returncode == 2
            assert reason in ran.stderr
            assert ran.stderr.count("\n") == 1

    assert server.seen == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "file", "full"]


def test_a_key_that_is_too_short_to_be_masked_is_rejected(tmp_path):
    with RecordsRequests() as server:
        ran = record(server, tmp_path / "kept", MINI_KEY="abc")

    assert ran.returncode == 2
    assert "the key in MINI_KEY has fewer than 4 characters" in ran.stderr
    assert server.seen == []


class FillsTheFolder(Correct):
    """Writes a file into the folder while it responds."""

    def answer(self, request):
        self.folder.mkdir(exist_ok=True)
        (self.folder / "precious").write_text("mine")
        return super().answer(request)


def test_a_folder_that_is_filled_during_the_recording_is_not_changed(tmp_path):
    with FillsTheFolder() as server:
        server.folder = tmp_path / "kept"
        ran = record(server, server.folder, *FEW)

    assert ran.returncode == 2
    assert "is not empty" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert [path.name for path in server.folder.iterdir()] == ["precious"]


INVALID = [
    (("record", "http://127.0.0.1:1"), "Missing option '--out'"),
    (("record", "--out", "x"), "Missing argument 'URL'"),
    (("drift", "localhost:8000"), "not a URL"),
    (("drift", "http://127.0.0.1:1", "--only", "nothing/*"), "matches 'nothing/*'; choose from: bad_request/"),
    (("drift", "http://127.0.0.1:1", "--rate", "fast"), "not a rate"),
    (("drift", "http://127.0.0.1:1", "--timeout", "nan"), "nan"),
    (("drift", "http://127.0.0.1:1", "--api-key-env", "NOT_SET"), "NOT_SET is not set"),
    (("drift", "http://127.0.0.1:1", "--json", "no/such/folder.json"), "does not name a file in an existing folder"),
    (("drift", "http://127.0.0.1:1", "--level", "must"), "No such option"),
    (("drift", "https://api.together.xyz", "--api-key-env", "MINI_KEY"), "this would send about "),
    (("record", "https://api.together.xyz", "--api-key-env", "MINI_KEY", "--out", "x"), "add --live"),
]


@pytest.mark.parametrize(("arguments", "message"), INVALID, ids=lambda each: str(each)[-40:])
def test_an_invalid_option_is_reported_in_one_line(arguments, message, tmp_path):
    ran = contract(*arguments, cwd=tmp_path)

    assert ran.returncode == 2
    assert message in ran.stderr
    assert ran.stderr.strip().count("\n") == 0
    assert list(tmp_path.iterdir()) == []


def test_help_mentions_both_commands():
    main, *others = (contract(*words, "--help") for words in ((), ("record",), ("drift",)))

    assert [each.returncode for each in (main, *others)] == [0, 0, 0]
    assert "together-rerank-contract record URL --out DIR" in main.stdout
    assert "together-rerank-contract drift URL" in main.stdout
    for name, each in zip(("record", "drift"), others, strict=True):
        assert each.stdout.startswith(f"Usage: together-rerank-contract {name} [OPTIONS] URL\n")


def test_drift_sets_the_exit_status_and_writes_a_report(tmp_path):
    with SendsObjectList() as server:
        ran = drift(server, *FEW, "--json", tmp_path / "drift.json")
    report = json.loads((tmp_path / "drift.json").read_text())

    assert (ran.returncode, ran.stderr) == (1, "")
    assert verdict(ran).startswith("drift -- 5 differences, 2 exchanges compared; 3 requests, ")
    jsonschema.validate(report, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert report["verdict"] == {"text": "drift", "status": 1, "reason": ""}
    assert report["answered"] == ["not_found/model", "success/strings"]
    assert report["drift"][1] == {
        "what": "200 /object",
        "document": '"rerank"',
        "endpoint": '"list"',
        "library": '"rerank"',
        "exchanges": [],
    }


def test_drift_takes_precedence_over_a_spent_budget():
    with SendsObjectList() as server:
        ran = drift(server, "--only", "success/*", "--max-requests", 3)

    assert ran.returncode == 1
    assert verdict(ran).startswith("drift: the 3 requests of --max-requests are spent -- 2 differences, 2 exchanges")


def test_a_report_that_cannot_be_written_ends_with_status_2(tmp_path):
    (tmp_path / "drift.json").mkdir()
    with Correct() as server:
        ran = drift(server, *FEW, "--json", tmp_path / "drift.json/")

    assert ran.returncode == 2
