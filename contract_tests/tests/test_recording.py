"""Answers become exchanges that the library reads: whole, impersonal, and as they came."""

import datetime as dt
import gzip
import json

import pytest

import together_rerank_fixtures as fixtures
from legitimate import Honest, Watched
from miniature import KEY, MODEL, Miniature, Refused
from together_rerank_contract_tests import recording, selection
from together_rerank_contract_tests.comparison import Comparison
from together_rerank_contract_tests.settings import Settings
from together_rerank_fixtures import folder

DAY = dt.date(2026, 11, 25)


def asked(server, *patterns, url="", key=KEY, model=MODEL):
    """What was asked, and the files of it by their path."""
    settings = Settings(f"{server.url}{url}", model=model, key=key, key_name="KEY", timeout_s=20)
    comparison = Comparison(settings, patterns)
    comparison.run(lambda: None, lambda sign: None)
    return comparison, recording.files(comparison.asking, DAY)


def read(tmp_path, files):
    """The exchanges, by name, once the library has read them from a folder."""
    folder.write(tmp_path / "kept", files)
    return {exchange.name: exchange for exchange in fixtures.read(tmp_path / "kept")}


def recorded(server, tmp_path, *patterns, **settings):
    return read(tmp_path, asked(server, *patterns, **settings)[1])


def is_told(exchange):
    """Whether a server must be told something to answer so, beside whom and what it lets in."""
    return bool(set(exchange.mock) - {"api_keys", "models"})


def test_what_is_kept_is_the_library_s_request_and_the_endpoint_s_answer(tmp_path):
    with Honest() as server:
        kept = recorded(server, tmp_path)
        port = server.server.server_port

    library = {each.name: each for each in selection.chosen(())}
    assert set(kept) == {name for name, exchange in library.items() if not is_told(exchange)}
    for name, exchange in kept.items():
        assert exchange.shows == library[name].shows
        assert exchange.source == {
            "kind": "observed",
            "citation": f"127.0.0.1:{port}, by together-rerank-contract record",
            "date": "2026-11-25",
        }
        assert (exchange.request.method, exchange.request.headers) == (
            library[name].request.method,
            library[name].request.headers,
        )
        assert exchange.mock == exchange.clients == exchange.wording == {}
    assert kept["success/top_n_one"].response.body["id"].startswith("miniature-")
    assert kept["method_not_allowed/get"].response.headers == {"Allow": "POST", "Content-Type": "application/json"}


def test_the_model_is_the_endpoint_s_where_it_is_not_what_the_exchange_is_about(tmp_path):
    with Honest() as server:
        kept = recorded(server, tmp_path)

    about = {"not_found/model": "example/no-such-model", "not_found/empty_model": ""}
    for name, exchange in kept.items():
        body = exchange.request.body
        if isinstance(body, dict) and "model" in body:
            assert body["model"] == about.get(name, MODEL)
        assert b"Llama-Rank" not in exchange.request.content
    assert MODEL.encode() in kept["bad_request/not_json"].request.content


def test_each_request_is_sent_once():
    with Watched() as server:
        comparison, _ = asked(server)

    assert len(server.seen) == len(comparison.asking.answers) + 1
    assert "success/document_example" not in [each.name for each in comparison.exchanges]


KEYS = {
    "success/strings": f"Bearer {KEY}",
    "unauthorized/missing_key": None,
    "unauthorized/invalid_key": "Bearer WRONG_KEY",
    "unauthorized/malformed_key": "YOUR_KEY",
}


@pytest.mark.parametrize("name", KEYS)
def test_the_key_is_sent_where_the_library_has_one_and_what_is_another_as_it_is(name):
    with Watched() as server:
        asked(server, name)

    assert server.seen[-1][2].get("Authorization") == KEYS[name]


class Open(Watched):
    def authenticate(self, headers):
        """Asks for no key."""


def test_without_a_key_none_is_sent_and_what_is_about_keys_is_skipped(tmp_path):
    with Open() as server:
        comparison, files = asked(server, "unauthorized/*", "success/strings", key=None)

    assert server.keys == {None}
    assert set(comparison.asking.skipped) == {name for name in KEYS if name.startswith("unauthorized")}
    assert set(comparison.asking.skipped.values()) == {"no key was given by --api-key-env"}
    assert json.loads(files["success/strings.json"])["request"]["headers"]["Authorization"] == "Bearer YOUR_KEY"


