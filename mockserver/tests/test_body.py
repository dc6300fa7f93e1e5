"""Reading a request body and parsing its JSON."""

import gc
import json
import weakref
from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from together_rerank_mockserver.api import body
from together_rerank_mockserver.api.body import Content, check_media_type, read
from together_rerank_mockserver.api.errors import BodyTooLarge, InvalidRequest
from together_rerank_mockserver.api.json_text import MAX_DEPTH, exact, parse, to_json


def nested(levels):
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize("body", [b'{"a":1}', nested(MAX_DEPTH), '{"é":"日本"}'.encode()])
def test_json_is_parsed(body):
    assert parse(body) == json.loads(body)


@pytest.mark.parametrize(
    ("body", "because"),
    [
        (b"", "has no body"),
        (b"{", "line 1 column 2"),
        (b'{\n"a": 1,\n}', "line 2 column 7"),
        (b"[NaN]", "NaN is not a number in JSON, line 1 column 2"),
        (b"[Infinity]", "Infinity is not a number"),
        (b"[-Infinity]", "Infinity is not a number in JSON, line 1 column 3"),
        (b"[" + b"1" * 400 + b".5]", "that a double cannot hold"),
        (b"[" + b"1" * 400 + b", NaN]", "NaN is not a number"),
        (b"[" + b"1" * 400 + b"," + nested(MAX_DEPTH) + b"]", f"deeper than {MAX_DEPTH} levels"),
        (b"[1e400]", "number is infinity"),
        (b'["\\ud800"]', "lone surrogate"),
        (b'["\\udc00 x"]', "lone surrogate"),
        (b'"\xff"', "not UTF-8: byte 0xff at offset 1"),
        ("{}".encode("utf-16"), "not UTF-8: byte 0xff at offset 0"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"{'a': 1}", "line 1 column 2"),
        (b"[" + b"1" * 400 + b"," + b"0" * 400 + b"]", "leading zero"),
        (b"[" + b"1" * 400 + b",0" + b"1" * 400 + b"]", "leading zero"),
        (nested(MAX_DEPTH + 1), f"deeper than {MAX_DEPTH} levels"),
        (nested(100_000), f"deeper than {MAX_DEPTH} levels"),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, f"deeper than {MAX_DEPTH} levels"),
    ],
)
def test_invalid_json_is_rejected_with_the_reason_and_the_position(body, because):
    with pytest.raises(InvalidRequest) as caught:
        parse(body)

    assert because in str(caught.value)
    assert len(str(caught.value)) < 200


@given(st.binary(max_size=20) | st.text(max_size=20).map(str.encode))
def test_any_bytes_are_parsed_or_rejected(body):
    try:
        value = parse(body)
    except InvalidRequest:
        return
    assert parse(orjson.dumps(value)) == value


@pytest.mark.parametrize("digits", ["9" * 18, "9" * 19, "18446744073709551616", "-" + "9" * 30, "1" * 5_000])
def test_integers_of_any_size_are_kept(digits):
    body = f'{{"documents":[{{"n":{digits},"x":[1.5,{digits}]}}]}}'.encode()

    assert to_json(exact(body, parse(body))) == body


@given(st.recursive(st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_integers_are_returned_unchanged(value):
    body = json.dumps({"documents": [value]}, ensure_ascii=False, separators=(",", ":")).encode()

    assert to_json(exact(body, parse(body))) == body


@pytest.mark.parametrize(
    "header", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']
)
def test_the_documents_media_type_is_accepted(header):
    check_media_type(header, ("application/json",))
    check_media_type(header, ("text/plain", "application/json; charset=utf-8"))
    check_media_type(header, ("*/*",))


@pytest.mark.parametrize(
    ("header", "because"),
    [
        (None, "must be application/json, and the request has none"),
        ("text/plain", "must be application/json, not text/plain"),
        ("application/json; charset=latin-1", "charset=latin-1"),
        ("application/jsonx", "not application/jsonx"),
    ],
)
def test_another_media_type_is_rejected(header, because):
    with pytest.raises(InvalidRequest, match=because):
        check_media_type(header, ("application/json",))


class Source:
    """A body that counts the bytes requested from it."""

    def __init__(self, size):
        self.remaining = size
        self.requested = 0

    def read(self, size):
        self.requested += size
        taken = min(size, self.remaining)
        self.remaining -= taken
        return b"x" * taken


@pytest.mark.parametrize("declared", [None, "100", ""])
def test_a_body_as_large_as_the_limit_is_read(declared):
    assert len(read({"Content-Length": declared}, Source(100).read, 100)) == 100


def test_a_body_that_ends_early_is_rejected():
    with pytest.raises(InvalidRequest, match="ended after 99 of 100 bytes"):
        read({"Content-Length": "100"}, Source(99).read, 100)


def test_a_body_with_a_content_length_above_the_limit_is_not_read():
    source = Source(10**12)

    with pytest.raises(BodyTooLarge, match="100 bytes"):
        read({"Content-Length": "101"}, source.read, 100)
    with pytest.raises(BodyTooLarge):
        read({"Content-Length": "9" * 5_000}, source.read, 100)

    assert source.requested == 0


def test_a_body_without_a_content_length_is_read_to_one_byte_beyond_the_limit():
    source = Source(10**12)

    with pytest.raises(BodyTooLarge):
        read({}, source.read, 100)

    assert source.requested == 101


def test_a_body_is_parsed_once(monkeypatch):
    parsed = []
    monkeypatch.setattr(body, "parse", lambda raw: parsed.append(raw) or {"query": "llama"})
    content = Content(b"{}")

    assert [content.value, content.value] == [{"query": "llama"}] * 2
    assert parsed == [b"{}"]


def test_a_body_that_cannot_be_parsed_is_freed_immediately():
    class Watched(Content):  # has no slots, so it supports weak references
        pass

    content = Watched(b'{"query": ')
    watch = weakref.ref(content)
    gc.disable()
    try:
        with suppress(InvalidRequest):
            _ = content.value
        del content
        assert watch() is None
    finally:
        gc.enable()
