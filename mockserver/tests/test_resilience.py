"""The resilience check finds what a client does wrong, and nothing in what is right."""

import pytest

from together_rerank_mockserver import resilience
from together_rerank_mockserver.recorded import Headers, RecordedRequest
from together_rerank_mockserver.resilience import find_problems

BODY = {"model": "m", "query": "llama", "documents": ["a", "b"]}


def requests(*attempts):
    """Return requests for tuples of (began, status, changes); each takes 10 ms unless a change sets `ended`."""
    return [
        RecordedRequest(**{
            "number": number, "began": 1000 + began, "ended": 1000 + began + 0.01, "method": "POST",
            "path": "/v1/rerank", "status": status, "reply": "forced; fault=x" if status != 200 else "scored",
            "reason": None, "retry_after": None, "retry_count": None, "request_id": "id", "headers": Headers(),
            "body": BODY, "text": None, "body_bytes": 9, **dict(*changes),
        })
        for number, (began, status, *changes) in enumerate(attempts, 1)
    ]  # fmt: skip


def rules(*attempts):
    return [finding.rule for finding in find_problems(requests(*attempts))]


def nth(retry_count, **changes):
    """Return changes for an attempt whose client numbers its retries."""
    return {"retry_count": retry_count, **changes}


OTHER = {"body": {**BODY, "query": "other"}}
GOOD = {
    "a success": [(0, 200)],
    "two calls": [(0, 200), (1, 200)],
    "a wait that grows": [(0, 503), (0.5, 503), (1.6, 503), (4, 200)],
    "Retry-After is kept": [(0, 429, {"retry_after": 1}), (1.01, 429, {"retry_after": 1}), (2.02, 200)],
    "Retry-After is kept by the clock of the journal": [(0, 429, {"retry_after": 1}), (0.97, 200)],
    "waits of Retry-After need not grow": [(t, 503, {"retry_after": 0.5}) for t in (0, 0.6, 1.2)] + [(1.8, 200)],
    "waits after a hang include the timeout": [
        (t, None, {"reply": "forced; fault=hang; by=queue"}) for t in (0, 5.5, 11.5, 18.5)
    ],
    "one retry": [(0, 503), (0.001 + 0.01, 200)],
    "an error that stays": [(0, 401)],
    "an invalid request": [(0, 400)],
    "other bodies": [(0, 400), (1, 400, OTHER), (2, 401, {"path": "/rerank"})],
    "a corrected request": [(0, 400), (1, 200, OTHER)],
    "a retry after a conflict and a time-out": [(0, 409), (1, 408), (3, 200)],
    "equal calls at the same time": [(0.001 * number, 200, {"ended": 1001}) for number in range(20)],
    "equal calls that fail at the same time and are retried": [
        *[(0.001 * number, 503, {"ended": 1000.5}) for number in range(10)],
        *[(1 + 0.001 * number, 200, {"ended": 1001.5}) for number in range(10)],
    ],
    "equal calls that are invalid at the same time": [(0.001 * n, 400, {"ended": 1000.5}) for n in range(5)],
    "a call after another call": [(0, 200), (0.02, 200), (0.04, 200), (0.06, 200)],
    "top_n as large as it can be": [(0, 200, {"body": {**BODY, "top_n": 2}})],
    "a body that is no object": [(0, 400, {"body": [1]})],
    "a body that is no JSON": [(0, 400, {"body": None, "text": "{"}), (1, 400, {"body": None, "text": "["})],
    "no attempt after a Retry-After of an hour": [(0, 429, {"retry_after": 3600})],
    "a later call after a Retry-After of an hour": [
        (0, 429, nth(0, retry_after=3600)),
        (1, 503, nth(0, retry_after=0.5)),
        (1.6, 200, nth(1)),
    ],
    "a loop around a client without retries": [(0, 503, nth(0)), (1, 503, nth(0, retry_after=2)), (3.1, 200, nth(0))],
    "numbered calls that fail after another": [(t + 0.1, 401, nth(0)) for t in (0, 1, 2)],
    "numbered calls with retries, one after another": [
        *[(0, 503, nth(0)), (0.5, 503, nth(1)), (1.6, 503, nth(2))],
        *[(1.7, 503, nth(0)), (2.2, 503, nth(1)), (3.3, 200, nth(2))],
    ],
    "numbered calls at the same time": [
        *[(0, 503, nth(0, ended=1000.5)), (0.01, 503, nth(0, ended=1000.51))],
        *[(1, 503, nth(1)), (1.1, 503, nth(1)), (2, 200, nth(2)), (2.1, 200, nth(2))],
    ],
    "a status requested as a fault": [(0, 401, {"reply": "forced; fault=401; by=queue"})],
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_correct_client_has_no_findings(name):
    assert rules(*GOOD[name]) == []


BAD = {
    "retried-not-retryable": {
        "401": [(0, 401), (1, 401)],
        "402": [(0, 402), (1, 200)],
        "403 after 503": [(0, 503), (1, 403), (3, 200)],
        "404": [(0, 404), (1, 404), (3, 404)],
    },
    "resent-invalid": {"400": [(0, 400), (1, 400)], "422": [(0, 422), (1, 200)]},
    "ignored-retry-after": {
        "429": [(0, 429, {"retry_after": 1}), (0.9, 200)],
        "503": [(0, 503, {"retry_after": 0.5}), (0.1, 200)],
        "a long one": [(0, 429, {"retry_after": 3600}), (1, 200)],
        "numbered": [(0, 401, nth(0)), (1, 429, nth(0, retry_after=1)), (1.5, 200, nth(1))],
        "counted from the answer": [(0, 429, {"retry_after": 1, "ended": 1000.5}), (1.2, 200)],
    },
    "retry-storm": {
        "at once": [(0.02 * number, 503) for number in range(6)],
        "a loop around a client without retries": [(t, 503, nth(0)) for t in (0, 1, 2)] + [(3, 200, nth(0))],
        "waits that are the same": [(0, 503), (1, 503), (2, 503), (3, 200)],
        "waits that get shorter": [(0, None), (2, None), (3, None), (3.5, 200)],
    },
    "gave-up": {
        **{str(status): [(0, status)] for status in (429, 502, 503, 504, 520, 524, 529, None)},
        "Retry-After of a minute": [(0, 429, {"retry_after": 60})],
        "numbered": [(0, 503, nth(0, retry_after=1)), (0.5, 200, nth(0))],
    },
    "top-n-too-large": {"top_n": [(0, 200, {"body": {**BODY, "top_n": 3}})]},
    "no-key": {"401": [(0, 401, {"reply": "refused", "reason": "Missing API key."})]},
}


@pytest.mark.parametrize(("rule", "name"), [(rule, name) for rule, cases in BAD.items() for name in cases])
def test_a_wrong_client_has_the_finding(rule, name):
    assert rules(*BAD[rule][name]) == [rule]


def test_a_finding_is_printed_with_its_requests():
    (finding,) = find_problems(requests((0, 429, {"retry_after": 2}), (0.5, 200)))

    assert str(finding) == (
        "Retried 0.49 s after 429, whose Retry-After was 2 s: #1 at +0.00 s -> 429, #2 at +0.50 s -> 200 "
        "[ignored-retry-after]"
    )
    assert [request.number for request in finding.requests] == [1, 2]


def test_the_time_is_bounded_if_many_calls_with_one_body_fail(monkeypatch):
    compared = []
    may_follow = resilience._may_follow
    monkeypatch.setattr(resilience, "_MAX_UNFINISHED", 10)
    monkeypatch.setattr(resilience, "_may_follow", lambda *each: compared.append(each) or may_follow(*each))

    assert rules(*[(number, 400, nth(0)) for number in range(200)]) == []
    assert len(compared) <= 10 * 200


def test_interleaved_calls_are_distinguished():
    mixed = [(0, 503), (0.1, 503, OTHER), (0.7, 503), (0.75, 503, OTHER), (2, 200), (2.1, 200, OTHER)]

    assert rules(*mixed) == []
    assert rules(*mixed, (3, 503), (4, 503), (5, 503)) == ["retry-storm"]
