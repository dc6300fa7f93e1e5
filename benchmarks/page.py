"""Write the tables of the results into the page that shows them. `make bench`."""

from __future__ import annotations

import re
from pathlib import Path

from results import Results
from table import markdown

FILE = Path(__file__).parent.parent / "docs/benchmarks.md"
_SHOWN = re.compile(r"(<!-- results -->\n).*(<!-- /results -->\n)", re.DOTALL)


def written(page: str, results: Results) -> str:
    """Return *page* with the tables of *results* in the place of those that it shows."""
    begin, end = _SHOWN.findall(page)[0]
    return _SHOWN.sub(lambda _: f"{begin}\n{markdown(results)}\n\n{end}", page)


if __name__ == "__main__":
    FILE.write_text(written(FILE.read_text(), Results.read()))
