"""Resilience: find what the code under test does wrong as a client, by the requests that it made."""

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from together_rerank_mockserver.recorded import RecordedRequest

# Temporary errors: a client should retry.
_TEMPORARY = (429, 502, 503, 504, 520, 524, 529)
# Client errors that a retry can resolve.
_RETRYABLE = (408, 409, 425, 429)
_INVALID = (400, 422)
# The inaccuracy of clocks and schedulers.
_TOLERANCE_S = 0.05
# The journal rounds durations to a tenth of a millisecond, and clocks differ a little.
_CLOCK_S = 0.002
# A wait has grown if it is this many times as long as the first.
_GROWTH = 1.2
_EQUAL = 0.1
# A client need not wait for a longer Retry-After; Together's SDKs do not.
_LONG_S = 60
# Differences of waits below this are ignored.
_SOON_S = 0.01
# How many unfinished calls with its body a request is compared with: the latest ones. All would take quadratic time.
_MAX_UNFINISHED = 1000
# How many requests of a finding its sentence lists.
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a client should not do.

    Attributes:
        rule: the name of the rule, such as `ignored-retry-after`.
        sentence: what the client did, with the evidence.
        requests: the requests that show it.
    """

    rule: str
    sentence: str
    requests: tuple[RecordedRequest, ...]

    def __str__(self) -> str:
        return f"{self.sentence} [{self.rule}]"


def find_problems(requests: Sequence[RecordedRequest]) -> list[Finding]:
    """Return the findings for *requests* of one client: first by call, which includes its retries, then by request."""
    calls = _calls(requests)
    findings = [finding for rule in _OF_CALLS for call in calls for finding in rule(call)]
    return findings + [finding for rule in _OF_REQUESTS for request in requests for finding in rule(request)]


def _calls(requests: Sequence[RecordedRequest]) -> list[list[RecordedRequest]]:
    """Group requests by call: attempts of one call have equal bodies, and each begins after the one before failed.

    An equal body that is sent while another is in progress, or after a success, is a separate call. If the client
    numbers its attempts, the number 0 begins a call, unless code around a client without retries tries again.
    """
    calls: list[list[RecordedRequest]] = []
    unfinished: dict[str, list[list[RecordedRequest]]] = {}
    for request in sorted(requests, key=lambda request: request.began):
        same = unfinished.setdefault(_fingerprint(request), [])
        del same[:-_MAX_UNFINISHED]
        over = [call for call in same if call[-1].ended <= request.began + _CLOCK_S and _may_follow(request, call[-1])]
        if over:
            # By number, the latest: an earlier call with the number before has probably ended.
            choose = min if request.retry_count is None else max
            call = choose(over, key=lambda call: call[-1].ended)
            call.append(request)
        else:
            call = [request]
            calls.append(call)
            same.append(call)
        if _succeeded(request):
            same.remove(call)
    return calls


def _may_follow(request: RecordedRequest, before: RecordedRequest) -> bool:
    """Return whether *request* may be the next attempt after *before*, by the numbers of a client that sends them."""
    if request.retry_count is None or before.retry_count is None:
        return request.retry_count is None
    if request.retry_count == before.retry_count == 0:
        return _is_temporary(before) and _waited(before, request) >= (before.retry_after or 0) - _TOLERANCE_S
    return request.retry_count == before.retry_count + 1


def _waited(before: RecordedRequest, after: RecordedRequest) -> float:
    return after.began - before.ended


def _fingerprint(request: RecordedRequest) -> str:
    body = request.text if request.text is not None else json.dumps(request.body, sort_keys=True)
    return f"{request.path} {request.body_bytes} {body}"


def _succeeded(request: RecordedRequest) -> bool:
    return request.status is not None and request.status < 400 and not _is_incomplete(request)


def _is_incomplete(request: RecordedRequest) -> bool:
    return request.status is None or request.fault == "truncate"


def _is_temporary(request: RecordedRequest) -> bool:
    return request.status in _TEMPORARY or _is_incomplete(request)


def _is_permanent(request: RecordedRequest) -> bool:
    return request.status is not None and 400 <= request.status < 500 and request.status not in _RETRYABLE


def _resent_invalid(call: list[RecordedRequest]) -> Iterator[Finding]:
    for place, request in enumerate(call[:-1]):
        if request.status in _INVALID:
            sentence = f"Sent the same body again after it was rejected as invalid with {request.status}"
            yield _finding("resent-invalid", sentence, call[place:])
            return


def _retried_permanent_error(call: list[RecordedRequest]) -> Iterator[Finding]:
    for place, request in enumerate(call[:-1]):
        if _is_permanent(request) and request.status not in _INVALID:
            sentence = f"Retried after {request.status}, which a retry cannot resolve"
            yield _finding("retried-not-retryable", sentence, call[place:])
            return


def _ignored_retry_after(call: list[RecordedRequest]) -> Iterator[Finding]:
    for before, after in itertools.pairwise(call):
        required, waited = before.retry_after, _waited(before, after)
        if required is not None and waited < required - _TOLERANCE_S:
            sentence = f"Retried {waited:.2f} s after {before.status}, whose Retry-After was {required:g} s"
            yield _finding("ignored-retry-after", sentence, (before, after))


def _storm(call: list[RecordedRequest]) -> Iterator[Finding]:
    waits = [
        _waited(before, after)
        for before, after in itertools.pairwise(call)
        # A wait after `hang` includes the timeout of the client.
        if before.retry_after is None and not _is_permanent(before) and before.fault != "hang"
    ]
    if _is_flat(waits):
        shown = _listed([f"{max(0, wait):.2f}" for wait in waits])
        yield _finding(
            "retry-storm", f"Made {len(call)} attempts at one call without increasing waits ({shown} s)", call
        )


def _is_flat(waits: list[float]) -> bool:
    """Return whether *waits* do not grow. Two waits can differ by jitter alone, so they must be equal.

    The median of the later ones decides, because a busy machine can make any one of them longer.
    """
    if len(waits) == 2:
        return abs(waits[1] - waits[0]) <= _EQUAL * waits[0] + _SOON_S
    return len(waits) > 2 and median(waits[1:]) <= _GROWTH * waits[0] + _SOON_S


def _gave_up(call: list[RecordedRequest]) -> Iterator[Finding]:
    (first, *others) = call
    is_long = first.retry_after is not None and first.retry_after > _LONG_S
    if not others and not is_long and _is_temporary(first):
        what = "call without a complete answer" if _is_incomplete(first) else str(first.status)
        yield _finding("gave-up", f"Gave up after the first {what}, which is temporary", call)


def _too_large_top_n(request: RecordedRequest) -> Iterator[Finding]:
    top_n, documents = request.top_n, request.documents
    if isinstance(top_n, int | float) and isinstance(documents, list) and top_n > len(documents):
        yield _finding("top-n-too-large", f"Requested the top {top_n} of {len(documents)} documents", (request,))


def _no_key(request: RecordedRequest) -> Iterator[Finding]:
    if request.status == 401 and request.fault is None:
        yield _finding("no-key", f"Sent no accepted key: {request.reason}", (request,))


def _finding(rule: str, sentence: str, requests: Sequence[RecordedRequest]) -> Finding:
    start = requests[0].began
    each = [f"#{it.number} at +{it.began - start:.2f} s -> {it.status or 'no answer'}" for it in requests]
    return Finding(rule, f"{sentence}: {_listed(each)}", tuple(requests))


def _listed(items: list[str]) -> str:
    more = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


_OF_CALLS = (_retried_permanent_error, _resent_invalid, _ignored_retry_after, _storm, _gave_up)
_OF_REQUESTS = (_too_large_top_n, _no_key)
