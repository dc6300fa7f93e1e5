"""The goals: ratios of one run, each with its limit, and the reason where it is missed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from results import Results
from rounds import CONNECTIONS, EXAMPLE, FAULTS, LARGE, USUAL

_MOST = CONNECTIONS[-1]


@dataclass(frozen=True)
class Goal:
    """One number that is to stay on one side of a limit.

    Attributes:
        of: how the number is taken from the results.
        at_least: whether the limit is the lowest that will do; else it is the highest.
        because: why it is missed, for those that are.
    """

    name: str
    of: Callable[[Results], float]
    limit: float
    at_least: bool = False
    unit: str = "x"
    because: str = ""

    def met(self, results: Results) -> bool:
        """Tell whether the results are on the right side of the limit."""
        return self.of(results) >= self.limit if self.at_least else self.of(results) <= self.limit

    def missed_by(self, results: Results) -> float:
        """Return by which share of the limit it is missed; 0.0 when it is met."""
        return 0.0 if self.met(results) else abs(self.of(results) / self.limit - 1)


def goals() -> list[Goal]:
    """Return all, in the order of the table."""
    return [*_against_others(), *_alone()]


def _against_others() -> Iterator[Goal]:
    cpu = "CPU per request, the example"
    yield Goal(
        f"{cpu}, to a bare Flask view",
        _to("flask", EXAMPLE, "cpu_us"),
        0.6,
        because="Flask calls 300 functions for its view, a call of the mock 490; the ranking alone is half of it",
    )
    yield Goal(
        f"{cpu}, to Prism",
        _to("prism", EXAMPLE, "cpu_us"),
        0.2,
        because="a function that returns a constant, on the same server, takes as much as the limit",
    )
    yield Goal(
        "CPU per request, 98 kB, to Prism",
        _to("prism", LARGE, "cpu_us"),
        0.15,
        because="to parse and to hash the body alone takes longer than the limit; Prism does not rank it",
    )
    for peer, title, limit, because in (
        ("prism", "Prism", 4, "it would be more than a bare Flask view answers"),
        ("steady", "Steady", 1.5, "it would be more than a bare Flask view answers"),
        ("aimock", "aimock", 1, "it answers a constant, faster than a bare Flask view does"),
        ("wiremock", "a stub of WireMock", 1, "it answers a constant, on both cores"),
    ):
        what = f"requests/s, the example, to {title}"
        yield Goal(what, _to(peer, EXAMPLE, "rate"), limit, at_least=True, because=because)
    yield Goal("start to the first 200, to Prism", lambda of: of.start_ms("mock") / of.start_ms("prism"), 0.2)
    yield Goal("start to the first 200, to Steady", lambda of: of.start_ms("mock") / of.start_ms("steady"), 1.2)
    yield Goal("RSS, to Prism", lambda of: of.memory("mock", "rss_mb") / of.memory("prism", "rss_mb"), 0.8)


def _alone() -> Iterator[Goal]:
    yield Goal(
        "time per MB, a body of 30 MB to one of 1 MB", lambda of: _per_byte(of, "30 MB") / _per_byte(of, "1 MB"), 1.3
    )
    yield Goal("memory that a body of 30 MB takes, to its size", Results.peak, 6)
    turns = "each call in flight has a thread, and threads that take turns cost; fewer could wait at once"
    for row, title in ((EXAMPLE, "the example"), (LARGE, LARGE)):
        what = f"requests/s, {title}, 128 connections to 16"
        yield Goal(what, _growth(row, "rate"), 1, at_least=True, because=turns)
        yield Goal(f"p99, {title}, 128 connections to 16", _growth(row, "p99_ms"), 16)
    for fault in FAULTS:
        yield Goal(f"CPU per request, {fault}, to a scored answer", _to_scored(fault), 1)
    for name, what, limit in (
        ("plugin that is not used, to bare pytest", "unused", 20),
        ("plugin, first use", "first", 300),
        ("plugin, each test after that", "each", 2),
    ):
        yield Goal(name, _plugin(what), limit, unit="ms")


def _to(peer: str, row: str, what: str) -> Callable[[Results], float]:
    return lambda of: of.load("mock", row, USUAL, what) / of.load(peer, row, USUAL, what)


def _growth(row: str, what: str) -> Callable[[Results], float]:
    return lambda of: of.load("mock", row, _MOST, what) / of.load("mock", row, USUAL, what)


def _to_scored(fault: str) -> Callable[[Results], float]:
    return lambda of: of.load("mock", fault, USUAL, "cpu_us") / of.load("mock", EXAMPLE, USUAL, "cpu_us")


def _plugin(what: str) -> Callable[[Results], float]:
    return lambda of: of.plugin_ms("rerank_mock", what)


def _per_byte(of: Results, size: str) -> float:
    return of.growth(size, "wall_ms") / of.growth(size, "bytes")
