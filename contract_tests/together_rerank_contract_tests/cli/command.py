"""The command `together-rerank-contract`: parse, judge, print, and end with a status that a script can read."""

import datetime as dt
import importlib.util
import signal
import sys
from pathlib import Path
from typing import Any

import click

from together_rerank_contract_tests import PROGRAM
from together_rerank_contract_tests.cli import options, output
from together_rerank_spec.output import close_output, open_output

_NEEDED = ("httpx", "hypothesis", "pytest", "schemathesis")
_USAGE, _KIT_FAULT, _INTERRUPTED = 2, 70, 130
_LONGEST_EXPRESSION = 2_000
_OTHERS = f"""\b
Two commands beside this one send the library's requests, and have a --help of their own:
  {PROGRAM} record URL --out DIR   keeps what is answered as exchanges
  {PROGRAM} drift URL              compares it with document and library
"""


def main() -> None:
    """Run the command.

    Exit 0 keeps the contract, 1 does not, 2 not understood or nothing selected, 3 could not tell, 4 budget spent,
    70 a fault of the kit, 130 interrupted.
    """
    open_output()
    # A job that is cancelled reports what it knows, like one that is interrupted; also one that a script
    # started in the background, for which the shell has interruptions ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        status = run(sys.argv[1:])
    except (KeyboardInterrupt, click.Abort):
        status = _INTERRUPTED
    except Exception as fault:  # noqa: BLE001  # nobody but the kit is to blame
        from together_rerank_contract_tests.run.outcome import place_of

        status = _fail(f"a fault of the kit itself; please report it: {place_of(fault)}", _KIT_FAULT)
    close_output()
    sys.exit(status)


def run(arguments: list[str]) -> int:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return _fail(f"the extra is not installed ({', '.join(missing)}); pip install 'together-rerank-kit[contract]'")
    chosen, name = command, PROGRAM
    if arguments[:1] in (["record"], ["drift"]):  # neither is a URL
        from together_rerank_contract_tests.cli.record import compare, record

        chosen, name = record if arguments[0] == "record" else compare, f"{PROGRAM} {arguments[0]}"
        arguments = arguments[1:]
    try:
        try:
            context = chosen.make_context(name, list(arguments))
        except OSError:  # nobody reads the help
            return 0
        with context:
            return int(chosen.invoke(context) or 0)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as fault:
        return _fail(fault.format_message())


def _fail(message: str, status: int = _USAGE) -> int:
    output.show(f"{PROGRAM}: {' '.join(message.split())}\n", to_stderr=True)
    return status


@click.command(context_settings=options.CONTEXT, epilog=_OTHERS)
@options.given(options.ENDPOINT)
@click.option("--quick", is_flag=True, help="Judge what breaks most clients, with about ten requests.")
@click.option("--fuzz", is_flag=True, help="Have Schemathesis try the document's requests too, valid and invalid.")
@click.option("--level", type=click.Choice(["must", "should", "info"]), default="must", help="The lowest that counts.")
@click.option("-k", "expression", metavar="EXPR", help="Judge what matches, as in 'RR-RESULT and not 003'.")
@click.option("--list", "list_only", is_flag=True, help="Show what would be judged, and send nothing.")
@click.option("--reading", type=click.Choice(["corrected", "vendored"]), default="corrected", help="Of the document.")
@options.given(options.SPENDING)
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
    **values: Any,
) -> int:
    """Tell whether the rerank endpoint at URL keeps the contract of Together's API."""
    from together_rerank_contract_tests.report import junit as junit_report
    from together_rerank_contract_tests.report import markdown as markdown_report
    from together_rerank_contract_tests.report import report
    from together_rerank_contract_tests.run import known as known_deviations
    from together_rerank_contract_tests.run import session

    if expression is not None and len(expression) > _LONGEST_EXPRESSION:
        raise click.UsageError("-k: the expression is too long")
    if values["quick"] and values["fuzz"]:
        raise click.UsageError("--quick and --fuzz exclude each other")
    given = options.settings(url, sends=not list_only, **values)
    for path in filter(None, (junit, as_json, markdown)):
        output.check_file(path)
    try:
        ids = [each.id for each in session.tests()] if known else []
        deviations = known_deviations.read(known, ids) if known else []
        judged = session.ContractSession(given, output.show)
    except ValueError as fault:
        raise click.UsageError(str(fault)) from fault
    _judge(judged, expression, collect_only=list_only)
    if list_only:
        output.show(judged.listing)
        return 0
    result = report.of(judged, deviations, dt.datetime.now(dt.UTC).date())
    forms = ((junit, junit_report.junit), (as_json, report.Report.as_json), (markdown, markdown_report.markdown))
    errors = [output.write_file(path, form(result)) for path, form in forms if path is not None]
    output.show(f"\n\n{result.as_text()}\n")
    if any(errors):
        raise click.UsageError(next(filter(None, errors)))
    return result.verdict.status


def _judge(judged: Any, expression: str | None, *, collect_only: bool) -> None:
    """Judge the selected requirements; raise UsageError if there are none, or if sending is not allowed."""
    import pytest

    status = judged.run(expression, collect_only=collect_only)
    if judged.refused:
        raise click.UsageError(judged.refused)
    if judged.crashed:
        raise RuntimeError(judged.crashed)
    if status == pytest.ExitCode.USAGE_ERROR:  # which pytest has told
        raise click.exceptions.Exit(_USAGE)
    if judged.is_empty and judged.interrupted:  # before any requirement was selected
        raise KeyboardInterrupt
    if judged.is_empty:
        raise click.UsageError("nothing is selected; --list shows what there is, all of it with --fuzz --level info")
