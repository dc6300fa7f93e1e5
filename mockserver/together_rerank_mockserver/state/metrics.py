"""Metrics in Prometheus' text format: requests, their durations, and what is in flight, waiting or dropped."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from together_rerank_mockserver.state.delay_limiter import DelayLimiter
from together_rerank_mockserver.state.registry import Registry
from together_rerank_mockserver.state.shared_registry import SharedRegistry
from together_rerank_mockserver.state.totals import BOUNDS_S

if TYPE_CHECKING:
    from prometheus_client import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Shows what *registry* and *limiter* count.

    Importing prometheus_client takes longer than a call, so only `exposition` imports it.
    """

    def __init__(self, registry: Registry | SharedRegistry, limiter: DelayLimiter) -> None:
        self._registry = registry
        self._limiter = limiter

    def exposition(self) -> bytes:
        """Return the metrics as text of the type CONTENT_TYPE."""
        from prometheus_client import generate_latest

        return generate_latest(self)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics, as a collector of prometheus_client does."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        totals = self._registry.totals()
        requests = CounterMetricFamily(
            "rerank_mock_requests", "Requests, by the status and the fault of the answer.", labels=["status", "fault"]
        )
        for (status, fault), number in totals.requests.items():
            requests.add_metric([str(status or "none"), fault or ""], number)
        yield requests
        yield HistogramMetricFamily(
            "rerank_mock_request_duration_seconds",
            "Time from the arrival of a request until its answer is ready.",
            buckets=[*zip([*map(str, BOUNDS_S), "+Inf"], accumulate(totals.durations), strict=True)],
            sum_value=totals.seconds,
        )
        yield GaugeMetricFamily(
            "rerank_mock_requests_in_flight", "Requests that --max-in-flight counts now.", self._registry.in_flight
        )
        yield GaugeMetricFamily(
            "rerank_mock_requests_waiting", "Requests that wait now; at most 400 can.", self._limiter.waiting
        )
        yield CounterMetricFamily(
            "rerank_mock_journal_dropped", "Entries that journals dropped to bound memory.", totals.dropped
        )
