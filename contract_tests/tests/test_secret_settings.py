"""The headers of --header and the query of the URL are sent with every request, and their values are never shown."""

import json
import re
from urllib.parse import quote, urlsplit

import pytest

from broken import OneByDefault
from commanding import MODEL_AND_KEY, contract, shell
from judging import endpoint_at
from miniature import KEY, Refused
from test_transport import GOOD, Script, transport
from together_rerank_contract_tests.settings import Settings

TOKEN, CODE = "the-gateways-token", "c0de+of the/gateway"
QUERY = f"api-version=2024-05-01&code={quote(CODE, safe='')}"


class Gateway(OneByDefault):
    """Requires a header and a query, and echoes both."""

    def __init__(self):
        super().__init__()
        self.rejected = []

    def reply(self, method, path, headers, content):
        parts = urlsplit(path)
        if headers.get("api-key") != TOKEN or QUERY not in parts.query:
            self.rejected.append((method, path))
            return self.refusal(Refused(403, "the gateway does not know you"))
        return super().reply(method, parts.path, headers, content)

    def refusal(self, refused):
        status, headers, _ = super().refusal(refused)
        echo = {"detail": f"{TOKEN} {CODE} {QUERY}"}
        return status, {**headers, "X-Echo": f"{TOKEN} {QUERY}"}, json.dumps(echo).encode()

    def answer(self, request):
        return {**super().answer(request), "echo": f"{TOKEN} {CODE} {QUERY}"}


def run(server, *options, command=(), **changes):
    url = f"{server.url}/v1/rerank?{QUERY}"
    return contract(*command, url, *MODEL_AND_KEY, "--header", f"api-key={TOKEN}", *options, **changes)


def assert_no_secrets(*texts):
    for text in texts:
        for secret in (TOKEN, CODE, quote(CODE, safe=""), "2024-05-01", KEY):
            assert secret not in text


def test_the_values_are_neither_printed_nor_written(tmp_path):
    forms = {form: tmp_path / form for form in ("junit", "json", "markdown")}
    with Gateway() as server:
        ran = run(server, "--level", "info", *[part for form, path in forms.items() for part in (f"--{form}", path)])
        row = ran.stdout.partition("RR-RESULT-003")[2]
        curl = next(line.strip() for line in row.splitlines() if line.startswith("  curl"))
        repeated = shell(curl, API_KEY=TOKEN, API_VERSION="2024-05-01", CODE=quote(CODE, safe=""))

    assert ran.returncode == 1
    assert server.rejected == []
    assert_no_secrets(ran.stdout, ran.stderr, *(path.read_text() for path in forms.values()))
    assert '-H "api-key: $API_KEY"' in curl
    assert curl.endswith('/v1/rerank"?api-version=$API_VERSION&code=$CODE"')
    assert "/v1/rerank?api-version=$API_VERSION&code=$CODE {" in " ".join(ran.stdout.split())
    assert repeated.stdout.startswith("HTTP/1.1 200")


def test_a_rejection_that_echoes_the_values_is_masked():
    with Gateway() as server:
        ran = run(server, "--header", "another=another-value", "--model", "no/such-model")

    assert ran.returncode == 3
    assert server.rejected == []
    assert "[secret]" in ran.stdout
    assert_no_secrets(ran.stdout)


@pytest.mark.fuzz
def test_requests_of_schemathesis_have_the_header_and_the_query(tmp_path):
    with Gateway() as server:
        ran = run(server, "--fuzz", "--max-requests", 80, "-k", "RR-FUZZ", "--json", tmp_path / "report.json")

    assert server.rejected == []
    report = (tmp_path / "report.json").read_text()
    assert json.loads(report)["fuzz"]["requests"] > 40
    assert_no_secrets(ran.stdout, report)


def test_record_and_drift_send_the_values_and_do_not_store_them(tmp_path):
    with Gateway() as server:
        few = ("--only", "success/st*", "--only", "not_found/*")
        recorded = run(server, *few, "--out", tmp_path / "kept", command=["record"])
        drifted = run(server, *few, "--json", tmp_path / "drift.json", command=["drift"])

    assert (recorded.returncode, drifted.returncode) == (0, 1)
    assert server.rejected == []
    saved = [path.read_text() for path in tmp_path.rglob("*.json")]
    assert len(saved) > 3
    assert_no_secrets(recorded.stdout, drifted.stdout, *saved)


def test_candidate_urls_have_the_query():
    with Script((404, {}, b""), GOOD) as server:
        endpoint = endpoint_at(f"{server.url}?code=abc")
        endpoint.find()
        endpoint.transport.close()

    assert [path for _, path, _ in server.seen] == ["/v1/rerank?code=abc", "/rerank?code=abc"]
    assert endpoint.url == f"{server.url}/rerank"


def test_a_header_replaces_a_default_and_a_header_of_a_requirement():
    with Script(GOOD) as server, transport(headers=(("User-Agent", "mine"), ("Authorization", "Basic x"))) as sender:
        exchange = sender.send("POST", server.url, [("user-agent", "other")], authorization="Bearer wrong")

    (received,) = [headers for _, _, headers in server.seen]
    assert received.get_all("User-Agent") == ["mine"]
    assert received.get_all("Authorization") == ["Basic x"]
    assert exchange.headers == ()
    assert exchange.secret_headers == (("User-Agent", "$USER_AGENT"), ("Authorization", "$AUTHORIZATION"))


QUERIES = {
    "code=abc": "code=$CODE",
    "code=a&code=b": "code=$CODE&code=$CODE_2",
    "a.b-c=1&2=3": "a.b-c=$A_B_C&2=$_2",
    "flag=": "flag=",
    "abc": "$QUERY",
    "": "",
    '$x`"\\!=1': "%24x%60%22%5C%21=$_X____",
}


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_shown_with_a_variable_for_each_value(query):
    shown = QUERIES[query]
    with Script(GOOD) as server, transport(query=query) as sender:
        exchange = sender.send("POST", f"{server.url}/v1/rerank")
        own = sender.send("POST", f"{server.url}/v1/rerank?own=1")
        variables = dict.fromkeys(re.findall(r"\$(\w+)", shown), "value")
        repeated = shell(own.curl, **variables)

    mark, more = ("?", "&") if query else ("", "")
    expanded = re.sub(r"\$\w+", "value", shown)
    assert [path for _, path, _ in server.seen] == [
        f"/v1/rerank{mark}{query}",
        f"/v1/rerank?own=1{more}{query}",
        f"/v1/rerank?own=1{more}{expanded}",
    ]
    assert repeated.stdout.startswith("HTTP/1.1 200")
    assert exchange.request_excerpt == f"POST {server.url}/v1/rerank{mark}{shown}"


def test_a_variable_of_the_key_is_not_used_twice():
    with transport(key=KEY, key_name="API_KEY", headers=(("api-key", "abcdef"),)) as sender:
        assert sender.variables.headers == (("api-key", "$API_KEY_2"),)


def test_values_shorter_than_four_characters_are_not_searched_for():
    with transport(headers=(("a", "abc"), ("b", "abcd")), query="c=xyz&d=wxyz") as sender:
        assert sender.mask.text("abc abcd xyz wxyz") == "abc [secret] xyz [secret]"


def test_the_settings_do_not_show_the_values():
    settings = Settings(f"http://127.0.0.1?{QUERY}", headers=(("api-key", TOKEN),))

    assert settings.url == "http://127.0.0.1"
    assert settings.query == QUERY
    assert_no_secrets(repr(settings))
