"""The progress of the commands that send requests, on a real terminal and elsewhere."""

import re

import pytest

from broken import OneByDefault
from commanding import COMMAND, MODEL_AND_KEY, environment, process
from legitimate import Correct, Slow
from miniature import Refused
from terminals import on_terminal
from together_rerank_fixtures import read

pytestmark = pytest.mark.served


def contract(*arguments, **options):
    return on_terminal(COMMAND, *arguments, env=environment(), **options)


def test_a_terminal_shows_outcomes_requests_and_the_time_left():
    with OneByDefault() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "--rate", "60/s")

    assert ran.status == 0
    shown = r"\d s, about \d+ s left: \d\d passed, \d+ of about \d+ requests"
    assert any(re.match(shown, line) for line in ran.shown)
    lines = ran.left.split("\n")
    assert lines[0] == f"endpoint  {server.url}/v1/rerank"
    assert lines[-2].startswith("keeps every MUST; 1 SHOULD failed -- ")
    assert "of about" not in ran.left
    assert "...." not in ran.left


def test_an_interruption_removes_the_line():
    with Slow() as server:
        ran = contract(server.url, *MODEL_AND_KEY, interrupt_at=b" passed")

    assert ran.status == 130
    assert ran.left.split("\n")[-2].startswith("interrupted -- ")
    assert "of about" not in ran.left


class RateLimited(Correct):
    """Answers the tenth request with a 429."""

    def reply(self, method, path, headers, content):
        if next(self.calls) == 10:
            return self.refusal(Refused(429, "slow down", Retry_After="2"))
        return super().reply(method, path, headers, content)


@pytest.mark.parametrize("command", [(), ("drift",)])
def test_a_wait_after_a_429_is_counted_down(command):
    with RateLimited() as server:
        ran = contract(*command, server.url, *MODEL_AND_KEY)

    shown = "\n".join(ran.shown)
    assert re.search(r" of about \d+ requests, waiting 2 s \(429\)", shown)
    assert shown.index("waiting 2 s") < shown.index("waiting 1 s")
    assert "waiting" not in ran.left


def test_a_terminal_shows_the_wait_for_an_endpoint_that_is_not_ready():
    with Correct() as server:
        pass
    ran = contract("drift", server.url, *MODEL_AND_KEY, "--wait", 1)

    assert ran.status == 3
    assert any(re.search(r"waiting 1 s \(not ready\)", line) for line in ran.shown)


@pytest.mark.parametrize("command", ["record", "drift"])
def test_record_and_drift_show_their_requests(command, tmp_path):
    where = ("--out", "kept") if command == "record" else ()
    arguments = (command, "URL", *MODEL_AND_KEY, "--only", "success/*", *where)
    with Slow() as server:
        arguments = [server.url if each == "URL" else each for each in arguments]
        ran = contract(*arguments, pipe_stdout=True, cwd=tmp_path)
        interrupted = contract(*arguments[:-1], "again", interrupt_at=b" answered", cwd=tmp_path) if where else None

    assert re.fullmatch(r"[0-9] s(, about \d+ s left)?: \d+ answered, \d+ of about \d+ requests", ran.shown[-1])
    assert ran.left == ""
    assert ran.stdout.startswith(f"endpoint  {server.url}/v1/rerank\n")
    if interrupted:
        assert interrupted.status == 130
        assert interrupted.left.split("\n")[-2].startswith("interrupted -- ")
        assert 0 < len(read(tmp_path / "again")) < len(read(tmp_path / "kept"))


def test_matrix_shows_the_endpoint_that_it_judges(tmp_path):
    with Correct() as server:
        arguments = ("matrix", server.url, *MODEL_AND_KEY, "--html", "page.html")
        ran = contract(*arguments, pipe_stdout=True, cwd=tmp_path)
        elsewhere = process(*arguments, cwd=tmp_path)
        interrupted = contract(*arguments, interrupt_at=b"judging", cwd=tmp_path)

    name = server.url.removeprefix("http://")
    assert re.fullmatch(rf"[0-9]+ s: judging {name}, 1 of 1", ran.shown[-1])
    assert ran.left == ""
    assert ran.stdout.startswith(f"{name}  keeps the contract")
    assert (elsewhere.stdout.startswith(f"{name}  keeps the contract"), elsewhere.stderr) == (True, "")
    assert (interrupted.status, interrupted.left) == (130, "")


def test_an_error_of_usage_is_the_only_output():
    ran = contract("http://127.0.0.1:9", *MODEL_AND_KEY, "-k", "and and")

    assert (ran.status, ran.shown) == (2, [])
    assert "and and" in ran.left


def test_elsewhere_each_requirement_is_one_character():
    with OneByDefault() as server:
        ran = process(server.url, *MODEL_AND_KEY, FORCE_COLOR="1", TTY_COMPATIBLE="1")
        dumb = on_terminal(COMMAND, server.url, *MODEL_AND_KEY, env=environment(TERM="dumb"))

    assert ran.stderr == ""
    for text in (ran.stdout, dumb.terminal):
        assert re.search(r"^[.]+F[.]+$", text, re.MULTILINE)
        assert "\x1b" not in text
        assert "of about" not in text
