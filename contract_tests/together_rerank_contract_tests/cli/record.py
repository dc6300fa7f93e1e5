"""The commands `record` and `drift`: send the library's requests to an endpoint, and save or compare the responses."""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from together_rerank_contract_tests.cli import options, output, progress
from together_rerank_contract_tests.client.budget import plural
from together_rerank_contract_tests.client.exchange import printable, wrap
from together_rerank_contract_tests.client.transport import SHORTEST_KEY
from together_rerank_contract_tests.record import drift, recording
from together_rerank_contract_tests.record.comparison import Comparison
from together_rerank_contract_tests.settings import Settings
from together_rerank_fixtures import FixtureError, folder
from together_rerank_spec import TOGETHER, dialects

# The library has no exchanges with an API of a user's own document.
_dialect_option = click.option(
    "--dialect",
    type=click.Choice(dialects()),
    default=TOGETHER,
    metavar="NAME",
    help=f"The API that the endpoint speaks: {', '.join(dialects())}.",
)
_only_option = click.option(
    "--only",
    "patterns",
    multiple=True,
    metavar="NAME",
    help="Send only these exchanges, e.g. success/strings or 'success/*'; repeatable.",
)


@click.command(context_settings=options.CONTEXT)
@_dialect_option
@options.add_options(options.ENDPOINT)
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="A new or empty folder.")
@_only_option
@options.add_options(options.LIMITS)
def record(url: str, out: Path, patterns: tuple[str, ...], **values: Any) -> int:
    """Send the library's requests to the endpoint at URL, and save the responses as exchanges in DIR.

    Exit status: 0 all responses are saved, 2 invalid arguments or DIR cannot be written, 3 some responses are
    missing, 4 budget spent, 70 internal error of the kit, 130 interrupted. With 3, 4 and 130, DIR has the
    responses that arrived, if there are any.
    """
    comparison = _run(url, patterns, values, lambda settings: _check(settings, out))
    files = recording.files(comparison, dt.datetime.now(dt.UTC).date())
    write_error = ""
    try:
        if files:
            folder.write(out, files)
    except FixtureError as error:
        write_error = str(error)
    saved = f"{plural(len(files), 'exchange')} saved in {out}" if files and not write_error else "nothing is saved"
    abort_reason = comparison.abort_reason
    _show(comparison, str(abort_reason or "recorded"), saved)
    if write_error:
        raise click.UsageError(write_error)
    return abort_reason.status if abort_reason else 0


@click.command(context_settings=options.CONTEXT)
@_dialect_option
@options.add_options(options.ENDPOINT)
@_only_option
@options.add_options(options.LIMITS)
@click.option("--json", "json_path", type=options.FILE, metavar="F", help="Write the comparison as JSON.")
def compare(url: str, patterns: tuple[str, ...], json_path: Path | None, **values: Any) -> int:
    """Send the library's requests to the endpoint at URL, and compare the responses with the document and the library.

    Exit status: 0 no difference, 1 differences, 2 invalid arguments, 3 could not tell, 4 budget spent,
    70 internal error of the kit, 130 interrupted.
    """
    comparison = _run(url, patterns, values, lambda _: output.check_file(json_path) if json_path else None)
    abort_reason, differences = comparison.abort_reason, comparison.differences
    count = len(comparison.sent_exchanges)
    if abort_reason and (comparison.interrupted or not differences):
        verdict, status = str(abort_reason), abort_reason.status
    else:
        verdict, status = ("drift", 1) if differences else ("no drift", 0)
    write_error = output.write_file(json_path, comparison.as_json(verdict, status)) if json_path else ""
    compared = f"{plural(count, 'exchange')} compared" if count else "nothing is compared"
    found = f"{plural(len(differences), 'difference')}, " if differences else ""
    _show(comparison, verdict, f"{found}{compared}")
    if write_error:
        raise click.UsageError(write_error)
    return status


def _run(url: str, patterns: tuple[str, ...], values: dict[str, Any], check: Callable[[Settings], None]) -> Comparison:
    """Run the comparison and return it; *check* raises an error before the run if an option is invalid."""
    settings = options.build_settings(url, **values)
    try:
        check(settings)
        comparison = Comparison(settings, patterns)
    except (LookupError, ValueError) as error:
        raise click.UsageError(str(error)) from error
    if live_error := settings.live_error(*comparison.estimate):
        raise click.UsageError(live_error)
    with progress.ProgressDisplay() as shown:
        comparison.run(shown)
    return comparison


def _check(settings: Settings, out: Path) -> None:
    """Raise ValueError if *out* cannot be written, or the key is too short to be masked."""
    if settings.key and len(settings.key) < SHORTEST_KEY:
        reason = f"has fewer than {SHORTEST_KEY} characters, too few to mask it in the recording"
        raise ValueError(f"the key in {settings.key_name} {reason}")
    folder.check(out)


def _show(comparison: Comparison, verdict: str, found: str) -> None:
    """Print the differences, the skipped and missing exchanges, and the verdict."""
    mask = comparison.transport.mask
    not_compared = {"skipped": comparison.skipped, "missing": comparison.missing}
    first = comparison.endpoint.first
    parts = ["\n"] if first and first.status == 200 else []
    if comparison.differences:
        parts.append(drift.table(comparison.differences, mask) + "\n")
    notes = [
        line
        for label, reasons in not_compared.items()
        for note in _notes(reasons)
        for line in wrap(f"{label:<10}", mask.text(note))
    ]
    parts += [*notes, ""] if notes else []
    counts = [found, *(f"{len(names)} {what}" for what, names in not_compared.items() if names)]
    reason = f": {comparison.reason}" if comparison.reason else ""
    spent = comparison.transport.budget.summary
    parts.append(printable(mask.text(f"{verdict}{reason} -- {', '.join(counts)}; {spent}")))
    output.show("\n".join(parts) + "\n")


def _notes(reasons: dict[str, str]) -> list[str]:
    """Return one line for each reason, with the names of its exchanges."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, reason in reasons.items():
        names[reason].append(name)
    return [f"{reason}: {', '.join(each)}" for reason, each in names.items()]
