"""Responses are saved without loss, without the key and with listed headers only."""

import gzip
import json

import pytest

import together_rerank_fixtures as fixtures
from legitimate import Correct
from miniature import KEY
from recordings import read, record, run_comparison


class SendsManyHeaders(Correct):
    """Sends many headers, and the key in headers and body."""

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


def test_only_listed_headers_are_saved_and_the_key_is_masked(tmp_path):
    with SendsManyHeaders() as server:
        _, files = run_comparison(server)
        saved = read(tmp_path, files)

    assert len(files) > 60
    assert all(KEY.encode() not in content for content in files.values())
    for exchange in saved.values():
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


SECRET = "sk+c2VjcmV0LWtleQ=="
UNICODE = "".join(f"\\u{ord(each):04X}" for each in SECRET)


class EchoesTheKey(Correct):
    """Sends *echo*, which contains the key in some encoding, for every request after the first."""

    echo = b""
    headers = {}

    def authenticate(self, headers):
        """Accept every key."""

    def reply(self, *call):
        status, headers, content = super().reply(*call)
        return (status, {**headers, **self.headers}, content if next(self.calls) == 1 else self.echo)


ECHOES = {
    "escaped in part": b'{"a": "sk\\u002Bc2VjcmV0LWtleQ\\u003d\\u003d"}',
    "escaped throughout": b'{"a": ["%s"]}' % UNICODE.encode(),
    "escaped in a name": b'{"%s": 1}' % UNICODE.encode(),
    "as text": b"no " + SECRET.encode(),
    "as base64": b"\xff" + SECRET.encode(),
    "escaped, in a body that is not JSON": b'{"a": NaN, "b": "%s"}' % UNICODE.encode(),
    "escaped twice": json.dumps({"a": f'{{"b": "{UNICODE}"}}'}).encode(),
    "escaped for HTML": b"<p>" + SECRET.replace("+", "&#43;").encode(),
    "escaped for a URL": b"/?k=" + SECRET.replace("+", "%2b").encode(),
    "in UTF-16": SECRET.encode("utf-16"),
    "in UTF-16 without a byte order mark": SECRET.encode("utf-16-be"),
}


@pytest.mark.parametrize("echo", ECHOES)
def test_a_key_in_a_body_is_masked_in_every_encoding(echo, tmp_path):
    with EchoesTheKey() as server:
        server.echo = ECHOES[echo]
        (exchange,) = record(server, tmp_path, "success/strings", key=SECRET).values()

    assert b"$KEY" in exchange.response.content
    assert SECRET.encode() not in exchange.response.content


def test_a_response_with_a_key_that_cannot_be_masked_is_not_saved():
    with EchoesTheKey() as server:
        server.echo = SECRET.replace("+", "%252525252B").encode()
        comparison, files = run_comparison(server, "success/strings", key=SECRET)

    assert files == {}
    assert comparison.missing == {
        "success/strings": "cannot be saved: the response contains the key in a form that cannot be masked"
    }
    assert comparison.abort_reason.status == 3


def test_a_key_in_a_header_is_masked():
    with EchoesTheKey() as server:
        server.headers = {"WWW-Authenticate": f'Bearer realm="{UNICODE}"'}
        _, files = run_comparison(server, "success/strings", key=SECRET)

    assert b'Bearer realm=\\"$KEY\\"' in files["success/strings.json"]


class SendsFixedResponse(Correct):
    """Sends *status*, *headers* and *body* for every request after the first."""

    body = b""
    headers = {"Content-Type": "application/json"}
    status = 200

    def reply(self, *call):
        answer = super().reply(*call)
        return answer if next(self.calls) == 1 else (self.status, self.headers, self.body)


UNUSUAL = {
    "HTML": (b"<h1>502 Bad Gateway</h1>", "text"),
    "nothing": (b"", "text"),
    "a bare list": (b'[{"index": 0, "score": 0.5}]', "body"),
    "null": (b"null", "body"),
    "NaN": (b'{"results": [{"relevance_score": NaN}]}', "text"),
    "a duplicate key": (b'{"object": "rerank", "object": "list"}', "text"),
    "a byte order mark": (b'\xef\xbb\xbf{"object": "rerank"}', "text"),
    "a lone surrogate": (b'{"object": "\\ud800"}', "text"),
    "invalid UTF-8": (b'{"object": "\xff"}', "base64"),
    "a number beyond a double": (b'{"usage": 1' + b"0" * 400 + b"}", "body"),
    "a count beyond a double": (
        b'{"object":"rerank","model":"m","results":[],"usage":'
        b'{"prompt_tokens":1' + b"0" * 400 + b',"completion_tokens":0,"total_tokens":0}}',
        "body",
    ),
    "deep": (b"[" * 99 + b"]" * 99, "body"),
    "very deep": (b"[" * 900 + b"]" * 900, "text"),
    "too deep": (b"[" * 9_000 + b"]" * 9_000, "text"),
    "spaces": (b'{ "object" :\n"rerank" }', "body"),
}


@pytest.mark.parametrize("unusual", UNUSUAL)
def test_an_unusual_200_is_saved_without_loss(unusual, tmp_path):
    content, form = UNUSUAL[unusual]
    with SendsFixedResponse() as server:
        server.body = content
        _, files = run_comparison(server, "success/strings")
    (exchange,) = read(tmp_path, files).values()

    stored = json.loads(files["success/strings.json"])["response"]
    assert form in stored
    if "body" in stored:
        assert json.loads(exchange.response.content) == json.loads(content)
    else:
        assert exchange.response.content == content


def test_json_with_another_content_type_is_a_deviation(tmp_path):
    with SendsFixedResponse() as server:
        server.body, server.headers = b'{"object": "rerank"}', {"Content-Type": "text/plain"}
        (exchange,) = record(server, tmp_path, "success/strings").values()

    assert [each.at for each in exchange.deviations] == ["/response/headers/Content-Type"]


def test_any_response_to_another_method_is_saved(tmp_path):
    with SendsFixedResponse() as server:
        server.body = fixtures.get("success/strings").response.content
        (exchange,) = record(server, tmp_path, "method_not_allowed/get").values()

    assert exchange.response.status == 200


def test_a_500_to_a_valid_request_is_saved_unchanged(tmp_path):
    with SendsFixedResponse() as server:
        server.status, server.body = 500, b'{"error": {"code": 500, "message": "boom", "type": "server_error"}}'
        (exchange,) = record(server, tmp_path, "success/strings").values()

    assert (exchange.response.status, exchange.response.body["error"]["message"]) == (500, "boom")


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        (999, {}, "cannot be saved: success/strings.json: /response/status must be at most 599"),
        (200, {"Content-Encoding": "gzip"}, "the body cannot be read: its gzip data is cut off"),
        (503, {}, "the endpoint returns 503 "),
        (504, {}, "the endpoint returns 504 "),
    ],
)
def test_a_response_that_cannot_be_saved_is_reported_with_the_reason(status, headers, reason):
    with SendsFixedResponse() as server:
        server.status, server.headers, server.body = status, headers, gzip.compress(b"{}" * 99)[:-6]
        comparison, files = run_comparison(server, "success/strings")

    assert files == {}
    assert comparison.missing["success/strings"].startswith(reason)
    assert comparison.abort_reason.status == 3
