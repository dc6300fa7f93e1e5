"""The journal stores what a test checks, and no secrets."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import together_rerank_fixtures as fixtures
from endpoint_calls import KEY, body, endpoint_of, send
from together_rerank_mockserver.api.json_text import to_json
from together_rerank_mockserver.settings import JOURNAL_BODY, Settings
from together_rerank_mockserver.state.journal import entry
from together_rerank_mockserver.state.redaction import Redaction
from together_rerank_spec import dialect


def journal_entry(headers=(), key=None, named=False, **changes):
    facts = {
        "time": 1_800_000_000.25,
        "method": "POST",
        "path": "/v1/rerank",
        "status": 200,
        "body": b"{}",
        "reply": "scored",
        "request_id": "abc",
        "ms": 1.26,
        "max_body": JOURNAL_BODY,
    }
    authorization = [("Authorization", f"Bearer {key}")] if key else []
    return entry(Redaction([*authorization, *headers], named=named), **{**facts, **changes})


def test_an_entry_has_the_documented_fields():
    headers = [("Content-Type", "application/json"), ("X-Stainless-Retry-Count", "2")]

    recorded = journal_entry(
        headers=headers, body=b'{"query": "llama"}', results=([1, 0], 2), answer=b'{"id": "a"}'
    ).shown(None)

    assert recorded == {
        "time": "2027-01-15T08:00:00.250000Z",
        "method": "POST",
        "path": "/v1/rerank",
        "status": 200,
        "reply": "scored",
        "request_id": "abc",
        "ms": 1.3,
        "reason": None,
        "retry_after": None,
        "results": [1, 0],
        "result_count": 2,
        "retry_count": 2,
        "headers": {"content-type": "application/json", "x-stainless-retry-count": "2"},
        "body_bytes": 18,
        "body": {"query": "llama"},
        "answer_bytes": 11,
        "answer": {"id": "a"},
    }


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "authorization",
        "Proxy-Authorization",
        "Cookie",
        "Set-Cookie",
        "X-Api-Key",
        "api_key",
        "X-Auth",
        "X-Access-Token",
        "X-Secret",
        "X-Password",
        "X-Amz-Credential",
        "X-Signature",
        "X-Jwt",
        "X-My-Pwd",
        "X-Access",
        "Session-Id",
    ],
)
def test_a_header_with_the_name_of_a_secret_is_left_out(name):
    assert journal_entry(headers=[(name, "sesame"), ("User-Agent", "me")]).headers == {"user-agent": "me"}


@pytest.mark.parametrize(
    "value", ["Bearer abc", "see basic YWJj", "sk-0123456789", "tgp_v1_abcdefgh", "x key-12345678"]
)
def test_a_header_that_looks_like_a_secret_is_left_out(value):
    assert journal_entry(headers=[("X-Other", value)]).headers == {}


def test_the_key_of_the_request_is_removed_from_every_field():
    key = "ordinary words"
    recorded = journal_entry(
        key=key,
        path=f"/v1/{key}",
        headers=[("X-Note", f"my {key} here")],
        body=json.dumps({"query": f"is {key} safe", key: 1}).encode(),
    )

    assert key not in repr(recorded)
    assert recorded.path == "/v1/[key]"
    assert recorded.headers == {"x-note": "my [key] here"}
    assert recorded.shown(None)["body"] == {"query": "is [key] safe", "[key]": 1}


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("abcdefghijkl", rb"\u0061bcdefghijk\u006C"),
        ("abcd/efgh/ijkl", rb"abcd\/efgh\/ijkl"),
        ('abcd"efghijkl', rb"abcd\"efghijkl"),
        ("abcd\\efghijkl", rb"abcd\\efghijkl"),
        ("schl\u00fcssel-lang", rb"schl\u00fcssel-lang"),
        ("schl\u00fcssel-lang", "schl\u00fcssel-lang".encode()),
    ],
)
def test_a_key_is_removed_in_every_json_spelling(key, written):
    recorded = journal_entry(key=key, body=b'{"query": "is ' + written + b' safe"}')

    assert recorded.shown(None)["body"] == {"query": "is [key] safe"}


@given(
    key=st.text("abn\"\\/'é", min_size=8, max_size=12),
    before=st.text('abn"\\/é\n'),
    after=st.text('abn"\\/é\n'),
    spelling=st.sampled_from(["plain", "ascii", "all"]),
)
def test_a_key_within_other_text_is_removed(key, before, after, spelling):
    value = before + key + after
    if spelling == "all":
        written = '"' + "".join(f"\\u{ord(character):04X}" for character in value) + '"'
    else:
        written = json.dumps(value, ensure_ascii=spelling == "ascii")
    recorded = journal_entry(key=key, body=b'{"query": ' + written.encode() + b"}").shown(None)

    assert key.strip() not in recorded["body"]["query"]
    assert "[key]" in recorded["body"]["query"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda i: st.lists(i) | st.dictionaries(st.text(), i)
    )
)
def test_a_body_without_the_key_is_unchanged(value):
    recorded = journal_entry(key="0123456789abcdef-key", body=json.dumps(value).encode()).shown(None)

    assert json.loads(to_json(recorded))["body"] == value


def test_a_key_that_begins_within_an_escape_is_removed_with_the_escape():
    # As JSON the body has a newline and "ame-1234"; as text, as in the answer of the journal, it has the key.
    recorded = journal_entry(key="name-1234", body=rb'{"a": "x\name-1234", "b": "\u0041"}').shown(None)

    assert recorded["body"] == {"a": "x[key]", "b": "A"}


@pytest.mark.parametrize("count", ["9" * 30, "-1", "\u0662"])
def test_an_invalid_retry_count_is_ignored(count):
    recorded = journal_entry([("x-stainless-retry-count", count)]).shown(None)

    assert recorded["retry_count"] is None
    assert to_json(recorded)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("https://a.example/?q=1&token=abc&x=2", "https://a.example/?q=1&token=[key]&x=2"),
        ("https://a.example/x#access_token=0123456789", "https://a.example/x#access_token=[key]"),
        ("/v1/rerank?api%5Fkey=0123456789&a=b", "/v1/rerank?api%5Fkey=[key]&a=b"),
        (
            "/?next=https%3A%2F%2Fb%2F%3FX-Amz-Signature%3Dabc%26d",
            "/?next=https%3A%2F%2Fb%2F%3FX-Amz-Signature%3D[key]%26d",
        ),
        ("https://user:pa55word@a.example/", "https://user:[key]@a.example/"),
        ('</x?sig=abc>; rel="next"', '</x?sig=[key]>; rel="next"'),
        ("/?keyword=llama&max_tokens=5#top", "/?keyword=llama&max_tokens=5#top"),
        ("code=429; seed=1", "code=429; seed=1"),
    ],
)
def test_secrets_in_the_urls_of_a_header_are_removed(sent, kept):
    assert journal_entry(headers=[("Referer", sent)]).headers == {"referer": kept}


def test_a_secret_of_a_url_is_removed_from_the_rest_of_the_request():
    headers = [("Referer", "/?token=ab%2Bcdefgh"), ("X-Ab", "ab+cdefgh")]

    recorded = journal_entry(headers, path="/ab+cdefgh", body=rb'{"a": "\u0061b+cdefgh"}', reason="no AB+CDEFGH here")

    assert recorded.headers == {"referer": "/?token=[key]", "x-ab": "[key]"}
    assert (recorded.path, recorded.shown(None)["body"], recorded.reason) == ("/[key]", {"a": "[key]"}, "no [key] here")


@pytest.mark.parametrize(
    "spelled",
    [
        "tgp_v1_%c3%a9%41bcd",
        "TGP_V1_é\\x41BCD",
        "&#x74;gp&#95;v1_é&#65;bcd",
        "tgp_v1_\\\\u00E9Abcd",
        "%2574gp_v1_%25C3%25a9Abcd",
    ],
)
def test_a_key_is_removed_in_every_spelling_from_every_field(spelled):
    sent = spelled.encode().decode("latin-1")  # WSGI decodes headers like this
    recorded = journal_entry(
        [("X-Note", f"a {sent} b")],
        key="tgp_v1_éAbcd".encode().decode("latin-1"),
        path=f"/{sent}/",
        body=json.dumps({"a": f"b {spelled}", spelled: 1}).encode(),
        reason=f"model {spelled}.",
    )

    assert recorded.headers == {"x-note": "a [key] b"}
    assert recorded.shown(None)["body"] == {"a": "b [key]", "[key]": 1}
    assert (recorded.path, recorded.reason) == ("/[key]/", "model [key].")


def test_a_key_in_the_name_of_a_header_is_removed():
    assert journal_entry([("X-TGP-V1-ABCDEF", "1")], key="tgp_v1_abcdef").headers == {"x-[key]": "1"}


def test_the_time_is_linear_in_the_secrets_and_the_text():
    def seconds(number):
        words = [f"{each * 2_654_435_761 % 2**32:08x}" for each in range(5 * number)]
        headers = [(f"X-Key-{each}", " ".join(words[each::5])) for each in range(5)]
        body = "".join(word[:7] for word in words).encode()
        began = time.process_time()
        journal_entry(headers, body=body, max_body=10**9, reason="a" * number, path="/" + "a" * number)
        return time.process_time() - began

    few, many = (min(seconds(number) for _ in range(3)) for number in (300, 1200))

    assert many < 9 * few  # sixteen times if quadratic


def test_a_part_of_a_key_is_removed_from_a_message_in_any_case():
    redaction = Redaction([("Authorization", "Bearer Sk3cretKEY-abcdefgh")], named=False)

    assert redaction.message("a sk3cretkey-abcdef b Sk3cretKEY-abcdefgh") == "a [key] b [key]"
    assert redaction.message("nothing of it") == "nothing of it"


def test_escapes_are_resolved_without_changing_the_rest():
    body = rb'{"a": "\u0041\\u0061 \u0022 \u005c \n \u00e9 \/", "b": "\\"}'

    assert journal_entry(key="0123456789", body=body).shown(None)["body"] == json.loads(body)


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Api-Key", "0123456789")],
        [("Authorization", "Bearer other, Bearer 0123456789")],
        [("Authorization", "Basic 0123456789")],
        [("Cookie", "a=b; session=0123456789")],
    ],
)
def test_the_value_of_a_secret_header_is_removed_from_the_rest(headers):
    recorded = journal_entry(headers=headers, method="0123456789", path="/0123456789", body=b"0123456789")

    assert "0123456789" not in repr(recorded)


@given(key=st.text("ab0123456789", min_size=8, max_size=40), before=st.integers(0, 200), offset=st.integers(-60, 60))
def test_a_repeated_key_leaves_no_part_where_the_body_is_cut(key, before, offset):
    early = key.encode() * before
    body = early + b"x" * (JOURNAL_BODY + 5 * before + offset - len(early)) + key.encode() + b"y" * 10_000

    kept = journal_entry(key=key, body=body).body

    assert len(kept) <= JOURNAL_BODY
    assert key[:6].encode() not in kept[-60:]


def test_a_named_namespace_shows_no_secret_except_its_key():
    headers = [("X-Api-Key", "0123456789")]

    assert b"0123456789" not in journal_entry(headers, key="test-a", named=True, body=b"0123456789").body


def test_the_key_of_a_named_namespace_is_shown():
    recorded = journal_entry(key="test-search-1", named=True, body=b'{"query": "test-search-1"}')

    assert recorded.shown(None)["body"] == {"query": "test-search-1"}
    assert recorded.headers == {}


def test_a_key_across_the_cut_leaves_no_part():
    key = "0123456789abcdef"

    recorded = journal_entry(key=key, body=b"x" * (JOURNAL_BODY - 8) + key.encode() + b"y" * 100)

    assert b"01234" not in recorded.body
    assert len(recorded.body) == JOURNAL_BODY


@pytest.mark.parametrize("body", [b"{", b"", b"\xff", b"x" * (JOURNAL_BODY + 1), b'{"a": NaN}', b"[" * 100_000])
def test_a_cut_or_invalid_body_is_shown_as_text(body):
    recorded = journal_entry(body=body).shown(None)

    assert recorded["body"] is None
    assert recorded["text"] == body[:JOURNAL_BODY].decode(errors="replace")
    assert recorded["body_bytes"] == len(body)


@pytest.mark.parametrize("body", [rb'{"model": "\ud800"}', rb'{"\ud800": 1}', b"[" * 400 + b"]" * 400, b'{"a": 1e999}'])
def test_a_body_that_cannot_be_written_as_json_is_shown_as_text(body):
    recorded = journal_entry(body=body).shown(None)

    assert recorded["text"] == body.decode()
    assert json.loads(to_json(recorded)) == recorded


@pytest.mark.parametrize("number", ["18446744073709551616", "1" * 400])
def test_numbers_are_shown_as_they_were_sent(number):
    recorded = journal_entry(body=b'{"n": %s}' % number.encode()).shown(None)

    assert f'"body":{{"n":{number}}}' in to_json(recorded).decode() or recorded.get("text")


def test_json_null_is_distinguished_from_invalid_json():
    assert "text" not in journal_entry(body=b"null").shown(None)


def test_many_and_long_headers_are_limited():
    recorded = journal_entry(headers=[(f"x-{number}", "v" * 10_000) for number in range(200)], path="/" + "p" * 10_000)

    assert recorded.size < 200_000
    assert len(recorded.path) == 2048


def test_a_request_without_an_answer_has_no_status():
    recorded = journal_entry(status=None, headers=[("x-stainless-retry-count", "many")]).shown(None)

    assert recorded["status"] is None
    assert recorded["retry_count"] is None


SENT = {
    "scored": (body(), {}, [1, 0], 2),
    "top_n": (body(top_n=1), {}, [1], 1),
    "many": (body(documents=["a"] * 12), {}, [*range(10)], 12),
    "a wrong order": (body(), {"Prefer": "fault=unsorted"}, [0, 1], 2),
    "wrong indexes": (body(), {"Prefer": "fault=index-off-by-one"}, [2, 1], 2),
    "late": (body(), {"Prefer": "delay=1"}, [1, 0], 2),
    "no indexes": (body(), {"Prefer": "fault=index-missing"}, None, None),
    "no results": (body(), {"Prefer": "fault=results-missing"}, None, None),
    "a bare list": (body(), {"Prefer": "fault=results-bare-list"}, None, None),
    "another body": (body(), {"Prefer": "fault=html-200"}, None, None),
    "no answer": (body(), {"Prefer": "fault=empty"}, None, None),
    "an error": (body(), {"Prefer": "code=503"}, None, None),
    "an invalid request": (body(top_n=0), {}, None, None),
}


@pytest.mark.parametrize("case", SENT)
def test_the_journal_has_the_indexes_of_the_results_as_they_were_sent(case):
    request, headers, results, count = SENT[case]
    endpoint = endpoint_of()

    send(request, endpoint, {**KEY, **headers}, parse=False, raw_socket=True)

    (recorded,) = endpoint.registry.look("default").journal()[0]
    shown = recorded.shown(None)
    assert (shown["results"], shown["result_count"]) == (results, count)


def test_the_journal_has_the_results_of_other_apis_and_of_replayed_answers():
    cohere, replaying = endpoint_of(dialect("cohere")), endpoint_of(settings=Settings(replay="library"))
    exchange = fixtures.get("success/rank_fields")

    send(body(), cohere, parse=False)
    send(exchange.request.content, replaying, exchange.request.headers, parse=False)

    sent = [result["index"] for result in exchange.response.body["results"]]
    assert cohere.registry.look("default").journal()[0][0].results == ([1, 0], 2)
    assert replaying.registry.look("default").journal()[0][0].results == (sent[:10], len(sent))


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ("m", None),
        ("mock/429", None),
        ("mock/drip,pause=0", None),
        ("mock/truncate", '{"id":"'),
        ("mock/html-200", "<!DOCTYPE html>"),
        ("mock/reset", ""),
    ],
)
def test_the_answer_is_recorded_as_the_client_gets_it(model, text):
    endpoint = endpoint_of()

    reply = send(body(model=model), endpoint, parse=False, raw_socket=True)

    (recorded,) = endpoint._state.registry.look("default").journal()[0]
    shown = recorded.shown(None)
    assert (recorded.answer, recorded.answer_bytes) == (reply.sent, len(reply.sent))
    if text is None:
        assert shown["answer"] == json.loads(reply.body)
    else:
        assert shown["answer"] is None
        assert shown["answer_text"].startswith(text)


def test_the_key_is_removed_from_the_answer():
    recorded = journal_entry(key="sesame-open", answer=b'{"text": "say sesame-open"}')

    assert recorded.shown(None)["answer"] == {"text": "say [key]"}


def test_a_long_answer_is_cut():
    recorded = journal_entry(answer=b"1" * 20, max_body=10)

    assert (recorded.answer, recorded.answer_bytes) == (b"1" * 10, 20)


def test_an_entry_is_stored_with_its_body_and_its_answer():
    recorded = journal_entry(body=b"{}\n{}", answer=b"\n[]\n", results=([1, 0], 2))

    assert type(recorded).from_bytes(recorded.as_bytes) == recorded
