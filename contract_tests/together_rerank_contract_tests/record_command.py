"""The commands `record` and `drift`: ask for what the library has, keep or compare it, and end with a status."""

from __future__ import annotations

import datetime as dt
import json
import sys
import textwrap
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from together_rerank_contract_tests import console, drift_table, masking, options, recording, report_files
from together_rerank_contract_tests.budget import counted
from together_rerank_contract_tests.comparison import Comparison
from together_rerank_contract_tests.exchange import printable
from together_rerank_contract_tests.settings import Settings
from together_rerank_fixtures import FixtureError, folder

_INDENT = 10
_Command = TypeVar("_Command", bound=Callable[..., Any])


def _only(command: _Command) -> _Command:
    return click.option(
        "--only",
        "patterns",
        multiple=True,
        metavar="NAME",
        help="Ask for these alone, as in success/strings or 'success/*'; may be given again.",
    )(command)


@click.command(context_settings=options.CONTEXT)
@options.endpoint
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="A folder, new or empty.")
@_only
@options.spending
def record(url: str, out: Path, patterns: tuple[str, ...], **told: Any) -> int:
    """Keep what the endpoint at URL answers to the library's requests, as exchanges in DIR.

    Exit 0 all of it is kept, 2 not understood or DIR cannot be written, 3 not all was answered, 4 budget spent,
    70 a fault of the kit, 130 interrupted; with 3, 4 and 130 DIR holds what was answered, if anything was.
    """
    comparison = _opened(url, patterns, told, lambda settings: _check(settings, out))
    comparison.run(lambda: _open(comparison), _print)
    files = recording.files(comparison.asking, dt.datetime.now(dt.UTC).date())
    fault = _write(out, files)
    kept = f"{counted(len(files), 'exchange')} kept in {out}" if files and not fault else "nothing is kept"
    hindrance = comparison.hindrance
    _close(comparison, str(hindrance or "recorded"), kept)
    if fault:
        raise click.UsageError(fault)
    return hindrance.status if hindrance else 0


@click.command(context_settings=options.CONTEXT)
@options.endpoint
@_only
@options.spending
@click.option("--json", "as_json", type=options.FILE, metavar="F", help="Write the comparison as JSON.")
def drift(url: str, patterns: tuple[str, ...], as_json: Path | None, **told: Any) -> int:
    """Compare what the endpoint at URL answers to the library's requests with the document and the library.

    Exit 0 no difference, 1 there are some, 2 not understood, 3 could not tell, 4 budget spent, 70 a fault of the
    kit, 130 interrupted.
    """
    comparison = _opened(url, patterns, told, lambda _: report_files.check(as_json) if as_json else None)
    comparison.run(lambda: _open(comparison), _print)
    hindrance = comparison.hindrance
    if hindrance and (comparison.asking.interrupted or not comparison.rows):
        verdict, status = str(hindrance), hindrance.status
    else:
        verdict, status = ("drift", 1) if comparison.rows else ("no drift", 0)
    content = json.dumps(comparison.as_json(verdict, status), ensure_ascii=False, indent=2) + "\n"
    fault = report_files.write(as_json, content) if as_json else ""
    answers = comparison.asking.answers
    compared = f"{counted(len(answers), 'exchange')} compared" if answers else "nothing is compared"
    found = f"{counted(len(comparison.rows), 'difference')}, " if comparison.rows else ""
    _close(comparison, verdict, f"{found}{compared}")
    if fault:
        raise click.UsageError(fault)
    return status


def _opened(url: str, patterns: tuple[str, ...], told: dict[str, Any], check: Callable[[Settings], None]) -> Comparison:
    """Return the comparison that is asked for, once all is well that can be told before anything is sent.

    Raises:
        UsageError: it is not.
    """
    settings = options.settings(url, **told)
    try:
        check(settings)
        comparison = Comparison(settings, patterns)
    except (LookupError, ValueError) as fault:
        raise click.UsageError(str(fault)) from fault
    if refused := settings.refusal(*comparison.estimate):
        raise click.UsageError(refused)
    return comparison


def _check(settings: Settings, out: Path) -> None:
    """Let pass what can be recorded in *out*.

    Raises:
        FixtureError: the folder is none that can be filled.
        ValueError: the key could not be kept out of it.
    """
    if settings.key and masking.is_short(settings.key):
        fewest = f"{masking.SHORTEST} characters"
        raise ValueError(f"the key in {settings.key_name} has less than {fewest}, and could not be kept out of DIR")
    folder.check(out)


def _write(out: Path, files: dict[str, bytes]) -> str:
    """Write *files* to *out*, if there are any; return what kept it from that, if anything did."""
    try:
        if files:
            folder.write(out, files)
    except FixtureError as fault:
        return str(fault)
    return ""


def _open(comparison: Comparison) -> None:
    _print("\n".join(console.answering(comparison.endpoint, comparison.first)) + "\n\n")


def _close(comparison: Comparison, verdict: str, found: str) -> None:
    mask, asking = comparison.transport.mask, comparison.asking
    parts = ["\n"] if comparison.is_open else []
    if comparison.rows:
        parts.append(drift_table.text(comparison.rows, mask) + "\n")
    if notes := [*_notes("skipped", asking.skipped), *_notes("missing", asking.missing)]:
        parts += [*(line for note in notes for line in _wrapped(mask.text(note))), ""]
    left = {"skipped": asking.skipped, "missing": asking.missing}
    counts = [found, *(f"{len(names)} {what}" for what, names in left.items() if names)]
    reason = f": {comparison.reason}" if comparison.reason else ""
    parts.append(printable(mask.text(f"{verdict}{reason} -- {', '.join(counts)}; {comparison.spent}")))
    _print("\n".join(parts) + "\n")


def _notes(label: str, reasons: dict[str, str]) -> list[str]:
    """Return *reasons*, which are by name, each with its names."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, reason in reasons.items():
        names[reason].append(name)
    return [f"{label:<{_INDENT}}{reason}: {', '.join(each)}" for reason, each in names.items()]


def _wrapped(note: str) -> list[str]:
    return textwrap.wrap(printable(note), drift_table.WIDTH, subsequent_indent=" " * _INDENT, break_on_hyphens=False)


def _print(text: str) -> None:
    console.show(sys.stdout, text)
