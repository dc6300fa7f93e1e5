"""The command: what it says, what it ends with, and what it never does."""

import json
import signal
import subprocess
import time

import pytest

from broken_answers import CutsBeforeItRanks, OneByDefault
from broken_rankings import LeaksOtherFields, ScoresWithoutBounds
from broken_refusals import AcceptsInvalidRequests
from commanding import COMMAND, OPEN, contract, environment, verdict
from legitimate import Honest, NoId, Slow
from miniature import KEY, MODEL, Refused


class Watched(Honest):
    """Keeps what it is sent."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def reply(self, method, path, headers, content):
        self.seen.append((method, path, headers, content))
        return super().reply(method, path, headers, content)

    @property
    def keys(self):
        return {headers.get("Authorization") for _, _, headers, _ in self.seen}


def test_an_honest_server_keeps_the_contract():
    with Honest() as server:
        ran = contract(server.url, *OPEN, "--level", "should")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert verdict(ran).startswith("keeps the contract -- 47 passed; seed 0, ")
    assert f"endpoint  {server.url}/v1/rerank" in ran.stdout


def test_a_must_that_fails_is_told_so_that_somebody_can_act():
    with CutsBeforeItRanks() as server:
        ran = contract(server.url, *OPEN)
        (command,) = [line.strip() for line in ran.stdout.splitlines() if line.startswith("  curl")][:1]
        shown = subprocess.run(
            ["bash", "-c", command], env=environment(), check=True, capture_output=True, text=True, timeout=20
        )

    assert ran.returncode == 1
    row = ran.stdout.partition("FAILED")[2]
    assert row.split()[:2] == ["RR-RESULT-005", "MUST"]
    for field in ("sent      POST", "expected  the best 1", "received  document 0", "source    kit: ", "why       "):
        assert f"\n  {field}" in row
    assert KEY not in command
    assert "$MINI_KEY" in command
    assert shown.stdout.startswith("HTTP/1.1 200")
    assert json.loads(shown.stdout.splitlines()[-1])["results"][0]["index"] == 0
    assert verdict(ran).startswith("does not keep the contract -- 1 MUST failed, 1 SHOULD failed, 45 passed; ")


@pytest.mark.parametrize(("level", "status"), [("must", 0), ("should", 1), ("info", 1)])
def test_a_should_counts_from_its_level_on(level, status):
    with LeaksOtherFields() as server:
        ran = contract(server.url, *OPEN, "--level", level)

    assert ran.returncode == status
    assert "FAILED        RR-FIELDS-001  SHOULD" in ran.stdout


def test_an_info_is_told_when_asked_for_and_never_counts():
    with ScoresWithoutBounds() as server:
        asked, not_asked = (contract(server.url, *OPEN, "--level", level) for level in ("info", "should"))

    assert asked.returncode == not_asked.returncode == 0
    assert "FAILED        RR-SCORE-002  INFO" in asked.stdout
    assert "RR-SCORE-002" not in not_asked.stdout
    assert "RR-SCORE-002" in asked.stdout


def test_quick_is_a_tenth_of_it():
    with Watched() as server:
        ran = contract(server.url, *OPEN, "--quick")

    assert ran.returncode == 0
    assert len(server.seen) <= 12
    assert "15 passed" in verdict(ran)


def test_what_could_not_be_judged_is_said():
    with NoId() as server:
        ran = contract(server.url, "--model", MODEL, "--api-key-env", "MINI_KEY")

    assert ran.returncode == 0
    assert "skipped       RR-RESPONSE-005  SHOULD" in ran.stdout
    assert "(skipped: RR-RESPONSE-005)" in verdict(ran)


@pytest.mark.parametrize("form", ["", "/", "/v1", "/v1/", "/v1/rerank", "/rerank"])
def test_the_url_may_name_the_host_the_base_or_the_operation(form):
    with Honest() as server:
        ran = contract(f"{server.url}{form}", *OPEN, "--quick")

    assert ran.returncode == 0
    assert f"endpoint  {server.url}{'/rerank' if form == '/rerank' else '/v1/rerank'}\n" in ran.stdout


class AtTheRoot(Watched):
    def reply(self, method, path, headers, content):
        return super().reply(method, "/nowhere" if path.startswith("/v1") else path, headers, content)


def test_an_operation_that_is_not_below_v1_is_found():
    with AtTheRoot() as server:
        ran = contract(server.url, *OPEN, "--quick")

    assert ran.returncode == 0
    assert f"endpoint  {server.url}/rerank\n" in ran.stdout


def test_nobody_there_is_no_verdict():
    with Honest() as server:
        url = server.url
    ran = contract(url, *OPEN)

    assert ran.returncode == 3
    assert verdict(ran).startswith("could not tell: no whole answer from ")
    assert "keeps" not in ran.stdout


def test_without_a_key_the_flag_is_named_and_no_key_is_sent():
    with Watched() as server:
        ran = contract(server.url, "--model", MODEL, TOGETHER_API_KEY="a-key-for-somebody-else")

    assert ran.returncode == 3
    assert "no key was sent; --api-key-env NAME sends one" in verdict(ran)
    assert server.keys == {None}


def test_a_model_that_is_not_served_names_the_flag():
    with Honest() as server:
        ran = contract(server.url, "--api-key-env", "MINI_KEY")

    assert ran.returncode == 3
    assert "404" in verdict(ran)
    assert "--model must name a model that it serves" in verdict(ran)


class Open(Watched):
    def authenticate(self, headers):
        """Asks for no key."""


def test_without_a_key_authentication_is_skipped_and_said():
    with Open() as server:
        ran = contract(server.url, "--model", MODEL)

    assert ran.returncode == 0
    assert "(skipped: RR-AUTH-001, RR-AUTH-002)" in verdict(ran)
    assert server.keys == {None}


@pytest.mark.parametrize("most", [1, 10, 40])
def test_no_more_is_sent_than_the_budget_allows(most):
    with Watched() as server:
        ran = contract(server.url, *OPEN, "--max-requests", most)

    assert ran.returncode == 4
    assert len(server.seen) == most
    assert verdict(ran).startswith(f"budget spent before the end: the {most} requests of --max-requests are spent")


def test_schemathesis_cannot_pass_the_budget_either():
    with Watched() as server:
        ran = contract(server.url, *OPEN, "--fuzz", "-k", "RR-FUZZ", "--max-requests", 60)

    assert ran.returncode == 4
    assert 50 < len(server.seen) <= 60  # what is no HTTP is counted, and cannot be sent


def test_a_failure_counts_more_than_a_budget_that_is_spent():
    with OneByDefault() as server:
        ran = contract(server.url, *OPEN, "--max-requests", 45, "--level", "should")

    assert ran.returncode == 1


def test_tokens_are_a_budget_too():
    with Watched() as server:
        ran = contract(server.url, *OPEN, "--max-tokens", 2_000)

    assert ran.returncode == 4
    assert 2 < len(server.seen) < 40


def test_a_server_that_returns_few_by_default_is_judged_all_the_same():
    with OneByDefault() as server:
        ran = contract(server.url, *OPEN)

    assert ran.returncode == 0
    assert "1 SHOULD failed, 46 passed; " in verdict(ran)


def test_requests_keep_their_distance():
    began = time.monotonic()
    with Watched() as server:
        ran = contract(server.url, *OPEN, "--quick", "--rate", "20/s")

    assert ran.returncode == 0
    assert time.monotonic() - began >= (len(server.seen) - 1) / 20


def test_a_list_is_free():
    with Watched() as server:
        ran = contract(server.url, "--list", "--fuzz", "--level", "info")

    assert ran.returncode == 0
    assert server.seen == []
    assert "RR-RESULT-001     MUST    Results come in the order of their scores, highest first." in ran.stdout
    assert verdict(ran).startswith("63 requirements, about ")


def test_requirements_are_selected_by_id_and_by_name():
    with Honest() as server:
        by_id = contract(server.url, *OPEN, "-k", "RR-RESULT-001 or rr-usage")
        by_name = contract(server.url, *OPEN, "-k", "sorted")

    assert "5 passed" in verdict(by_id)
    assert "1 passed" in verdict(by_name)


WRONG = [
    (("localhost:8000",), "not a URL"),
    (("http://127.0.0.1:99999",), "not a URL"),
    (("http://user:secret-of-theirs@127.0.0.1:1",), "no user or password"),
    (("http://127.0.0.1:1/?key=x",), "no query"),
    (("http://127.0.0.1:1", "--api-key-env", "NOT_SET"), "NOT_SET is not set"),
    (("http://127.0.0.1:1", "--api-key-env", "sk-a-key-by-mistake"), "takes the name of an environment variable"),
    (("http://127.0.0.1:1", "-k", "no_such_thing"), "nothing is selected"),
    (("http://127.0.0.1:1", "-k", "a and ("), "Wrong expression"),
    (("http://127.0.0.1:1", "-k", "--help"), "nothing is selected"),
    (("http://127.0.0.1:1", "-k", "a or " * 1_000 + "a"), "too long"),
    (("http://a..b/",), "not a URL"),
    (("http://127.0.0.1:1?",), "no query"),
    (("http://127.0.0.1:1", "--json", ""), "names no file"),
    (("http://127.0.0.1:1", "--rate", f"0.{'0' * 320}1/h"), "not a rate"),
    (("http://127.0.0.1:1", "--model", "a\nb"), "characters that cannot be sent"),
    (("http://127.0.0.1:1", "--api-key-env", "tgp_v1_by_mistake"), "that --api-key-env names is not set"),
    (("http://127.0.0.1:1", "--rate", "fast"), "not a rate like 5/s"),
    (("http://127.0.0.1:1", "--rate", "0/s"), "not a rate like 5/s"),
    (("http://127.0.0.1:1", "--timeout", "nan"), "nan"),
    (("http://127.0.0.1:1", "--max-requests", "0"), "0"),
    (("http://127.0.0.1:1", "--quick", "--fuzz"), "exclude each other"),
    (("http://127.0.0.1:1", "--level", "may"), "'must', 'should', 'info'"),
    (("http://127.0.0.1:1", "--junit", "no/such/folder/report.xml"), "there is no such folder"),
    (("http://127.0.0.1:1", "--known", "no-such-file.toml"), "No such file"),
    (("https://api.together.xyz/v1", "--api-key-env", "MINI_KEY"), "add --live"),
    (("https://api.together.ai",), "TOGETHER_API_KEY is not set"),
    ((), "Missing argument 'URL'"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=lambda each: str(each)[-40:])
def test_what_is_not_understood_is_said_in_a_line(arguments, said):
    ran = contract(*arguments)

    assert ran.returncode == 2
    assert said in ran.stderr
    assert ran.stderr.strip().count("\n") == 0
    for secret in ("secret-of-theirs", "sk-a-key-by-mistake", "tgp_v1_by_mistake"):
        assert secret not in ran.stderr + ran.stdout


def test_the_real_api_is_asked_for_only_after_an_estimate():
    ran = contract("https://api.together.xyz", TOGETHER_API_KEY="a-key-that-is-none")

    assert ran.returncode == 2
    assert "this would send about 7" in ran.stderr
    assert "requests" in ran.stderr
    assert "tokens" in ran.stderr


class EchoesTheKey(AcceptsInvalidRequests):
    """As gateways do that quote what they refuse."""

    def refusal(self, refused):
        status, headers, _ = super().refusal(refused)
        return status, {**headers, "X-Key": KEY}, json.dumps({"detail": f"bad key {KEY}", "bearer": KEY}).encode()

    def answer(self, request):
        return {**super().answer(request), "object": KEY}


def test_the_key_is_nowhere(tmp_path):
    forms = {form: tmp_path / form for form in ("junit", "json", "markdown")}
    with EchoesTheKey() as server:
        files = [part for form, path in forms.items() for part in (f"--{form}", path)]
        ran = contract(server.url, *OPEN, "--fuzz", "--max-requests", 250, *files, cwd=tmp_path)

    assert ran.returncode == 1
    written = [ran.stdout, ran.stderr, *(path.read_text() for path in forms.values())]
    assert all(KEY not in text for text in written)
    assert all("$MINI_KEY" in text for text in (written[0], *written[2:]))


class HasAWordForAKey(Honest):
    """Which stands in what is sent and comes back; and it says that any key will do, in a word that the key has."""

    def authenticate(self, headers):
        if "Authorization" not in headers:
            raise Refused(401, "the key is missing")

    def reply(self, *call):
        status, headers, content = super().reply(*call)
        return status, {**headers, "x-mock-accepts": "any-key, any-model"}, content


@pytest.mark.parametrize("key", ["llamas", "any-key", "relevance_score"])
def test_a_key_that_is_a_word_changes_no_verdict(key):
    with HasAWordForAKey() as server:
        ran = contract(server.url, *OPEN, "--level", "should", MINI_KEY=key)

    assert ran.returncode == 0, ran.stdout
    assert "(skipped: RR-AUTH-002)" in verdict(ran)


class Redirects(Watched):
    """What Schemathesis likes to send, and the requirements do not."""

    to = ""

    def answer(self, request):
        if not request["query"]:
            raise Refused(307, "over there", Location=f"{self.to}/v1/rerank")
        return super().answer(request)


def test_the_key_goes_to_no_other_host():
    with Watched() as other, Redirects() as server:
        server.to = other.url
        ran = contract(server.url, *OPEN, "--fuzz", "--max-requests", 250)

    assert ran.returncode == 1  # 307 is no status of the document
    assert any(b'"query": ""' in content for _, _, _, content in server.seen)
    assert other.seen == []


def test_nothing_of_the_users_has_a_say_and_nothing_is_left_behind(tmp_path):
    for name in ("conftest.py", "sitecustomize.py", "pytest.py", "hooks.py"):
        (tmp_path / name).write_text("raise RuntimeError('a file of the project was imported')\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (tmp_path / "schemathesis.toml").write_text("no-such-setting = 1\n")
    before = sorted(tmp_path.iterdir())
    with Honest() as server:
        options = ("--fuzz", "--max-requests", 250)
        ran = contract(server.url, *OPEN, *options, cwd=tmp_path, PYTEST_ADDOPTS="--nope", SCHEMATHESIS_HOOKS="hooks")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_reports_what_is_known(number, tmp_path):
    with Slow() as server:
        command = [COMMAND, server.url, *OPEN, "--json", tmp_path / "report.json"]
        with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
            shown = ""
            while shown.count(".") < 8:
                shown = shown[-20:] + process.stdout.read(1)
            process.send_signal(number)
            rest = process.stdout.read()

    assert process.returncode == 130
    assert rest.splitlines()[-1].startswith("interrupted -- ")
    counts = json.loads((tmp_path / "report.json").read_text())["counts"]
    assert counts["passed"] > 2
    assert counts["not run"] > 2


def test_an_interruption_of_schemathesis_keeps_what_it_found():
    class Wrong(Honest):
        slept = 0.02

        def answer(self, request):
            time.sleep(self.slept)
            return {**super().answer(request), "object": "list"}

    with Wrong() as server:
        command = [COMMAND, server.url, *OPEN, "--fuzz", "-k", "RR-FUZZ"]
        with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
            deadline = time.monotonic() + 60
            while next(server.counter) < 60:  # the first request and what Schemathesis sent
                assert time.monotonic() < deadline
                time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            rest = process.stdout.read()

    assert process.returncode == 130
    assert "FAILED        RR-FUZZ-004  MUST" in rest


class HasAnOddHeader(Watched):
    """In UTF-8, which no header should have; and it breaks on what it does not know."""

    def reply(self, method, path, headers, content):
        status, given, body = super().reply(method, path, headers, content)
        return (500 if status == 400 else status), {**given, "X-Name": "☃".encode().decode("latin-1")}, body


def test_an_odd_header_hides_no_fault():
    with HasAnOddHeader() as server:
        ran = contract(server.url, *OPEN, "--fuzz", "-k", "RR-FUZZ", "--max-requests", 200)

    assert (ran.returncode, ran.stderr) == (1, "")
    assert "FAILED        RR-FUZZ-001" in ran.stdout


class SaysHalfACharacter(Honest):
    def serialise(self, body):
        return super().serialise(body).replace(b'"rerank"', b'"\\ud800"')


class CountsBeyondReason(Honest):
    def usage(self, request, texts):
        return {"prompt_tokens": 10**400, "completion_tokens": 0, "total_tokens": 10**400}


class ScoresBeyondReason(Honest):
    def result(self, index, score, request):
        return {**super().result(index, score, request), "relevance_score": 10**400}


class SaysTooMuch(Honest):
    def document(self, index, request):
        return {"text": "x" * 300_000}


@pytest.mark.parametrize("kind", [SaysHalfACharacter, CountsBeyondReason, ScoresBeyondReason, SaysTooMuch])
def test_no_answer_is_too_odd_to_be_judged(kind):
    with kind() as server:
        ran = contract(server.url, *OPEN)

    assert ran.returncode == (0 if kind is CountsBeyondReason else 1), ran.stdout[-2_000:] + ran.stderr
    assert ran.stderr == ""
    assert len(ran.stdout) < 50_000


class Hangs(Honest):
    def answer(self, request):
        if next(self.calls) > 1:
            time.sleep(20)
        return super().answer(request)


def test_an_endpoint_that_does_not_answer_any_more_is_left_alone():
    began = time.monotonic()
    with Hangs() as server:
        ran = contract(server.url, *OPEN, "--timeout", "0.5")

    assert ran.returncode == 3
    assert "answers did not come in time, so no more were asked for" in ran.stdout
    assert time.monotonic() - began < 15


def test_what_the_environment_says_wrongly_is_told_in_a_line():
    ran = contract("http://192.0.2.1", "--list", ALL_PROXY="socks9://127.0.0.1:9")

    assert ran.returncode == 2
    assert "the environment's proxy or certificates cannot be used" in ran.stderr
    assert ran.stderr.strip().count("\n") == 0


@pytest.mark.parametrize("redirect", [">&-", "> /dev/full"])
def test_a_report_that_nobody_can_read_is_no_fault(redirect):
    with Honest() as server:
        line = f"{COMMAND} {server.url} {' '.join(OPEN)} --quick {redirect}"
        ran = subprocess.run(
            ["bash", "-c", line], env=environment(), check=False, capture_output=True, text=True, timeout=60
        )

    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_pipe_for_a_report_stays_a_pipe(tmp_path):
    with Honest() as server:
        command = f"{COMMAND} {server.url} {' '.join(OPEN)} --quick --json pipe"
        line = f"mkfifo pipe; cat pipe > read & {command}; wait; test -p pipe"
        ran = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=environment(), check=False, timeout=60)

    assert ran.returncode == 0
    assert json.loads((tmp_path / "read").read_text())["verdict"]["status"] == 0
