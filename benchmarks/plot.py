"""Draw the results: a panel for each number that servers are compared by, a bar for each server. `make bench`."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from results import Results
from rounds import EXAMPLE, LARGE, USUAL
from table import about, number, title

FILE = Path(__file__).with_name("results.svg")
_COLOURS = {"kit": "#1f6feb", "peer": "#8aa4c4", "floor": "#d0d0d0"}
_TEXT = "#24292f"
# Text stays text, that can be searched; the same results draw the same file.
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "results", "font.family": "sans-serif", "text.color": _TEXT}
_NOTHING_MORE = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def panels(results: Results) -> dict[str, Callable[[str], float]]:
    """Return what is shown, by its heading; NaN is the value of what a server was not measured by."""

    def load(row: str, what: str) -> Callable[[str], float]:
        return lambda server: results.load(server, row, USUAL, what) if results.has(server, row) else math.nan

    return {
        "requests/s\n(more is better)": load(EXAMPLE, "rate"),
        "CPU µs a request\n(less is better)": load(EXAMPLE, "cpu_us"),
        "CPU µs a request\nof 98 kB": load(LARGE, "cpu_us"),
        "start to the\nfirst 200, ms": results.start_ms,
        "RSS after\nthe load, MB": lambda server: results.memory(server, "rss_mb"),
    }


def labels(results: Results) -> list[list[str]]:
    """Return the numbers of each panel, as they stand beside the bars."""
    return [[number(value(server)) for server in results.data["servers"]] for value in panels(results).values()]


def draw(results: Results, file: Path = FILE, **changes: Any) -> None:
    """Write the drawing, which dark pages show on a white ground of its own."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    servers = list(results.data["servers"])
    shown = panels(results)
    with mpl.rc_context(_STYLE):
        drawn = Figure(figsize=(10, 1.1 + 0.3 * len(servers)), facecolor="white", layout="constrained")
        for axes, (heading, value), beside in zip(
            drawn.subplots(1, len(shown)), shown.items(), labels(results), strict=True
        ):
            lengths = [0 if math.isnan(value(server)) else value(server) for server in servers]
            _panel(axes, heading, lengths, beside, results)
        drawn.axes[0].set_yticks(range(len(servers)), [title(results, each) for each in servers])
        drawn.supxlabel(about(results).replace("; ", "\n", 1), x=0.005, ha="left", fontsize=8, linespacing=1.4)
        drawn.savefig(file, metadata=_NOTHING_MORE, **changes)


def _panel(axes: Any, heading: str, values: list[float], beside: list[str], results: Results) -> None:
    colours = [_COLOURS[server["kind"]] for server in results.data["servers"].values()]
    bars = axes.barh(range(len(values)), values, color=colours, height=0.72)
    axes.bar_label(bars, beside, padding=3, fontsize=9)
    axes.set_title(heading, fontsize=10, loc="left", linespacing=1.3)
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.set_yticks([])
    # Room for the number of the longest bar.
    axes.set_xlim(0, 1.45 * max(values))
    axes.tick_params(length=0, labelcolor=_TEXT, labelsize=10)
    axes.spines[:].set_visible(False)
    axes.spines["left"].set(visible=True, color="#b0b0b0")


if __name__ == "__main__":
    draw(Results.read())
