"""The curl command and the excerpt of an exchange, and the masking of the key."""

import json
import subprocess

import pytest

from miniature import Miniature
from together_rerank_contract_tests.client.exchange import Exchange, excerpt, printable
from together_rerank_contract_tests.client.transport import key_redactor


class Echo(Miniature):
    """Stores the request."""

    def reply(self, method, path, headers, content):
        self.seen = method, headers, content
        return 200, {"Content-Type": "application/json"}, b"{}"


def exchange(url="http://127.0.0.1:1/v1/rerank", content=b"{}", method="POST", headers=(), **fields):
    return Exchange(method, url, headers, content, 200, {}, fields.pop("received", b"{}"), **fields)


@pytest.mark.parametrize(
    "content",
    [
        b'{"query": "it\'s $HOME `id` \\\\ \\"x\\""}',
        "ユニコード \U0001f468\u200d\U0001f469".encode(),
        b"@not-a-file",
        b"\x00\x01\xff\\0101 %s\n\n",
        b'{"a": 1}\n',
        b"-d",
    ],
)
def test_the_curl_command_repeats_the_request(content):
    with Echo() as server:
        command = exchange(f"{server.url}/v1/rerank", content, headers=(("Content-Type", "application/json"),)).curl
        ran = subprocess.run(["sh", "-c", command], check=True, capture_output=True, timeout=20)

    assert ran.stdout.startswith(b"HTTP/1.1 200")
    method, headers, received = server.seen
    assert (method, headers["Content-Type"], received) == ("POST", "application/json", content)


def test_the_curl_command_expands_only_the_variable_of_the_key():
    headers = (("Authorization", "Bearer $MY_KEY"), ("X-Odd", "`id` $HOME Bearer $x"))
    with Echo() as server:
        command = exchange(f"{server.url}/v1/rerank", headers=headers, method="QUERY").curl
        environment = {"MY_KEY": "the key", "HOME": "/", "PATH": "/usr/bin:/bin"}
        subprocess.run(["sh", "-c", command], check=True, capture_output=True, timeout=20, env=environment)

    method, received, _ = server.seen
    assert method == "QUERY"
    assert received["Authorization"] == "Bearer the key"
    assert received["X-Odd"] == "`id` $HOME Bearer $x"
    assert received["Content-Type"] is None


def test_an_excerpt_is_one_line_of_limited_length():
    assert excerpt(b"a\nb\x1b[31m") == "a\\nb\\x1b[31m"
    assert excerpt(b"\xff") == "\\xff"
    assert excerpt("x" * 20, 10) == "xxxxxxxxxx... (20 in all)"
    assert printable("\u202e::error::") == "\\u202e::error::"


KEY = 'a-long/key+with"signs'


@pytest.mark.parametrize(
    "echoed",
    [
        KEY,
        json.dumps(KEY),
        json.dumps(KEY).replace("/", "\\/"),
        "a-long/key%2Bwith%22signs",
        "a-long%2Fkey%2Bwith%22signs",
    ],
)
def test_a_key_is_masked_in_every_encoding(echoed):
    shown = exchange(received=f"{'x' * 590}{echoed}".encode(), mask=key_redactor(KEY, "MY_KEY")).response_excerpt

    assert "$MY_KEY" in shown or shown.endswith("in all)")
    for form in (KEY[:8], json.dumps(KEY)[1:9]):
        assert form not in shown


def test_a_key_is_masked_in_nested_json_values():
    assert key_redactor(KEY, "K").value({KEY: [f"x {KEY}", 1, None]}) == {"$K": ["x $K", 1, None]}


def test_a_key_that_is_too_short_is_not_masked():
    assert key_redactor("k", "K").text("kraken") == "kraken"
    assert key_redactor(None, "K").text("kraken") == "kraken"
