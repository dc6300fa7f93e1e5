"""The results of one run: every number once, as it was measured; medians are taken when they are asked for."""

from __future__ import annotations

import json
import math
import re
import statistics
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("results.json")


class Results:
    """What a run measured.

    Attributes:
        data: as it is in the file: `machine`, `run`, `servers`, `starts`, `loads` by server, row and connections,
            `memory` by server, `growth` by size, `peak`, and `plugin` by kind; all numbers in lists, one a round.
            Of a load that a server did not answer as it should there is only `refused`, which says so.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data

    @classmethod
    def read(cls, file: Path = FILE) -> Results:
        """Return what *file* holds."""
        return cls(json.loads(file.read_text()))

    def write(self, file: Path = FILE) -> None:
        """Write the file: a line for each list of numbers, so that a difference can be read."""
        text = json.dumps(self.data, indent=2, ensure_ascii=False)
        file.write_text(re.sub(r"\[[^][{}]*\]", lambda found: " ".join(found[0].split()), text) + "\n")

    def has(self, server: str, row: str) -> bool:
        """Tell whether *server* was loaded with *row*."""
        return row in self.data["loads"][server]

    def load(self, server: str, row: str, connections: int, what: str) -> float:
        """Return the median of `rate` (a second), `cpu_us` (a request), `p50_ms` or `p99_ms`; NaN if refused."""
        cell = self.data["loads"][server][row][str(connections)]
        return math.nan if "refused" in cell else statistics.median(cell[what])

    def refused(self) -> list[tuple[str, str, str, str]]:
        """Return of which server, row and connections there is no number, and why."""
        return [
            (server, row, connections, cell["refused"])
            for server, rows in self.data["loads"].items()
            for row, cells in rows.items()
            for connections, cell in cells.items()
            if "refused" in cell
        ]

    def start_ms(self, server: str) -> float:
        """Return the median from the start of the process to the first 200."""
        return statistics.median(self.data["starts"][server])

    def memory(self, server: str, what: str) -> float:
        """Return the median of `rss_mb` or `pss_mb` after the example at 16 connections."""
        return statistics.median(self.data["memory"][server][what])

    def growth(self, size: str, what: str) -> float:
        """Return the median of `wall_ms` or `cpu_ms` of one request, or its `bytes`."""
        value = self.data["growth"][size][what]
        return value if what == "bytes" else statistics.median(value)

    def peak(self) -> float:
        """Return how many times the largest body the mock's memory rose while it answered it."""
        return statistics.median(self.data["peak"]["rise_bytes"]) / self.data["peak"]["bytes"]

    def plugin_ms(self, kind: str, what: str) -> float:
        """Return the median of `first`, `each` or `stop`, or of how much `unused` took more than bare pytest."""
        of = self.data["plugin"]
        if what == "unused":
            pairs = zip(of[kind]["unused"], of["bare pytest"]["unused"], strict=True)
            return statistics.median(more - bare for more, bare in pairs)
        return statistics.median(of[kind][what])
