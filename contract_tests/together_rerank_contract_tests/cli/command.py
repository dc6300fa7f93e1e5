"""The command `together-rerank-contract`: parse the options, test the endpoint, and print and write the reports."""

import datetime as dt
import importlib.util
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from together_rerank_contract_tests import PROGRAM
from together_rerank_contract_tests.cli import options, output
from together_rerank_contract_tests.client.exchange import printable
from together_rerank_spec.output import close_output, open_output

if TYPE_CHECKING:
    from together_rerank_contract_tests.report.report import Report

_NEEDED = ("httpx", "hypothesis", "pytest", "schemathesis")
_USAGE, _KIT_FAULT, _INTERRUPTED = 2, 70, 130
_MAX_EXPRESSION = 2_000
_EPILOG = f"""\b
Four more commands; each has its own --help:
  {PROGRAM} record URL --out DIR       saves the responses to the library's requests
  {PROGRAM} drift URL                  compares them with the document and the library
  {PROGRAM} compare OLD.json NEW.json  shows what got better or worse between two reports
  {PROGRAM} matrix SOURCE... --html F  judges several endpoints, and writes one page
"""


def main() -> None:
    """Run the command, and exit with the status that its help describes."""
    open_output()
    # SIGTERM, which ends a cancelled job, reports like SIGINT. Set SIGINT too: a shell ignores it for a background job.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        status = run(sys.argv[1:])
    except (KeyboardInterrupt, click.Abort):
        status = _INTERRUPTED
    except Exception as error:  # noqa: BLE001  # any other exception is a bug of the kit
        from together_rerank_contract_tests.run.outcome import describe_exception

        status = _fail(f"a fault of the kit itself; please report it: {describe_exception(error)}", _KIT_FAULT)
    close_output()
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """Run the command with *arguments*, and return the exit status."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return _fail(f"not installed: {', '.join(missing)}; run: pip install 'together-rerank-kit[contract]'")
    selected, name = command, PROGRAM
    if arguments[:1] in (["record"], ["drift"], ["compare"], ["matrix"]):  # none is a valid URL
        from together_rerank_contract_tests.cli import compare, matrix, record

        commands = {
            "record": record.record,
            "drift": record.compare,
            "compare": compare.compare,
            "matrix": matrix.matrix,
        }
        selected, name = commands[arguments[0]], f"{PROGRAM} {arguments[0]}"
        arguments = arguments[1:]
    try:
        try:
            context = selected.make_context(name, list(arguments), obj=command)
        except OSError:  # stdout of --help is closed
            return 0
        with context:
            return int(selected.invoke(context) or 0)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        return _fail(error.format_message())


def _fail(message: str, status: int = _USAGE) -> int:
    output.show(f"{PROGRAM}: {printable(' '.join(message.split()))}\n", to_stderr=True)
    return status


@click.command(context_settings=options.CONTEXT, epilog=_EPILOG)
@options.add_options((*options.ENDPOINT, *options.DIALECT))
@click.option("--quick", is_flag=True, help="Test only the most important requirements, with at most 15 requests.")
@click.option(
    "--fuzz", is_flag=True, help="Also run Schemathesis, with valid and invalid requests made from the document."
)
@click.option(
    "--level",
    type=click.Choice(["must", "should", "info"]),
    default="must",
    help="should: a failed SHOULD fails the run, too; info: also test INFO.",
)
@click.option("-k", "expression", metavar="EXPR", help="Test only matching requirements, e.g. 'RR-RESULT and not 003'.")
@click.option("--list", "list_only", is_flag=True, help="Print the selected requirements, and send nothing.")
@click.option(
    "--reading", type=click.Choice(["corrected", "vendored"]), default="corrected", help="The reading of the document."
)
@options.add_options(options.LIMITS)
@click.option("--seed", type=click.IntRange(min=0), default=0, metavar="N", help="The seed of the requests by --fuzz.")
@click.option("--known", type=options.FILE, metavar="FILE", help="A TOML file of deviations that count as passed.")
@click.option("--junit", type=options.FILE, metavar="F", help="Write the report as JUnit XML.")
@click.option("--json", "json_path", type=options.FILE, metavar="F", help="Write the report as JSON.")
@click.option(
    "--html",
    type=options.FILE,
    metavar="F",
    help="Write the report as one HTML page with all its exchanges.",
)
@click.option("--markdown", type=options.FILE, metavar="F", help="Write the report as Markdown.")
@click.option("--badge", type=options.FILE, metavar="F", help="Write the verdict as JSON for a badge by shields.io.")
@click.version_option(package_name="together-rerank-kit", prog_name=PROGRAM, message="%(prog)s %(version)s")
def command(
    url: str,
    expression: str | None,
    list_only: bool,
    known: Path | None,
    junit: Path | None,
    json_path: Path | None,
    html: Path | None,
    markdown: Path | None,
    badge: Path | None,
    **values: Any,
) -> int:
    """Test whether the rerank endpoint at URL keeps the contract of Together's API.

    Exit status: 0 keeps the contract, 1 does not, 2 invalid arguments or nothing selected, 3 could not tell,
    4 budget spent, 70 internal error of the kit, 130 interrupted.
    """
    from together_rerank_contract_tests.cli import progress
    from together_rerank_contract_tests.report import badge as badge_report
    from together_rerank_contract_tests.report import html as html_report
    from together_rerank_contract_tests.report import junit as junit_report
    from together_rerank_contract_tests.report import markdown as markdown_report
    from together_rerank_contract_tests.report import report
    from together_rerank_contract_tests.run import known as known_deviations
    from together_rerank_contract_tests.run import session

    if expression is not None and len(expression) > _MAX_EXPRESSION:
        raise click.UsageError(f"-k: the expression has more than {_MAX_EXPRESSION} characters")
    if values["quick"] and values["fuzz"]:
        raise click.UsageError("--quick and --fuzz cannot be combined")
    settings = options.build_settings(url, sends=not list_only, **values)
    reports: list[tuple[Path | None, Callable[[Report], str]]] = [
        (junit, junit_report.junit),
        (json_path, report.Report.as_json),
        (html, html_report.html),
        (markdown, markdown_report.markdown),
        (badge, badge_report.badge),
    ]
    files = [(path, form) for path, form in reports if path is not None]
    for path, _ in files:
        output.check_file(path)
    try:
        ids = [each.id for each in session.tests()] if known else []
        deviations = known_deviations.read(known, ids) if known else []
        shown = progress.ProgressDisplay()
        contract_session = session.ContractSession(settings, shown)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    with shown:
        _run_session(contract_session, expression, collect_only=list_only)
    if list_only:
        output.show(contract_session.listing)
        return 0
    result = report.build_report(contract_session, deviations, dt.datetime.now(dt.UTC).date())
    errors = [output.write_file(path, form(result)) for path, form in files]
    if os.environ.get("GITHUB_ACTIONS") == "true":
        errors.append(_show_on_github(result))
    output.show(f"\n\n{result.as_text()}\n")
    if any(errors):
        raise click.UsageError(next(filter(None, errors)))
    return result.verdict.status


def _show_on_github(result: "Report") -> str:
    """Print annotations, and append the report to the summary of the job; return an error, "" if there is none."""
    from together_rerank_contract_tests.report import github, markdown

    output.show(f"\n{github.annotations(result)}")
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    return output.append_to_file(Path(summary), markdown.markdown(result)) if summary else ""


def _run_session(session: Any, expression: str | None, *, collect_only: bool) -> None:
    """Run the selected requirements; raise UsageError if there are none, or if --live is missing."""
    import pytest

    status = session.run(expression, collect_only=collect_only)
    if session.live_error:
        raise click.UsageError(session.live_error)
    if session.pytest_error:
        raise RuntimeError(session.pytest_error)
    if status == pytest.ExitCode.USAGE_ERROR:  # pytest printed the message
        raise click.exceptions.Exit(_USAGE)
    if session.is_empty and session.interrupted:  # before any requirement was selected
        raise KeyboardInterrupt
    if session.is_empty:
        raise click.UsageError("no requirement is selected; --list --fuzz --level info prints all of them")