class Elsewhere(Honest):
    """Below a prefix, as behind a gateway."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def reply(self, method, path, headers, content):
        self.seen.add((method, path))
        below = path.removeprefix("/proxy")
        return super().reply(method, below if below != path else "/nowhere", headers, content)


@pytest.mark.parametrize(
    ("url", "base", "path"), [("/proxy", "/proxy", "/v1/rerank"), ("/proxy/rerank", "/proxy", "/rerank")]
)
def test_what_is_not_for_the_operation_goes_to_the_same_base(tmp_path, url, base, path):
    names = ("not_found/path", "not_found/doubled_base_path", "method_not_allowed/get", "success/strings")
    with Elsewhere() as server:
        kept = recorded(server, tmp_path, *names, url=url)

    assert server.seen == {
        ("GET", f"{base}{path}"),
        ("POST", f"{base}{path}"),
        ("POST", f"{base}/v2/rerank"),
        ("POST", f"{base}/v1/v1/rerank"),
    }
    assert {name: kept[name].request.path for name in names} == {
        "not_found/path": "/v2/rerank",
        "not_found/doubled_base_path": "/v1/v1/rerank",
        "method_not_allowed/get": path,
        "success/strings": path,
    }


class Talkative(Honest):
    """Says more than is good, and the key in every place."""

    headers = {
        "Set-Cookie": "session=1",
        "cf-ray": "9dfa1a095ebc4a40",
        "x-request-id": "oGs6Zt9-62bZhn",
        "Server": "cloudflare",
        "X-Key": KEY,
        "WWW-Authenticate": f'Bearer realm="{KEY}"',
        "X-RateLimit-Limit": "60",
        "x-ratelimit-reset": "1",
        "retry-after-ms": "150",
        "Retry-After": "2",
        "x-inference-version": "v2",
        "x-should-retry": "caf\u00e9\x01",
        "x-tokenlimit-limit": "9000",
    }

    def reply(self, *call):
        status, headers, content = super().reply(*call)
        echo = content.replace(b"{", b'{"echo": "' + KEY.encode() + b'", ', 1) if content.startswith(b"{") else content
        return status, {**headers, **self.headers}, echo


def test_only_what_is_on_the_list_is_kept_and_the_key_nowhere(tmp_path):
    with Talkative() as server:
        _, files = asked(server)
        kept = read(tmp_path, files)

    assert len(files) > 60
    assert all(KEY.encode() not in content for content in files.values())
    for exchange in kept.values():
        headers = {name: v for name, v in exchange.response.headers.items() if name not in ("Content-Type", "Allow")}
        assert headers == {
            "Retry-After": "2",
            "WWW-Authenticate": 'Bearer realm="$KEY"',
            "retry-after-ms": "150",
            "x-inference-version": "v2",
            "x-ratelimit-limit": "60",
            "x-ratelimit-reset": "1",
            "x-tokenlimit-limit": "9000",
        }
        assert exchange.response.body["echo"] == "$KEY"


class Says(Honest):
    """A certain 200, once the reference was answered."""

    said = b""
    headers = {"Content-Type": "application/json"}
    status = 200

    def reply(self, *call):
        answer = super().reply(*call)
        return answer if next(self.calls) == 1 else (self.status, self.headers, self.said)


ODD = {
    "HTML": (b"<h1>502 Bad Gateway</h1>", "text"),
    "nothing": (b"", "text"),
    "a bare list": (b'[{"index": 0, "score": 0.5}]', "body"),
    "null": (b"null", "body"),
    "NaN": (b'{"results": [{"relevance_score": NaN}]}', "text"),
    "a key twice": (b'{"object": "rerank", "object": "list"}', "text"),
    "a mark in front": (b'\xef\xbb\xbf{"object": "rerank"}', "text"),
    "half a character": (b'{"object": "\\ud800"}', "text"),
    "invalid UTF-8": (b'{"object": "\xff"}', "base64"),
    "a number beyond a double": (b'{"usage": 1' + b"0" * 400 + b"}", "body"),
    "a count beyond a double": (
        b'{"object":"rerank","model":"m","results":[],"usage":'
        b'{"prompt_tokens":1' + b"0" * 400 + b',"completion_tokens":0,"total_tokens":0}}',
        "body",
    ),
    "deep": (b"[" * 99 + b"]" * 99, "body"),
    "very deep": (b"[" * 900 + b"]" * 900, "text"),
    "too deep": (b"[" * 100_000 + b"]" * 100_000, "text"),
    "spaces": (b'{ "object" :\n"rerank" }', "body"),
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_200_is_kept_so_that_it_says_the_same_again(odd, tmp_path):
    content, form = ODD[odd]
    with Says() as server:
        server.said = content
        _, files = asked(server, "success/strings")
    (exchange,) = read(tmp_path, files).values()

    stored = json.loads(files["success/strings.json"])["response"]
    assert form in stored
    if "body" in stored:
        assert json.loads(exchange.response.content) == json.loads(content)
    else:
        assert exchange.response.content == content


def test_json_that_says_not_that_it_is_one_deviates_there(tmp_path):
    with Says() as server:
        server.said, server.headers = b'{"object": "rerank"}', {"Content-Type": "text/plain"}
        (exchange,) = recorded(server, tmp_path, "success/strings").values()

    assert [each.at for each in exchange.deviations] == ["/response/headers/Content-Type"]


def test_an_answer_to_another_method_is_kept_whatever_it_is(tmp_path):
    with Says() as server:
        server.said = fixtures.get("success/strings").response.content
        (exchange,) = recorded(server, tmp_path, "method_not_allowed/get").values()

    assert exchange.response.status == 200


def test_a_500_to_a_valid_request_is_kept_as_it_is(tmp_path):
    with Says() as server:
        server.status, server.said = 500, b'{"error": {"code": 500, "message": "boom", "type": "server_error"}}'
        (exchange,) = recorded(server, tmp_path, "success/strings").values()

    assert (exchange.response.status, exchange.response.body["error"]["message"]) == (500, "boom")


@pytest.mark.parametrize(
    ("status", "headers", "why"),
    [
        (999, {}, "cannot be kept: success/strings.json: /response/status must be at most 599"),
        (200, {"Content-Encoding": "gzip"}, "the body cannot be read: its gzip ends too early"),
        (503, {}, "the endpoint answers 503 "),
        (504, {}, "the endpoint answers 504 "),
    ],
)
def test_what_cannot_be_kept_is_named(status, headers, why):
    with Says() as server:
        server.status, server.headers, server.said = status, headers, gzip.compress(b"{}" * 99)[:-6]
        comparison, files = asked(server, "success/strings")

    assert files == {}
    assert comparison.asking.missing["success/strings"].startswith(why)
    assert comparison.hindrance.status == 3


class Drops(Honest):
    """The connection, at some requests."""

    def answer(self, request):
        if request["query"] == fixtures.get("success/thai").request.body["query"]:
            self.drops = True
        return super().answer(request)

    def reply(self, *call):
        self.drops = False
        answer = super().reply(*call)
        return None if self.drops else answer


def test_an_answer_that_never_comes_is_missing_and_the_others_are_kept(tmp_path):
    with Drops() as server:
        comparison, files = asked(server, "success/t*")

    assert set(comparison.asking.missing) == {"success/thai"}
    assert "no whole answer from" in comparison.asking.missing["success/thai"]
    assert set(read(tmp_path, files)) == {each.name for each in comparison.exchanges if each.name != "success/thai"}
    assert comparison.hindrance.status == 3


class RefusesAll(Miniature):
    def authenticate(self, headers):
        raise Refused(401, "nobody is let in")


def test_an_endpoint_without_a_200_is_asked_for_nothing_else():
    with RefusesAll() as server:
        comparison, files = asked(server)

    assert files == {}
    assert "answers 401" in comparison.stopped
    assert comparison.transport.budget.requests == 1


def test_the_name_of_the_model_stands_in_requests_for_the_model_alone():
    for exchange in fixtures.all():
        content = exchange.request.content.replace(b'": "', b'":"')
        assert content.count(b'"Salesforce/Llama-Rank-') == content.count(b'"model":"Salesforce/Llama-Rank-')


def test_a_pattern_that_fits_nothing_says_what_there_is():
    with pytest.raises(LookupError, match="no exchange is called or fits 'sucess/\\*'; there are: bad_request/"):
        selection.chosen(["success/*", "sucess/*"])


@pytest.mark.parametrize("name", ["success/*", "not_found/path", "broken/tei"])
def test_only_what_is_asked_for_and_not_forced_is_chosen(name):
    if name.startswith("broken"):
        with pytest.raises(LookupError):
            selection.chosen([name])
    else:
        assert {each.name.partition("/")[0] for each in selection.chosen([name])} == {name.partition("/")[0]}
