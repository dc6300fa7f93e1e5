"""The command `compare`: what got better or worse between two JSON reports."""

from pathlib import Path
from typing import Any

import click

from together_rerank_contract_tests.cli import options, output
from together_rerank_contract_tests.cli.json_report import read_report
from together_rerank_contract_tests.client.exchange import printable

# The sequence in the table.
_KINDS = ("worse", "better", "changed", "new", "removed")


@click.command(context_settings=options.CONTEXT)
@click.argument("old", type=options.FILE, metavar="OLD.json")
@click.argument("new", type=options.FILE, metavar="NEW.json")
def compare(old: Path, new: Path) -> int:
    """Show which requirements got better or worse between two reports that --json wrote.

    A requirement is worse if its outcome changed, and it fails now or passed before.

    Exit status: 0 nothing got worse, 1 something did, 2 a file is not such a report.
    """
    reports = {"old": read_report(old), "new": read_report(new)}
    before, after = (_by_id(each) for each in reports.values())
    rows = [
        (kind, each, before.get(each), after.get(each))
        for each in {**before, **after}
        if (kind := _kind(before.get(each), after.get(each)))
    ]
    rows.sort(key=lambda row: _KINDS.index(row[0]))
    lines = [
        f"{name:<9} {each['endpoint']}, model {each['model']}: {each['verdict']['text']}"
        for name, each in reports.items()
    ]
    lines += ["", *(_line(*row) for row in rows)] if rows else []
    kinds = [row[0] for row in rows]
    counts = [f"{kinds.count(kind)} {kind}" for kind in _KINDS if kind in kinds]
    lines += ["", ", ".join([*counts, f"{len({**before, **after}) - len(rows)} equal"])]
    output.show("".join(f"{printable(line)}\n" for line in lines))
    return 1 if "worse" in kinds else 0


def _by_id(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in report["requirements"]}


def _kind(old: dict[str, Any] | None, new: dict[str, Any] | None) -> str:
    """Return a member of `_KINDS`, "" if the state is the same."""
    if old is None or new is None:
        return "new" if old is None else "removed"
    before, after = old["state"], new["state"]
    if before == after:
        return ""
    if before == "passed" or after == "failed":
        return "worse"
    return "better" if after == "passed" or (before, after) == ("failed", "known") else "changed"


def _line(kind: str, id_: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> str:
    row = new or old or {}
    states = " -> ".join(each["state"] for each in (old, new) if each)
    return f"{kind:<9} {id_:<17} {row['level']:<7} {states:<24} {row['sentence']}"
