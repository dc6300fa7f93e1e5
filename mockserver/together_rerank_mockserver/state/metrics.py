"""Metrics in Prometheus' text format: requests, their durations, and what is in flight, waiting or dropped."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from threading import Lock
from typing import TYPE_CHECKING

from together_rerank_mockserver.state.delay_limiter import DelayLimiter
from together_rerank_mockserver.state.registry import Registry

if TYPE_CHECKING:
    from prometheus_client import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# The upper bounds of the histogram: a usual call takes a millisecond, and most delays are below 30 seconds.
_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counts the requests to a mock, and reads what *registry* and *limiter* count. No reset changes its counters.

    Importing prometheus_client takes longer than a call, so only `exposition` imports it.
    """

    def __init__(self, registry: Registry, limiter: DelayLimiter) -> None:
        self._registry = registry
        self._limiter = limiter
        self._lock = Lock()
        self._requests: Counter[tuple[int | None, str | None]] = Counter()
        self._durations = [0] * (len(_BOUNDS_S) + 1)  # how many are between two bounds
        self._seconds = 0.0

    def count(self, status: int | None, fault: str | None, seconds: float) -> None:
        """Count a request; *status* is None if there was no answer, *fault* is None if none was applied."""
        with self._lock:
            self._requests[status, fault] += 1
            self._durations[bisect_left(_BOUNDS_S, seconds)] += 1
            self._seconds += seconds

    def exposition(self) -> bytes:
        """Return the metrics as text of the type CONTENT_TYPE."""
        from prometheus_client import generate_latest

        return generate_latest(self)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics, as a collector of prometheus_client does."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        with self._lock:
            counts, durations, seconds = self._requests.copy(), self._durations.copy(), self._seconds
        requests = CounterMetricFamily(
            "rerank_mock_requests", "Requests, by the status and the fault of the answer.", labels=["status", "fault"]
        )
        for (status, fault), number in counts.items():
            requests.add_metric([str(status or "none"), fault or ""], number)
        yield requests
        yield HistogramMetricFamily(
            "rerank_mock_request_duration_seconds",
            "Time from the arrival of a request until its answer is ready.",
            buckets=[*zip([*map(str, _BOUNDS_S), "+Inf"], accumulate(durations), strict=True)],
            sum_value=seconds,
        )
        yield GaugeMetricFamily(
            "rerank_mock_requests_in_flight", "Requests that --max-in-flight counts now.", self._registry.in_flight
        )
        yield GaugeMetricFamily(
            "rerank_mock_requests_waiting", "Requests that wait now; at most 400 can.", self._limiter.waiting
        )
        yield CounterMetricFamily(
            "rerank_mock_journal_dropped", "Entries that journals dropped to bound memory.", self._registry.dropped
        )
