"""The command `together-rerank-contract`: parse, judge, print, and end with a status that a script can read."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import click

from together_rerank_contract_tests import PROGRAM, options, report_files

_NEEDED = ("httpx", "hypothesis", "pytest", "schemathesis")
_USAGE, _KIT_FAULT = 2, 70
_LONGEST_EXPRESSION = 2_000
_OTHERS = f"""\b
Two commands beside this one send the library's requests, and have a --help of their own:
  {PROGRAM} record URL --out DIR   keeps what is answered as exchanges
  {PROGRAM} drift URL              compares it with document and library
"""


def main() -> NoReturn:
    """Run the command.

    Exit 0 keeps the contract, 1 does not, 2 not understood or nothing selected, 3 could not tell, 4 budget spent,
    70 a fault of the kit, 130 interrupted.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        _fail(f"the extra is not installed ({', '.join(missing)}); pip install 'together-rerank-kit[contract]'")
    # A job that is cancelled reports what it knows, like one that is interrupted; also one that a script
    # started in the background, for which the shell has interruptions ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        asked, arguments, name = _asked_for(sys.argv[1:])
        sys.exit(asked.main(arguments, prog_name=name, standalone_mode=False) or 0)
    except click.ClickException as fault:
        _fail(fault.format_message())
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except Exception as fault:  # noqa: BLE001  # nobody but the kit is to blame
        where = traceback.extract_tb(fault.__traceback__)[-1]
        said = f"{type(fault).__name__}: {fault} at {Path(where.filename).name}:{where.lineno}"
        print(f"{PROGRAM}: a fault of the kit itself; please report it: {said}", file=sys.stderr)
        sys.exit(_KIT_FAULT)


def _asked_for(arguments: list[str]) -> tuple[click.Command, list[str], str]:
    """Return the command that *arguments* ask for, those that are left for it, and its name; no URL is such a word."""
    if arguments[:1] not in (["record"], ["drift"]):
        return command, arguments, PROGRAM
    from together_rerank_contract_tests.record_command import drift, record

    other = record if arguments[0] == "record" else drift
    return other, arguments[1:], f"{PROGRAM} {arguments[0]}"


def _fail(message: str) -> NoReturn:
    print(f"{PROGRAM}: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(_USAGE)


@click.command(context_settings=options.CONTEXT, epilog=_OTHERS)
@options.endpoint
@click.option("--quick", is_flag=True, help="Judge what breaks most clients, with about ten requests.")
@click.option("--fuzz", is_flag=True, help="Have Schemathesis try the document's requests too, valid and invalid.")
@click.option("--level", type=click.Choice(["must", "should", "info"]), default="must", help="The lowest that counts.")
@click.option("-k", "expression", metavar="EXPR", help="Judge what matches, as in 'RR-RESULT and not 003'.")
@click.option("--list", "list_only", is_flag=True, help="Show what would be judged, and send nothing.")
@click.option("--reading", type=click.Choice(["corrected", "vendored"]), default="corrected", help="Of the document.")
@options.spending
@click.option("--seed", type=click.IntRange(min=0), default=0, metavar="N", help="Of the requests that --fuzz makes.")
@click.option("--known", type=options.FILE, metavar="FILE", help="Deviations that count as passed, in TOML.")
@click.option("--junit", type=options.FILE, metavar="F", help="Write the report as JUnit's XML.")
@click.option("--json", "as_json", type=options.FILE, metavar="F", help="Write the report as JSON.")
@click.option("--markdown", type=options.FILE, metavar="F", help="Write the report as Markdown.")
@click.version_option(package_name="together-rerank-kit", prog_name=PROGRAM, message="%(prog)s %(version)s")
def command(
    url: str,
    expression: str | None,
    list_only: bool,
    known: Path | None,
    junit: Path | None,
    as_json: Path | None,
    markdown: Path | None,
    **told: Any,
) -> int:
    """Tell whether the rerank endpoint at URL keeps the contract of Together's API."""
    from together_rerank_contract_tests import catalogue, console
    from together_rerank_contract_tests import known as known_deviations
    from together_rerank_contract_tests.examination import Examination

    if expression is not None and len(expression) > _LONGEST_EXPRESSION:
        raise click.UsageError("-k: the expression is too long")
    if told["quick"] and told["fuzz"]:
        raise click.UsageError("--quick and --fuzz exclude each other")
    given = options.settings(url, sends=not list_only, **told)
    try:
        ids = [each.id for each in catalogue.tests()] if known else []
        deviations = known_deviations.read(known, ids) if known else []
    except ValueError as fault:
        raise click.UsageError(str(fault)) from fault
    files = {"junit": junit, "json": as_json, "markdown": markdown}
    for path in filter(None, files.values()):
        report_files.check(path)
    try:
        examination = Examination(given, console.Counting(sys.stdout))
    except ValueError as fault:
        raise click.UsageError(str(fault)) from fault
    _judge(examination, expression, collect_only=list_only)
    if list_only:
        console.show(sys.stdout, console.listing(examination) + "\n")
        return 0
    return _report(examination, deviations, files)


def _judge(examination: Any, expression: str | None, *, collect_only: bool) -> None:
    """Judge what is selected.

    Raises:
        UsageError: nothing was selected, or it may not be sent.
        RuntimeError: pytest itself failed.
    """
    import pytest

    from together_rerank_contract_tests.run import run

    status = run(examination, expression, collect_only=collect_only)
    if examination.refused:
        raise click.UsageError(examination.refused)
    if examination.crashed:
        raise RuntimeError(examination.crashed)
    if status == pytest.ExitCode.USAGE_ERROR:  # which pytest has told
        sys.exit(_USAGE)
    if not examination.selected and examination.interrupted:  # before anything was found out
        raise KeyboardInterrupt
    if not examination.selected:
        raise click.UsageError("nothing is selected; --list shows what there is, all of it with --fuzz --level info")


def _report(examination: Any, deviations: Any, files: dict[str, Path | None]) -> int:
    from together_rerank_contract_tests import console, junit, markdown, report

    came = report.of(examination, deviations, dt.datetime.now(dt.UTC).date())
    forms = {
        "junit": lambda: junit.text(came),
        "json": lambda: json.dumps(came.as_json(), ensure_ascii=False, indent=2) + "\n",
        "markdown": lambda: markdown.text(came),
    }
    faults = [report_files.write(path, forms[form]()) for form, path in files.items() if path is not None]
    console.show(sys.stdout, f"\n\n{console.text(came)}\n")
    for fault in filter(None, faults):
        raise click.UsageError(fault)
    return came.verdict.status
