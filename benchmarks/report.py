"""Write the results of the benchmark: `results.json`, the picture, and the tables of two docs pages."""

from __future__ import annotations

import json
import math
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

JSON = Path(__file__).with_name("results.json")
PAGE = JSON.parent.parent / "docs/benchmarks.md"
PICTURE = PAGE.with_suffix(".svg")
LOAD_PAGE = PAGE.with_name("load-testing.md")
_SHOWN = re.compile(r"(?<=<!-- results -->\n).*(?=<!-- /results -->\n)", re.DOTALL)
# For each column heading: the number that it shows, and the measurement that contains the number.
_PROCESS = {
    "s to the 1,000th answer": ("seconds", "cold"),
    "CPU s by then": ("cpu_s", "cold"),
    "RSS, MB": ("rss_mb", "memory"),
    "PSS, MB": ("pss_mb", "memory"),
}
_WARM = {"requests/s": "rate", "CPU µs a request": "cpu_us", "p50 ms": "p50_ms", "p99 ms": "p99_ms"}
# The requests/s for which the page about load tests shows how many workers are needed, at this share of their cores.
_RATES, _SHARE = (500, 2000, 10_000), 0.5
# The panels of the picture: two lines of heading, which direction is better, the number and the measurement.
_PANELS = (
    ("Cold: seconds to", "the 1,000th answer", "less is better", "seconds", "cold"),
    ("Warm: requests/s,", "the example", "more is better", "rate", "example, 16 connections"),
    ("Warm: requests/s,", "98 kB", "more is better", "rate", "98 kB, 16 connections"),
    ("Memory: RSS after", "the example, MB", "less is better", "rss_mb", "memory"),
)
# In pixels: the width of the names, of a panel and of its longest bar; the height of a line and of the headings.
_NAMES, _PANEL, _BAR, _LINE, _TOP = 175, 180, 110, 28, 72


def write(data: dict[str, Any]) -> None:
    """Write the JSON, the picture and the pages."""
    text = json.dumps(data, indent=2, ensure_ascii=False)
    # Put each list on one line, to keep diffs readable.
    JSON.write_text(re.sub(r"\[[^][{}]*\]", lambda found: " ".join(found[0].split()), text) + "\n")
    PICTURE.write_text(picture(data))
    PAGE.write_text(page(PAGE.read_text(), data))
    LOAD_PAGE.write_text(load_page(LOAD_PAGE.read_text(), data["servers"]["mock"]))


def page(text: str, data: dict[str, Any]) -> str:
    """Return the page *text* with its tables replaced by those of *data*."""
    parts = [about(data), _table(data, "Cold, and memory after the example", _PROCESS)]
    for body in ("example", "98 kB"):
        columns = {head: (what, *(f"{body}, {n} connections" for n in (16, 128))) for head, what in _WARM.items()}
        parts.append(_table(data, f"Warm, {body}, 16 / 128 connections", columns))
    parts += [
        f"{server['title']} has no number for *{where}*: {numbers['refused']}."
        for server in data["servers"].values()
        for where, numbers in server["measured"].items()
        if "refused" in numbers
    ]
    return _SHOWN.sub(lambda _: "\n{}\n\n".format("\n\n".join(parts)), text)


def load_page(text: str, mock: dict[str, Any]) -> str:
    """Return the page *text* with its table replaced by the number of workers that each request and rate needs."""
    lines = [["request", "requests/s of one core", *(f"workers for {rate:,}/s" for rate in _RATES)]]
    lines.append(["---", *("---:" for _ in lines[0][1:])])
    for body in ("example", "98 kB"):
        rate = 1_000_000 / median(mock, f"{body}, 16 connections", "cpu_us")
        workers = (str(math.ceil(wanted / (rate * _SHARE))) for wanted in _RATES)
        lines.append([body, f"{rate:,.0f}", *workers])
    return _SHOWN.sub(lambda _: f"\n{_joined(lines)}\n\n", text)


def about(data: dict[str, Any]) -> str:
    """Return the date, machine, program versions and settings of the run."""
    run = data["run"]
    return (
        f"{data['date']}: {', '.join(data['machine'].values())}; "
        f"{', '.join(f'{name} {version}' for name, version in data['programs'].items())}; "
        f"medians of {run['starts']} cold starts and {run['rounds']} rounds of {run['seconds']} s; "
        f"load average {run['load_before']} before the run"
    )


def _table(data: dict[str, Any], heading: str, columns: Mapping[str, Sequence[str]]) -> str:
    lines = [[heading, *columns], ["---", *("---:" for _ in columns)]]
    for server in data["servers"].values():
        cells = (" / ".join(shown(server, where, what) for where in of) for what, *of in columns.values())
        lines.append([server["title"], *cells])
    return _joined(lines)


def _joined(lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def picture(data: dict[str, Any]) -> str:
    """Return the SVG: a panel for each of the main figures, with a bar for each server."""
    servers = data["servers"]
    bottom, width = _TOP + _LINE * len(servers), _NAMES + _PANEL * len(_PANELS)
    drawn = [f'<rect width="{width}" height="{bottom + 60}" fill="white"/>']
    for line, server in enumerate(servers.values()):
        drawn.append(_text(_NAMES - 10, _TOP + _LINE * line + 18, server["title"], ' text-anchor="end"'))
    for number, (heading, more, better, what, where) in enumerate(_PANELS):
        left = _NAMES + _PANEL * number
        drawn += [_text(left, 20, heading, ' font-weight="bold"'), _text(left, 38, more, ' font-weight="bold"')]
        drawn.append(_text(left, 56, better, ' fill="#57606a" font-size="12"'))
        longest = max(median(server, where, what) for server in servers.values())
        for line, (name, server) in enumerate(servers.items()):
            top, bar = _TOP + _LINE * line, median(server, where, what) / longest * _BAR
            colour = "#1f6feb" if name == "mock" else "#9fb3c8"
            drawn.append(f'<rect x="{left}" y="{top + 3}" width="{bar:.1f}" height="{_LINE - 7}" fill="{colour}"/>')
            drawn.append(_text(round(left + bar + 6), top + 18, shown(server, where, what)))
    for line, text in enumerate(f"Warm: 16 connections. {about(data)}".split("; ", 1)):
        drawn.append(_text(10, bottom + 26 + 18 * line, text, ' font-size="11"'))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + 60}" width="{width}"'
    return "\n".join([f'{head} font-family="sans-serif" font-size="13" fill="#24292f">', *drawn, "</svg>\n"])


def _text(x: int, y: int, text: str, attributes: str = "") -> str:
    return f'<text x="{x}" y="{y}"{attributes}>{escape(text)}</text>'


def shown(server: dict[str, Any], where: str, what: str) -> str:
    """Format the median with about three significant digits; return a dash if the server has no value."""
    value = median(server, where, what)
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value else "-"


def median(server: dict[str, Any], where: str, what: str) -> float:
    """Return the median of the number *what* of a measurement; 0.0 if the server has none."""
    return float(statistics.median(server["measured"][where].get(what, [0.0])))
