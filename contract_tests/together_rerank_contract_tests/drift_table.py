"""Differences as a table of three columns that people can read, in a terminal's width and always the same."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from together_rerank_contract_tests.drift import Row
from together_rerank_contract_tests.exchange import excerpt
from together_rerank_contract_tests.masking import Mask

WIDTH = 110
_WIDTHS = (32, 23, 24, 25)
_HEAD = ("", "document", "endpoint", "library")
_INDENT = 10
# What is longer stands below the others, not beside them.
_LONGEST_CELL = 60
_LONGEST, _MOST_ROWS = 200, 100


def text(rows: Sequence[Row], mask: Mask) -> str:
    """Return *rows* as a table, without the key."""
    lines = [line for row in rows[:_MOST_ROWS] for line in _lines(row, mask)]
    more = [f"and {len(rows) - _MOST_ROWS} more differences"] if len(rows) > _MOST_ROWS else []
    return "\n".join([*_cells(_HEAD), *lines, *more])


def _lines(row: Row, mask: Mask) -> Iterator[str]:
    # Masked before it is cut or broken: of half a key nothing would be found.
    what, *said = (excerpt(mask.text(each), _LONGEST) for each in (row.what, row.document, row.endpoint, row.library))
    if max(map(len, said)) > _LONGEST_CELL:
        yield what
        for name, each in zip(_HEAD[1:], said, strict=True):
            yield from _wrapped(f"  {name:<{_INDENT}}{each}", " " * (_INDENT + 2))
    else:
        yield from _cells([what, *said])
    if row.exchanges:
        yield from _wrapped(f"  {', '.join(row.exchanges)}", "  ")


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def _cells(cells: Sequence[str]) -> Iterator[str]:
    columns = [textwrap.wrap(cell, width, break_on_hyphens=False) for cell, width in zip(cells, _WIDTHS, strict=True)]
    for parts in zip_longest(*columns, fillvalue=""):
        padded = (f"{part:<{width}}" for part, width in zip(parts, _WIDTHS, strict=True))
        yield "  ".join(padded).rstrip()
