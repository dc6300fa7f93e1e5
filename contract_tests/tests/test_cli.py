"""The output and the exit status of the command."""

import json

import pytest

from broken import AppliesTopNBeforeRanking, OneByDefault, ScoresAboveOne, ScoresDependOnOtherFields
from commanding import MODEL_AND_KEY, contract, process, shell, verdict
from legitimate import Correct, NoId, RecordsRequests
from miniature import KEY, MODEL


@pytest.mark.served
def test_a_correct_server_passes():
    with Correct() as server:
        ran = process(server.url, *MODEL_AND_KEY, "--level", "should")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert verdict(ran).startswith("keeps the contract -- 70 passed; seed 0, ")
    assert f"endpoint  {server.url}/v1/rerank" in ran.stdout


def test_a_failed_must_is_reported_with_a_command_that_repeats_the_request():
    with AppliesTopNBeforeRanking() as server:
        ran = contract(server.url, *MODEL_AND_KEY)
        command = next(line.strip() for line in ran.stdout.splitlines() if line.startswith("  curl"))
        shown = shell(command)

    assert ran.returncode == 1
    row = ran.stdout.partition("FAILED")[2]
    assert row.split()[:2] == ["RR-RESULT-005", "MUST"]
    for field in ("sent      POST", "expected  the top 1", "received  document 0", "source    kit: ", "why       "):
        assert f"\n  {field}" in row
    assert KEY not in command
    assert "$MINI_KEY" in command
    assert shown.stdout.startswith("HTTP/1.1 200")
    assert json.loads(shown.stdout.splitlines()[-1])["results"][0]["index"] == 0
    assert verdict(ran).startswith("does not keep the contract -- 2 MUST failed, 1 SHOULD failed, 67 passed; ")


@pytest.mark.parametrize(("level", "status"), [("must", 0), ("should", 1), ("info", 1)])
def test_a_failed_should_affects_the_exit_status_only_from_level_should_on(level, status):
    with ScoresDependOnOtherFields() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "--level", level)

    assert ran.returncode == status
    assert "FAILED        RR-FIELDS-001  SHOULD" in ran.stdout
    passing, failing = "keeps every MUST; 1 SHOULD failed -- ", "does not keep the contract -- 1 SHOULD failed, "
    assert verdict(ran).startswith(failing if status else passing)
    assert verdict(ran).count("SHOULD") == 1


def test_an_info_is_reported_only_at_level_info_and_never_affects_the_exit_status():
    with ScoresAboveOne() as server:
        with_info, without_info = (
            contract(server.url, *MODEL_AND_KEY, "--level", level) for level in ("info", "should")
        )

    assert with_info.returncode == without_info.returncode == 0
    assert "FAILED        RR-SCORE-002  INFO" in with_info.stdout
    assert "RR-SCORE-002" not in without_info.stdout


def test_quick_sends_at_most_15_requests():
    with RecordsRequests() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "--quick")

    assert ran.returncode == 0
    assert len(server.seen) <= 15
    assert verdict(ran).startswith("keeps what --quick judges -- 22 passed; ")


def test_a_skipped_requirement_is_reported():
    with NoId() as server:
        ran = contract(server.url, "--model", MODEL, "--api-key-env", "MINI_KEY")

    assert ran.returncode == 0
    assert "skipped       RR-RESPONSE-005  SHOULD" in ran.stdout
    assert "(skipped: RR-RESPONSE-005)" in verdict(ran)


@pytest.mark.parametrize("form", ["", "/", "/v1", "/v1/", "/v1/rerank", "/rerank"])
def test_the_url_may_name_the_host_the_base_or_the_operation(form):
    with Correct() as server:
        ran = contract(f"{server.url}{form}", *MODEL_AND_KEY, "--quick")

    assert ran.returncode == 0
    assert f"endpoint  {server.url}{'/rerank' if form == '/rerank' else '/v1/rerank'}\n" in ran.stdout


class ServesOnlyAtTheRoot(RecordsRequests):
    def reply(self, method, path, headers, content):
        return super().reply(method, "/nowhere" if path.startswith("/v1") else path, headers, content)


def test_an_operation_that_is_not_below_v1_is_found():
    with ServesOnlyAtTheRoot() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "--quick")

    assert ran.returncode == 0
    assert f"endpoint  {server.url}/rerank\n" in ran.stdout


def test_an_unreachable_endpoint_ends_with_status_3():
    with Correct() as server:
        url = server.url
    ran = contract(url, *MODEL_AND_KEY)

    assert ran.returncode == 3
    assert verdict(ran).startswith("could not tell: no complete response from ")
    assert "keeps" not in ran.stdout


def test_an_unknown_model_is_reported_with_the_option_to_set():
    with Correct() as server:
        ran = contract(server.url, "--api-key-env", "MINI_KEY")

    assert ran.returncode == 3
    assert "404" in verdict(ran)
    assert "use --model to name a model that the endpoint serves" in verdict(ran)


def test_a_server_that_returns_one_result_by_default_fails_only_one_should():
    with OneByDefault() as server:
        ran = contract(server.url, *MODEL_AND_KEY)

    assert ran.returncode == 0
    assert "; 1 SHOULD failed -- 69 passed; " in verdict(ran)


def test_list_sends_no_requests():
    with RecordsRequests() as server:
        ran = contract(server.url, "--list", "--fuzz", "--level", "info")

    assert ran.returncode == 0
    assert server.seen == []
    assert "RR-RESULT-001     MUST    Results are sorted by score, highest first." in ran.stdout
    assert verdict(ran).startswith("88 requirements, about ")


