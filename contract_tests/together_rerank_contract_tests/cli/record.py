"""The commands `record` and `drift`: ask for what the library has, keep or compare it, and end with a status."""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from together_rerank_contract_tests.cli import options, output
from together_rerank_contract_tests.client.budget import plural
from together_rerank_contract_tests.client.exchange import printable, wrapped
from together_rerank_contract_tests.client.transport import SHORTEST_KEY
from together_rerank_contract_tests.record import drift, recording
from together_rerank_contract_tests.record.comparison import Comparison
from together_rerank_contract_tests.run import dialect
from together_rerank_contract_tests.settings import Settings
from together_rerank_fixtures import FixtureError, folder

_only = click.option(
    "--only",
    "patterns",
    multiple=True,
    metavar="NAME",
    help="Ask for these alone, as in success/strings or 'success/*'; may be given again.",
)


@click.command(context_settings=options.CONTEXT)
@options.given(options.ENDPOINT)
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="A folder, new or empty.")
@_only
@options.given(options.SPENDING)
def record(url: str, out: Path, patterns: tuple[str, ...], **values: Any) -> int:
    """Keep what the endpoint at URL answers to the library's requests, as exchanges in DIR.

    Exit 0 all of it is kept, 2 not understood or DIR cannot be written, 3 not all was answered, 4 budget spent,
    70 a fault of the kit, 130 interrupted; with 3, 4 and 130 DIR holds what was answered, if anything was.
    """
    comparison = _run(url, patterns, values, lambda settings: _check(settings, out))
    files = recording.files(comparison, dt.datetime.now(dt.UTC).date())
    fault = ""
    try:
        if files:
            folder.write(out, files)
    except FixtureError as raised:
        fault = str(raised)
    kept = f"{plural(len(files), 'exchange')} kept in {out}" if files and not fault else "nothing is kept"
    abort_reason = comparison.abort_reason
    _show(comparison, str(abort_reason or "recorded"), kept)
    if fault:
        raise click.UsageError(fault)
    return abort_reason.status if abort_reason else 0


@click.command(context_settings=options.CONTEXT)
@options.given(options.ENDPOINT)
@_only
@options.given(options.SPENDING)
@click.option("--json", "as_json", type=options.FILE, metavar="F", help="Write the comparison as JSON.")
def compare(url: str, patterns: tuple[str, ...], as_json: Path | None, **values: Any) -> int:
    """Compare what the endpoint at URL answers to the library's requests with the document and the library.

    Exit 0 no difference, 1 there are some, 2 not understood, 3 could not tell, 4 budget spent, 70 a fault of the
    kit, 130 interrupted.
    """
    comparison = _run(url, patterns, values, lambda _: output.check_file(as_json) if as_json else None)
    abort_reason, rows, answers = comparison.abort_reason, comparison.rows, comparison.answers
    if abort_reason and (comparison.interrupted or not rows):
        verdict, status = str(abort_reason), abort_reason.status
    else:
        verdict, status = ("drift", 1) if rows else ("no drift", 0)
    fault = output.write_file(as_json, comparison.as_json(verdict, status)) if as_json else ""
    compared = f"{plural(len(answers), 'exchange')} compared" if answers else "nothing is compared"
    found = f"{plural(len(rows), 'difference')}, " if rows else ""
    _show(comparison, verdict, f"{found}{compared}")
    if fault:
        raise click.UsageError(fault)
    return status


def _run(url: str, patterns: tuple[str, ...], values: dict[str, Any], check: Callable[[Settings], None]) -> Comparison:
    """Run the comparison and return it; *check* raises an error before the run if an option is wrong."""
    settings = options.settings(url, **values)
    try:
        check(settings)
        comparison = Comparison(settings, patterns)
    except (LookupError, ValueError) as fault:
        raise click.UsageError(str(fault)) from fault
    if refused := settings.refusal(*comparison.estimate):
        raise click.UsageError(refused)
    comparison.run(lambda: output.show(f"{dialect.introduction(comparison.endpoint)}\n"), output.show)
    return comparison


def _check(settings: Settings, out: Path) -> None:
    """Raise ValueError if *out* cannot be written, or the key is too short to be masked."""
    if settings.key and len(settings.key) < SHORTEST_KEY:
        fewest = f"{SHORTEST_KEY} characters"
        raise ValueError(f"the key in {settings.key_name} has less than {fewest}, and could not be kept out of DIR")
    folder.check(out)


def _show(comparison: Comparison, verdict: str, found: str) -> None:
    """Print the differences, the missing answers and the verdict."""
    mask = comparison.transport.mask
    left = {"skipped": comparison.skipped, "missing": comparison.missing}
    first = comparison.endpoint.first
    parts = ["\n"] if first and first.status == 200 else []
    if comparison.rows:
        parts.append(drift.table(comparison.rows, mask) + "\n")
    notes = [
        line
        for label, reasons in left.items()
        for note in _notes(reasons)
        for line in wrapped(f"{label:<10}", mask.text(note))
    ]
    parts += [*notes, ""] if notes else []
    counts = [found, *(f"{len(names)} {what}" for what, names in left.items() if names)]
    reason = f": {comparison.reason}" if comparison.reason else ""
    spent = comparison.transport.budget.in_words
    parts.append(printable(mask.text(f"{verdict}{reason} -- {', '.join(counts)}; {spent}")))
    output.show("\n".join(parts) + "\n")


def _notes(reasons: dict[str, str]) -> list[str]:
    names: dict[str, list[str]] = defaultdict(list)
    for name, reason in reasons.items():
        names[reason].append(name)
    return [f"{reason}: {', '.join(each)}" for reason, each in names.items()]
