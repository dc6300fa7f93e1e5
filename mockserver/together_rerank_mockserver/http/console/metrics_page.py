"""The page of the metrics: small charts, each of which is a table, too."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from flask import Response

from together_rerank_mockserver import clock
from together_rerank_mockserver.http.console.context import Console
from together_rerank_mockserver.http.console.journal_page import entries
from together_rerank_mockserver.state.totals import BOUNDS_S

# The time that the chart of the rate shows, and that of one column.
_WINDOW_S, _STEP_S = 300, 5


class Bar(NamedTuple):
    """One bar of a chart."""

    label: str
    number: int
    percent: float  # of the longest bar


def metrics(console: Console) -> Response:
    """Show what the mock has counted since its start, and the rate of one namespace."""
    journal = entries(console)
    totals = console.registry.totals()
    statuses, faults = Counter[str](), Counter[str]()
    for (status, fault), number in totals.requests.items():
        statuses[str(status or "no answer")] += number
        faults[fault or "without a fault"] += number
    bounds = [f"up to {_shown(bound)}" for bound in BOUNDS_S] + [f"above {_shown(BOUNDS_S[-1])}"]
    durations = list(zip(bounds, totals.durations, strict=True))
    filled = [place for place, (_, count) in enumerate(durations) if count] or [0]
    total = sum(totals.requests.values())
    return console.page(
        "metrics.html.j2",
        charts={
            "Requests by status": bars(sorted(statuses.items())),
            "Requests by fault": bars(faults.most_common()),
            "Time until the answer was ready": bars(durations[filled[0] : filled[-1] + 1]),
        },
        facts={
            "requests": total,
            "in flight": console.registry.in_flight,
            "waiting": console.mock.limiter.waiting,
            "mean": f"{1000 * totals.seconds / total:.1f} ms" if total else "none",
            "dropped from journals": totals.dropped,
        },
        rates=bars(("", number) for number in rates([entry.time for entry in journal], clock.now())),
        minutes=_WINDOW_S // 60,
        step=_STEP_S,
    )


def _shown(seconds: float) -> str:
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"


def bars(counts: Iterable[tuple[str, int]]) -> list[Bar]:
    rows = list(counts)
    most = max((count for _, count in rows), default=0) or 1
    return [Bar(label, count, 100 * count / most) for label, count in rows]


def rates(times: Iterable[float], now: float) -> list[int]:
    """Return how many of *times* are in each step of the window that ends *now*, oldest first."""
    steps = _WINDOW_S // _STEP_S
    ages = Counter(int((now - time) // _STEP_S) for time in times)
    return [ages[age] for age in reversed(range(steps))]
