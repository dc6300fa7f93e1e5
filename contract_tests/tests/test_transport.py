"""The transport: unusual requests and responses, retries after 429, the budget and the key."""

import gzip
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from legitimate import Correct
from miniature import KEY, Miniature
from raw_server import raw
from together_rerank_contract_tests.client.budget import BudgetSpent, estimate_tokens
from together_rerank_contract_tests.client.transport import Dropped, Inconclusive, Transport, Unsendable
from together_rerank_contract_tests.settings import Settings, seconds_between


class Script(Miniature):
    """Sends the given replies in turn, and then repeats the last one."""

    def __init__(self, *replies):
        super().__init__()
        self.replies = list(replies)
        self.seen = []

    def reply(self, method, path, headers, content):
        self.seen.append((method, path, headers))
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def too_many(wait):
    return 429, {"Retry-After": wait}, b""


GOOD = 200, {"Content-Type": "application/json"}, b"{}"


def transport(**options):
    return closing(Transport(Settings("http://127.0.0.1", **({"timeout_s": 20} | options))))


@pytest.mark.parametrize("wait", ["0", "0.01", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_429_is_retried(wait):
    with Script(too_many(wait), too_many(wait), GOOD) as server, transport() as sender:
        exchange = sender.send("POST", f"{server.url}/v1/rerank")

    assert exchange.status == 200
    assert sender.budget.requests == len(server.seen) == 3


def test_a_permanent_429_is_inconclusive():
    with Script(too_many("0")) as server, transport() as sender, pytest.raises(Inconclusive, match="429"):
        sender.send("POST", f"{server.url}/v1/rerank")

    assert 3 < len(server.seen) < 10


def test_a_429_with_a_long_retry_after_is_not_retried():
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    with Script(too_many(later)) as server, transport() as sender, pytest.raises(Inconclusive, match="a retry after 3"):
        sender.send("POST", f"{server.url}/v1/rerank")

    assert len(server.seen) == 1


def test_a_429_counts_in_the_budget():
    with Script(too_many("0")) as server, transport(max_requests=2) as sender, pytest.raises(BudgetSpent):
        sender.send("POST", f"{server.url}/v1/rerank")

    assert len(server.seen) == 2


# Without a timestamp: it would be in the ids of the tests, which must be equal in all pytest-xdist workers.
_GZIPPED = gzip.compress(b"{}", mtime=0)


@pytest.mark.parametrize(
    ("headers", "content", "received", "decode_error"),
    [
        ({"Content-Encoding": "gzip"}, _GZIPPED, b"{}", ""),
        ({"Content-Encoding": "gzip"}, b"{}", b"{}", "its Content-Encoding is gzip, but it is not valid gzip"),
        ({"Content-Encoding": "gzip"}, _GZIPPED[:-6], b"{}", "its gzip data is cut off"),
        ({"Content-Encoding": "br"}, b"x", b"x", "its Content-Encoding is br, which the request does not accept"),
        ({}, b"\xff", b"\xff", ""),
    ],
)
def test_a_body_is_decoded_by_its_content_encoding(headers, content, received, decode_error):
    with Script((200, headers, content)) as server, transport() as sender:
        exchange = sender.send("POST", f"{server.url}/v1/rerank")

    assert exchange.received == received
    assert exchange.decode_error.startswith(decode_error)
    assert bool(exchange.decode_error) is bool(decode_error)


def test_the_key_is_sent_and_not_stored():
    with Script(GOOD) as server, transport(key=KEY, key_name="MY_KEY") as sender:
        exchange = sender.send("POST", f"{server.url}/v1/rerank")
        other = sender.send("POST", f"{server.url}/v1/rerank", authorization=None)
        third = sender.send("POST", f"{server.url}/v1/rerank", authorization="Bearer wrong")

    assert [headers.get("Authorization") for _, _, headers in server.seen] == [f"Bearer {KEY}", None, "Bearer wrong"]
    assert KEY not in repr((exchange, other, third))
    assert exchange.headers == (("Authorization", "Bearer $MY_KEY"),)


def test_a_path_is_sent_unchanged():
    with Script(GOOD) as server, transport() as sender:
        sender.send("QUERY", f"{server.url}/v1/../a%20b?c=%00")

    assert server.seen[0][:2] == ("QUERY", "/v1/../a%20b?c=%00")


@pytest.mark.parametrize("header", [("X-A", "\x00"), ("X-A", "a\nb"), ("X-A", "日本")])
def test_an_invalid_header_is_not_sent(header):
    with Script(GOOD) as server, transport() as sender, pytest.raises(Unsendable):
        sender.send("POST", f"{server.url}/v1/rerank", [header])

    assert server.seen == []


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"


@pytest.mark.parametrize("sent_bytes", [b"", b"nonsense\r\n\r\n", HEAD[:-2]])
def test_a_missing_response_raises_dropped(sent_bytes):
    with raw(sent_bytes) as url, transport(retries=0) as sender, pytest.raises(Dropped):
        sender.send("POST", url)


CHUNKED = HEAD.replace(b"Content-Length: 10", b"Transfer-Encoding: chunked")
CUT = {
    "a Content-Length": (HEAD + b"{}1", b"{}1", "the body ends early: 3 of 10 bytes"),
    "chunks": (CHUNKED + b"3\r\n{}1\r\n", b"{}1", "the body ends early: its last chunk is missing after 3 bytes"),
    "an invalid chunk": (CHUNKED + b"3\r\n{}1\r\nzz\r\n", b"{}1", "the body ends early: its last chunk is missing"),
    "gzip": (
        HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n").replace(b"10", b"99") + _GZIPPED,
        b"{}",
        "the body ends early: 22 of 99 bytes",
    ),
}


@pytest.mark.parametrize("form", CUT)
@pytest.mark.parametrize("resets", [False, True])
def test_a_body_that_ends_early_is_a_response_with_an_error(form, resets):
    sent_bytes, received, decode_error = CUT[form]
    observed = []
    with raw(sent_bytes, resets=resets) as url, transport(retries=1) as sender:
        sender.observe = observed.append
        exchange = sender.send("POST", url)

    assert (exchange.status, exchange.received) == (200, received)
    assert exchange.decode_error.startswith(decode_error)
    assert observed == [exchange]
    assert sender.notes == ["1 connection ended before the body of the answer was complete; the request was sent again"]


def test_a_body_that_is_complete_after_a_retry_is_observed_once():
    observed = []
    with raw(HEAD + b"12", HEAD + b"1234567890") as url, transport() as sender:
        sender.observe = observed.append
        exchange = sender.send("POST", url)

    assert (exchange.received, exchange.decode_error) == (b"1234567890", "")
    assert observed == [exchange]


def test_an_endpoint_that_cuts_every_body_is_not_given_up():
    with raw(HEAD + b"{}1") as url, transport(retries=1) as sender:
        exchanges = [sender.send("POST", url) for _ in range(8)]

    assert {each.decode_error for each in exchanges} == {"the body ends early: 3 of 10 bytes"}
    assert sender.budget.requests == 8 + 3  # no retries after three


def test_a_body_is_sent_in_chunks():
    requests = []
    with raw(HEAD + b"1234567890", requests=requests) as url, transport() as sender:
        sent = sender.send("POST", url, content=b'{"a": 1}', chunked=True)

    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert b"content-length" not in head.lower()
    assert body == b'4\r\n{"a"\r\n4\r\n: 1}\r\n0\r\n\r\n'
    assert "-H 'Transfer-Encoding: chunked'" in sent.curl


def test_a_response_that_arrives_too_slowly_times_out():
    began, dripping_s = time.monotonic(), 120
    drops = [b"x"] * (dripping_s * 10)
    with raw([HEAD.replace(b"10", b"99999"), *drops], pause=0.1) as url, transport(timeout_s=0.5) as sender:
        with pytest.raises(Inconclusive, match=r"within 0\.5 s"):
            sender.send("POST", url)

        assert time.monotonic() - began < dripping_s / 2


def test_an_http_1_0_response_is_read():
    with raw(b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{}") as url, transport() as sender:
        assert sender.send("POST", url).body == {}


@pytest.mark.parametrize(
    ("rate", "seconds"), [("5/s", 0.2), ("60/minute", 1), ("2/m", 30), ("0.5/s", 2), ("90 / hour", 40)]
)
def test_a_rate_is_converted_to_seconds_between_requests(rate, seconds):
    assert seconds_between(rate) == pytest.approx(seconds)


def test_tokens_are_taken_from_usage_or_estimated():
    with Correct() as server, transport(key=KEY, key_name="K") as sender:
        sender.send("POST", f"{server.url}/v1/rerank", content=b"x" * 40)
        estimated = sender.budget.tokens
        body = b'{"model": "miniature/rank", "query": "ab", "documents": ["cd"]}'
        sender.send("POST", f"{server.url}/v1/rerank", [("Content-Type", "application/json")], body)

    assert (estimated, sender.budget.tokens) == (10, 14)


def test_white_space_is_not_counted_as_tokens():
    assert estimate_tokens(b"{" + b" \r\n" * 100_000 + b"}") == 1
    assert estimate_tokens(b" " * 100_000) == 0