def test_requirements_are_selected_by_id_and_by_name():
    with Correct() as server:
        by_id = contract(server.url, *MODEL_AND_KEY, "-k", "RR-RESULT-001 or rr-usage")
        by_name = contract(server.url, *MODEL_AND_KEY, "-k", "sorted")

    assert "5 passed" in verdict(by_id)
    assert "1 passed" in verdict(by_name)


INVALID = [
    (("localhost:8000",), "not a URL"),
    (("http://127.0.0.1:99999",), "not a URL"),
    (("http://user:secret-of-theirs@127.0.0.1:1",), "must not contain a user or password"),
    (("http://127.0.0.1:1/?key=a-query-value#x",), "must not contain a fragment"),
    (("http://127.0.0.1:99999/?key=a-query-value",), "the argument is not a URL"),
    (("http://127.0.0.1:1", "--api-key-env", "NOT_SET"), "NOT_SET is not set"),
    (("http://127.0.0.1:1", "--api-key-env", "sk-a-key-by-mistake"), "takes the name of an environment variable"),
    (("http://127.0.0.1:1", "-k", "no_such_thing"), "no requirement is selected"),
    (("http://127.0.0.1:1", "-k", "a and ("), "Wrong expression"),
    (("http://127.0.0.1:1", "-k", "--help"), "no requirement is selected"),
    (("http://127.0.0.1:1", "-k", "a or " * 1_000 + "a"), "more than 2000 characters"),
    (("http://a..b/",), "not a URL"),
    (("http://127.0.0.1:1", "--header", "api-key: a-header-value="), "--header takes NAME=VALUE"),
    (("http://127.0.0.1:1", "--header", "=a-header-value"), "--header takes NAME=VALUE"),
    (("http://127.0.0.1:1", "--header", "Host=a-header-value"), "cannot set Host"),
    (("http://127.0.0.1:1", "--header", "content-length=1"), "cannot set content-length"),
    (("http://127.0.0.1:1", "--header", "api-key= a-header-value"), "the value of --header api-key must be printable"),
    (("http://127.0.0.1:1", "--header", "api-key="), "the value of --header api-key must be printable"),
    (
        ("http://127.0.0.1:1", "--header", "authorization=a-header-value", "--api-key-env", "MINI_KEY"),
        "--header authorization and the key in MINI_KEY cannot be combined",
    ),
    (("http://127.0.0.1:1", "--cacert", "no-such-file.pem"), "cannot use --cacert no-such-file.pem: "),
    (("http://127.0.0.1:1", "--retries", "-1"), "-1"),
    (("http://127.0.0.1:1", "--wait", "nan"), "nan"),
    (("http://127.0.0.1:1", "--max-time", "inf"), "inf is not a number of seconds"),
    (("http://127.0.0.1:1", "--max-time", "0"), "0"),
    (("http://127.0.0.1:1", "--max-response", "0"), "0"),
    (("http://127.0.0.1:1", "--json", ""), "does not name a file"),
    (("http://127.0.0.1:1", "--rate", f"0.{'0' * 320}1/h"), "not a rate"),
    (("http://127.0.0.1:1", "--model", "a\nb"), "characters that cannot be sent"),
    (("http://127.0.0.1:1", "--api-key-env", "tgp_v1_by_mistake"), "that --api-key-env names is not set"),
    (("http://127.0.0.1:1", "--rate", "fast"), "not a rate such as 5/s"),
    (("http://127.0.0.1:1", "--rate", "0/s"), "not a rate such as 5/s"),
    (("http://127.0.0.1:1", "--timeout", "nan"), "nan"),
    (("http://127.0.0.1:1", "--max-requests", "0"), "0"),
    (("http://127.0.0.1:1", "--quick", "--fuzz"), "cannot be combined"),
    (("http://127.0.0.1:1", "--level", "may"), "'must', 'should', 'info'"),
    (("http://127.0.0.1:1", "--junit", "no/such/folder/report.xml"), "does not name a file in an existing folder"),
    (("http://127.0.0.1:1", "--known", "no-such-file.toml"), "No such file"),
    (("http://127.0.0.1:1", "--html", "no\x1b[31m/folder"), "'no\\x1b[31m/folder' does not name a file"),
    (("https://api.together.xyz/v1", "--api-key-env", "MINI_KEY"), "add --live"),
    (("https://api.together.ai",), "TOGETHER_API_KEY is not set"),
    ((), "Missing argument 'URL'"),
]


@pytest.mark.parametrize(("arguments", "message"), INVALID, ids=lambda each: str(each)[-40:])
def test_an_invalid_option_is_reported_in_one_line(arguments, message):
    ran = contract(*arguments)

    assert ran.returncode == 2
    assert message in ran.stderr
    assert ran.stderr.strip().count("\n") == 0
    for secret in ("secret-of-theirs", "sk-a-key-by-mistake", "tgp_v1_by_mistake", "a-query-value", "a-header-value"):
        assert secret not in ran.stderr + ran.stdout


def test_without_live_a_run_against_the_real_api_only_prints_an_estimate():
    ran = contract("https://api.together.xyz", TOGETHER_API_KEY="a-key-that-is-none")

    assert ran.returncode == 2
    assert "this would send about 14" in ran.stderr
    assert "requests" in ran.stderr
    assert "tokens" in ran.stderr


@pytest.mark.fuzz
@pytest.mark.exhaustive
def test_the_same_seed_sends_the_same_requests():
    def sent(seed):
        with RecordsRequests() as server:
            options = ("--fuzz", "-k", "RR-FUZZ-001", "--max-requests", 140, "--seed", seed)
            ran = contract(server.url, *MODEL_AND_KEY, *options)
        assert f"; seed {seed}, " in verdict(ran)
        return [(method, content) for method, _, _, content in server.seen]

    first = sent(1)

    assert first == sent(1)
    assert first != sent(2)
