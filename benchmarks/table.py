"""The results as Markdown, which a terminal shows as well: `table.py` prints those of the last whole run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import bodies
from goals import goals
from results import Results
from rounds import CONNECTIONS, EXAMPLE, FAULTS, LARGE, USUAL


def markdown(results: Results) -> str:
    """Return every table that the results have numbers for."""
    parts = [about(results), _loads(results, EXAMPLE, "The document's example"), _loads(results, LARGE, "98 kB")]
    parts += [
        f"No number of {title(results, server)}, {row}, {connections} connections: {why}."
        for server, row, connections, why in results.refused()
    ]
    parts.append(_processes(results))
    if "growth" in results.data:
        parts += [_faults(results), _growth(results), _plugin(results), _goals(results)]
    return "\n\n".join(parts)


def about(results: Results) -> str:
    """Return when, where and with what the results were measured."""
    machine, run = results.data["machine"], results.data["run"]
    programs = ", ".join(f"{name} {machine[name]}" for name in ("python", "node", "java", "wrk"))
    return (
        f"{run['date']}: {machine['processor']}, {machine['memory']}, {machine['system']}; {programs}; "
        f"medians of {run['rounds']} rounds of {run['seconds']} s, wrk on the same machine"
    )


def _loads(results: Results, row: str, heading: str) -> str:
    at = " / ".join(map(str, CONNECTIONS))
    head = [f"{heading}, {at} connections", "requests/s", "x", "CPU µs a request", "x", "p50 ms", "p99 ms"]
    lines = []
    for server in results.data["servers"]:
        if results.has(server, row):
            rate, cpu, p50, p99 = (
                " / ".join(number(results.load(server, row, count, what)) for count in CONNECTIONS)
                for what in ("rate", "cpu_us", "p50_ms", "p99_ms")
            )
            faster, dearer = (_ratio(results, server, row, what) for what in ("rate", "cpu_us"))
            lines.append([title(results, server), rate, faster, cpu, dearer, p50, p99])
    return _table(head, lines)


def _processes(results: Results) -> str:
    head = ["The process", "start to the first 200, ms", "x", "RSS after the example, MB", "x", "PSS, MB"]
    first = _first(results)
    lines = []
    for server in results.data["servers"]:
        start, rss, pss = results.start_ms(server), results.memory(server, "rss_mb"), results.memory(server, "pss_mb")
        slower, larger = start / results.start_ms(first), rss / results.memory(first, "rss_mb")
        lines.append([title(results, server), *map(number, (start, slower, rss, larger, pss))])
    return _table(head, lines)


def _faults(results: Results) -> str:
    lines = []
    for row, said in {EXAMPLE: "scored", **{fault: fault for fault in FAULTS}}.items():
        lines.append([said, *(number(results.load("mock", row, USUAL, what)) for what in ("rate", "cpu_us"))])
    return _table([f"The mock, {USUAL} connections", "requests/s", "CPU µs a request"], lines)


def _growth(results: Results) -> str:
    lines = []
    for size in bodies.SIZES:
        wall, cpu = (results.growth(size, what) for what in ("wall_ms", "cpu_ms"))
        lines.append([size, *map(number, (wall, cpu, wall / results.growth(size, "bytes") * 1e6))])
    return _table(["The mock, a body of", "ms a request", "CPU ms", "ms per MB"], lines)


def _plugin(results: Results) -> str:
    whats = ("unused", "first", "each", "stop")
    lines = [[kind, *(f"{results.plugin_ms(kind, what):.2f}" for what in whats)] for kind in results.data["plugin"]]
    return _table(["In pytest, ms", "unused: more than bare", "first use", "each test", "stop"], lines)


def _goals(results: Results) -> str:
    lines = []
    for goal in goals():
        sign, value, missed = "≥" if goal.at_least else "≤", goal.of(results), goal.missed_by(results)
        measured = f"{value:.2f} {goal.unit}"
        verdict = f"missed by {missed:.0%}: {goal.because or 'why is not known'}" if missed else "met"
        if math.isnan(value):
            measured, verdict = "-", "not known: a server that it is about did not answer as it should"
        lines.append([goal.name, f"{sign} {goal.limit} {goal.unit}", measured, verdict])
    return _table(["Goal", "limit", "measured", ""], lines)


def title(results: Results, server: str) -> str:
    """Return what *server* is called, with its version."""
    found = results.data["servers"][server]
    return f"{found['title']} {found['version']}"


def number(value: float) -> str:
    """Return *value* as it is shown: three digits, or all of a whole number, or a dash for none."""
    if math.isnan(value):
        return "-"
    if value >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _ratio(results: Results, server: str, row: str, what: str) -> str:
    first = _first(results)
    if not results.has(first, row):
        return ""
    return number(results.load(server, row, USUAL, what) / results.load(first, row, USUAL, what))


def _first(results: Results) -> str:
    """Return what the others are compared with: the mock, unless it was not chosen."""
    return next(iter(results.data["servers"]))


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines))


if __name__ == "__main__":
    print(markdown(Results.read()))
