"""The Prefer header of RFC 7240."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import parse_list_header

from endpoint_calls import KEY, body, send
from together_rerank_mockserver.faults.catalogue import Catalogue
from together_rerank_mockserver.faults.grammar import InvalidFaultSpec
from together_rerank_mockserver.faults.prefer import _items, from_prefer
from together_rerank_spec import load

CATALOGUE = Catalogue(load())


@pytest.mark.parametrize(
    ("header", "fault", "parameters", "applied"),
    [
        ("code=429", "429", {}, "code=429"),
        ("Code=429", "429", {}, "code=429"),
        ('code="429"', "429", {}, "code=429"),
        ("fault=unsorted, delay=250", "unsorted", {"delay": 250}, "fault=unsorted, delay=250"),
        ("fault=unsorted, delay=1.5s", "unsorted", {"delay": 1500}, "fault=unsorted, delay=1.5s"),
        ("fault=429", "429", {}, "fault=429"),
        ("delay=250", "delay", {"delay": 250}, "delay=250"),
        ("code=429,retry_after=none", "429", {"retry_after": None}, "code=429, retry_after=none"),
        ("return=minimal, code=503; foo=bar, wait=10", "503", {}, "code=503"),
        ("code=429, code=503", "429", {}, "code=429"),
        ("code=200", "ok", {}, "code=200"),
        ("code=522, body=none", "522", {"body": "none"}, "code=522, body=none"),
        ('code=307, location="/a,b"', "307", {"location": "/a,b"}, "code=307, location=/a,b"),
        (" ,, code = 429 ,", "429", {}, "code=429"),
    ],
)
def test_known_preferences_request_a_fault(header, fault, parameters, applied):
    spec, preferences = from_prefer(header, CATALOGUE)

    assert (spec.fault.name, dict(spec.parameters), preferences) == (fault, parameters, applied)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "return=minimal",
        "respond-async, wait=10",
        "dynamic=true",
        "example=x",
        "mode=fast, node=1",
        'foo="a;delay=1"',
        "default=1, cause=x",
        ";;=,",
    ],
)
def test_unknown_preferences_are_ignored(header):
    assert from_prefer(header, CATALOGUE) == (None, "")


@pytest.mark.parametrize(
    ("header", "because"),
    [
        ("code=299", "`code` must be 200, or a status from 300 to 599, not 299"),
        ("code=", "`code` must be 200, or a status"),
        ("code=unsorted", "`code` must be 200, or a status"),
        ("code=429; retry_after=9", "separate preferences with commas"),
        ("delay=3;fault=429", "separate preferences with commas"),
        ("unsorted", "`unsorted` is the name of a fault; request it with fault=unsorted"),
        ("429", "`429` is the name of a fault"),
        ("code=429, times=2", "`times` is a parameter of the queue"),
        ("fault=unsrted", "there is no fault `unsrted`; the nearest: unsorted, "),
        ("fualt=unsorted", "`fualt` is not a preference; did you mean `fault`? known: code, fault, delay"),
        ("delay=fast", "`delay` must be an integer from 0 to 3600000 (milliseconds)"),
        ("code=429, fault=unsorted", "exclude each other"),
        ("retry_after=2", "no fault is named"),
        ("fault=unsorted, retry_after=2", "`retry_after` is not a parameter of `unsorted`"),
    ],
)
def test_an_invalid_preference_is_rejected_with_what_is_accepted(header, because):
    with pytest.raises(InvalidFaultSpec) as refused:
        from_prefer(header, CATALOGUE)
    reply, answer = send(body(), headers={**KEY, "Prefer": header})

    assert because in str(refused.value)
    assert reply.status == 400
    assert reply.headers["x-mock-reply"] == "misuse"
    assert answer["error"]["message"].startswith("Prefer: ")
    assert because in answer["error"]["message"]


@given(st.text() | st.from_regex(r'(code|fault|delay)=("[a-z0-9 ,]*|[a-z0-9]+)(;.*)?(, .*)?', fullmatch=True))
def test_any_header_is_read_or_rejected(header):
    try:
        spec, preferences = from_prefer(header, CATALOGUE)
    except InvalidFaultSpec:
        return
    assert (spec is None) is (preferences == "")


@given(st.text('a= ,;"\\\t', max_size=20))
def test_a_list_is_parsed_as_by_werkzeug(header):
    assert _items(header) == parse_list_header(header)
