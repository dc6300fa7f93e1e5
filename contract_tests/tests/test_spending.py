"""The command never exceeds its budget, sends the key to another host or shows it."""

import html
import json
import time

import pytest

from broken import AcceptsInvalidRequests, OneByDefault
from commanding import MODEL_AND_KEY, contract, verdict
from legitimate import Correct, RecordsRequests
from miniature import KEY, MODEL, Refused

pytestmark = pytest.mark.slow  # all tests together


def test_without_a_key_none_is_sent_and_the_option_is_named():
    with RecordsRequests() as server:
        ran = contract(server.url, "--model", MODEL, TOGETHER_API_KEY="a-key-for-somebody-else")

    assert ran.returncode == 3
    assert "no key was sent; --api-key-env NAME sends one" in verdict(ran)
    assert server.keys == {None}


class NeedsNoKey(RecordsRequests):
    def authenticate(self, headers):
        """Accept every request."""


def test_without_a_key_authentication_is_reported_as_skipped():
    with NeedsNoKey() as server:
        ran = contract(server.url, "--model", MODEL)

    assert ran.returncode == 0
    assert "(skipped: RR-AUTH-001, RR-AUTH-002)" in verdict(ran)
    assert server.keys == {None}


@pytest.mark.parametrize(
    ("most", "spent"), [(1, "1 request of --max-requests is spent"), (40, "40 requests of --max-requests are spent")]
)
def test_max_requests_limits_the_requests(most, spent):
    with RecordsRequests() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "--max-requests", most)

    assert ran.returncode == 4
    assert len(server.seen) == most
    assert verdict(ran).startswith(f"budget spent before the end: the {spent} -- ")


@pytest.mark.fuzz
def test_max_requests_limits_schemathesis():
    with RecordsRequests() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "--fuzz", "-k", "RR-FUZZ", "--max-requests", 60)

    assert ran.returncode == 4
    assert 50 < len(server.seen) <= 60  # a request that is not valid HTTP counts, but is not sent


def test_a_failure_takes_precedence_over_a_spent_budget():
    with OneByDefault() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "--max-requests", 45, "--level", "should")

    assert ran.returncode == 1


def test_max_tokens_limits_the_requests():
    with RecordsRequests() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "--max-tokens", 2_000)

    assert ran.returncode == 4
    assert 2 < len(server.seen) < 40


def test_requests_are_sent_at_the_given_rate():
    began = time.monotonic()
    with RecordsRequests() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "--quick", "--rate", "20/s")

    assert ran.returncode == 0
    assert time.monotonic() - began >= (len(server.seen) - 1) / 20


class EchoesTheKey(AcceptsInvalidRequests):
    """Quotes the key in responses, as some gateways do when they reject a request."""

    key = KEY

    def authenticate(self, headers):
        if headers.get("Authorization") != f"Bearer {self.key}":
            raise Refused(401, "the key is missing or wrong")

    def refusal(self, refused):
        status, headers, _ = super().refusal(refused)
        body = {"detail": f"bad key {self.key}", "bearer": self.key}
        return status, {**headers, "X-Key": self.key}, json.dumps(body).encode()

    def answer(self, request):
        return {**super().answer(request), "object": self.key}


# A key with every character that Markdown, XML, JSON or a shell escapes.
ODD_KEY = 'it\'s|"a"<b>&_\\key'


@pytest.mark.parametrize(
    ("key", "options"),
    [(KEY, ()), (ODD_KEY, ()), pytest.param(ODD_KEY, ("--fuzz", "--max-requests", 250), marks=pytest.mark.fuzz)],
)
def test_the_key_is_neither_printed_nor_written(tmp_path, key, options):
    forms = {form: tmp_path / form for form in ("junit", "json", "markdown")}
    with EchoesTheKey() as server:
        server.key = key
        files = [part for form, path in forms.items() for part in (f"--{form}", path)]
        ran = contract(server.url, *MODEL_AND_KEY, *options, *files, cwd=tmp_path, MINI_KEY=key)

    assert ran.returncode == 1
    written = [ran.stdout, ran.stderr, *(path.read_text() for path in forms.values())]
    escaped = json.dumps(key)[1:-1]
    for form in (key, escaped, html.escape(key), html.escape(escaped), key.replace("|", "\\|")):
        assert all(form not in text for text in written)
    assert all("$MINI_KEY" in text for text in (written[0], *written[2:]))


class DeclaresThatItAcceptsAnyKey(Correct):
    """Declares in a header that it accepts any key; the keys are words that occur in exchanges."""

    def authenticate(self, headers):
        if "Authorization" not in headers:
            raise Refused(401, "the key is missing")

    def reply(self, *call):
        status, headers, content = super().reply(*call)
        return status, {**headers, "x-mock-accepts": "any-key, any-model"}, content


@pytest.mark.parametrize("key", ["llamas", "any-key", "relevance_score"])
def test_a_key_that_is_also_a_word_of_the_exchanges_does_not_change_the_verdict(key):
    with DeclaresThatItAcceptsAnyKey() as server:
        ran = contract(server.url, *MODEL_AND_KEY, "--level", "should", MINI_KEY=key)

    assert ran.returncode == 0, ran.stdout
    assert "(skipped: RR-AUTH-002)" in verdict(ran)
