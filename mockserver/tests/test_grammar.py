"""The fault grammar, as text and as JSON, and its error messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from together_rerank_mockserver.faults.catalogue import Catalogue
from together_rerank_mockserver.faults.grammar import InvalidFaultSpec, from_json, from_text
from together_rerank_mockserver.state.namespace import MAX_QUEUE
from together_rerank_spec import load

CATALOGUE = Catalogue(load())


def as_tuple(spec):
    return spec.fault.name, dict(spec.parameters), spec.times


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("429", ("429", {}, 1)),
        ("unsorted", ("unsorted", {}, 1)),
        ("200", ("ok", {}, 1)),
        (" 429 , retry_after = 2 ", ("429", {"retry_after": 2}, 1)),
        ("429,retry_after=none", ("429", {"retry_after": None}, 1)),
        ("503,retry_after_ms=150,delay=20,jitter=5", ("503", {"retry_after_ms": 150, "delay": 20, "jitter": 5}, 1)),
        ("delay=250", ("delay", {"delay": 250}, 1)),
        ("delay", ("delay", {"delay": 1000}, 1)),
        ("drip,pause=10", ("drip", {"pause": 10}, 1)),
        ("delay=250ms", ("delay", {"delay": 250}, 1)),
        ("unsorted,delay=1.5s,jitter=20ms", ("unsorted", {"delay": 1500, "jitter": 20}, 1)),
        ("drip,pause=0.3s", ("drip", {"pause": 300}, 1)),
        ("429,retry_after=2s", ("429", {"retry_after": 2}, 1)),
        ("429,retry_after=250ms,retry_after_ms=250ms", ("429", {"retry_after": 0.25, "retry_after_ms": 250}, 1)),
        ("418", ("418", {}, 1)),
        ("429,retry_after=0.5", ("429", {"retry_after": 0.5}, 1)),
        ("429,retry_after=2.0", ("429", {"retry_after": 2}, 1)),
        ("429,retry_after=date:30", ("429", {"retry_after": "date:30"}, 1)),
        ("429,retry_after=wrong", ("429", {"retry_after": "wrong"}, 1)),
        ("502,body=html", ("502", {"body": "html"}, 1)),
        ("307,location=http://host/a?b=c", ("307", {"location": "http://host/a?b=c"}, 1)),
    ],
)
def test_a_fault_is_parsed_from_text(text, expected):
    assert as_tuple(from_text(text, CATALOGUE)) == expected


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("", "there is no fault ``; the nearest: "),
        ("299", "`together-rerank-mock faults` lists all, and every status from 300 to 599 is one"),
        ("600", "there is no fault `600`; the nearest: "),
        ("4290", "there is no fault `4290`; the nearest: 429, "),
        ("unsrted", "the nearest: unsorted, truncate, top-n-converted; `together-rerank-mock faults` lists all"),
        ("retry_after=2", "no fault is named"),
        ("429,retry=2", "`retry` is not a parameter of `429`; did you mean `retry_after`?"),
        ("unsorted,retry_after=2", "`retry_after` is not a parameter of `unsorted`; known: delay, jitter"),
        ("hang,pause=2", "`pause` is not a parameter of `hang`"),
        ("429,retry_after=soon", "`retry_after` must be seconds from 0 to 86400, such as 2 or 0.5, `date:2`"),
        ("429,retry_after=-1", "`retry_after` must be seconds"),
        ("429,retry_after=86400.5", "`retry_after` must be seconds"),
        ("429,retry_after=date", "`date:2` for a date in 2 s, `wrong`, or `none`"),
        ("429,retry_after=date:86401", "`retry_after` must be seconds"),
        ("429,retry_after=date:1.5", "`retry_after` must be seconds"),
        ("429,retry_after=\u0662", "`retry_after` must be seconds"),
        ("429,body=xml", "`body` must be one of json, html, text, none"),
        ("429,location=/x", "`location` is not a parameter of `429`; known: retry_after"),
        ("307,location=", "`location` must be a URL or a path: 1 to 1000 printable ASCII characters"),
        ("307,location=/a b", "`location` must be a URL or a path"),
        ("307,location=/\u00e9", "`location` must be a URL or a path"),
        ("304,body=html", "`body` is not a parameter of `304`"),
        ("delay=99999999", "`delay` must be an integer from 0 to 3600000 (milliseconds)"),
        ("delay=3601s", "`delay` must be an integer from 0 to 3600000 (milliseconds), or text such as 250ms or 2s"),
        ("delay=0.5ms", "`delay` must be"),
        ("delay=2h", "`delay` must be"),
        ("delay=\u0662s", "`delay` must be"),
        ("drip,pause=61s", "`pause` must be an integer from 0 to 60000 (milliseconds)"),
        ("429,retry_after=86401s", "`retry_after` must be seconds"),
        ("delay=", "`delay` must be"),
        ("delay=1,delay=2", "`delay` is given twice"),
        ("429,503", "`503` is not a parameter of `429`"),
        ("429;retry_after=2", "separate the parameters with commas"),
        ("429,", "`` is not a parameter of `429`"),
    ],
)
def test_invalid_text_is_rejected_with_what_is_accepted(text, because):
    with pytest.raises(InvalidFaultSpec) as refused:
        from_text(text, CATALOGUE)

    assert because in str(refused.value)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"fault": "429"}, [("429", {}, 1)]),
        ({"fault": 429, "times": 2, "retry_after": 1}, [("429", {"retry_after": 1}, 2)]),
        ("unsorted", [("unsorted", {}, 1)]),
        ({"delay": 5}, [("delay", {"delay": 5}, 1)]),
        ({"delay": "2s", "jitter": "0.25s"}, [("delay", {"delay": 2000, "jitter": 250}, 1)]),
        ({"fault": "429", "retry_after": None}, [("429", {"retry_after": None}, 1)]),
        ({"fault": "429", "retry_after": "none"}, [("429", {"retry_after": None}, 1)]),
        ({"fault": "503", "then": {"fault": 429, "times": "always"}}, [("503", {}, 1), ("429", {}, None)]),
        (
            {"fault": "503", "times": 2, "then": {"fault": "429", "then": "ok"}},
            [("503", {}, 2), ("429", {}, 1), ("ok", {}, 1)],
        ),
    ],
)
def test_faults_are_parsed_from_json(data, expected):
    assert [as_tuple(spec) for spec in from_json(data, CATALOGUE)] == expected


@pytest.mark.parametrize(
    ("data", "because"),
    [
        ([], "a fault must be an object such as"),
        (None, "a fault must be an object such as"),
        ({}, "no fault is named"),
        ({"times": 2}, "no fault is named"),
        ({"falt": "429"}, "`falt` is not a parameter of a fault; did you mean `fault`?"),
        ({"fault": "reset,delay=1"}, "`reset,delay=1` is more than a name"),
        ({"fault": ["429"]}, "`fault` must be the name of a fault"),
        ({"fault": True}, "`fault` must be the name of a fault"),
        ({"fault": "429", "times": 0}, "`times` must be an integer from 1"),
        ({"fault": "429", "times": True}, "`times` must be an integer from 1"),
        ({"fault": "429", "times": 1.5}, "`times` must be an integer from 1"),
        ({"fault": "429", "tims": 1}, "`tims` is not a parameter of `429`; did you mean `times`?"),
        ({"fault": "429", "times": "ever"}, "`times` must be an integer from 1 to 1000000, or `always`"),
        ({"fault": "429", "times": "always", "then": "ok"}, "no fault can follow one whose `times` is `always`"),
        ({"fault": "429", "retry_after": "2"}, "`retry_after` must be seconds"),
        ({"fault": "429", "retry_after": True}, "`retry_after` must be seconds"),
        ({"fault": "429", "retry_after": 1e400}, "`retry_after` must be seconds"),
        ({"fault": "307", "location": "/a\r\nSet-Cookie: x"}, "`location` must be a URL or a path"),
        ({"fault": "307", "location": 1}, "`location` must be a URL or a path"),
        ({"fault": "429", "delay": None}, "`delay` must be an integer"),
        ({"fault": "429", "then": None}, "a fault must be an object such as"),
        ({"fault": "429", "then": [{"fault": "503"}]}, "a fault must be an object such as"),
    ],
)
def test_invalid_json_is_rejected_with_what_is_accepted(data, because):
    with pytest.raises(InvalidFaultSpec) as refused:
        from_json(data, CATALOGUE)

    assert because in str(refused.value)


def test_the_length_of_a_sequence_is_limited():
    data = "ok"
    for _ in range(MAX_QUEUE):
        data = {"fault": "429", "then": data}

    with pytest.raises(InvalidFaultSpec, match="at most 1000"):
        from_json(data, CATALOGUE)


def test_the_dict_of_a_fault_requests_the_same_fault():
    for data in (
        {"fault": "429", "times": 3, "retry_after": None},
        {"fault": "429", "times": "always", "retry_after": "date:3", "body": "text"},
        {"fault": "drip", "pause": 3, "delay": 1},
    ):
        (spec,) = from_json(data, CATALOGUE)

        assert from_json(spec.as_dict, CATALOGUE) == [spec]


@pytest.mark.parametrize("text", ["x" * 30_000_000, "429" + ",a=1" * 100_000])
def test_text_that_is_too_long_is_rejected_at_once(text):
    with pytest.raises(InvalidFaultSpec, match="characters, not"):
        from_text(text, CATALOGUE)


@given(st.text())
def test_any_text_is_read_or_rejected(text):
    try:
        spec = from_text(text, CATALOGUE)
    except InvalidFaultSpec:
        return
    assert CATALOGUE[spec.fault.name] == spec.fault


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["fault", "times", "then", "delay", "x"]), inner),
)


@given(JSON)
def test_any_json_is_read_or_rejected(data):
    try:
        specs = from_json(data, CATALOGUE)
    except InvalidFaultSpec:
        return
    assert specs
