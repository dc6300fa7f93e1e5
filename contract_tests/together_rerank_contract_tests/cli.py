"""The command `together-rerank-contract`: parse, judge, print, and end with a status that a script can read."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import math
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import click

PROGRAM = "together-rerank-contract"
_NEEDED = ("httpx", "hypothesis", "pytest", "schemathesis")
_USAGE, _KIT_FAULT = 2, 70
_LONGEST_EXPRESSION = 2_000


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
        sys.exit(command.main(prog_name=PROGRAM, standalone_mode=False) or 0)
    except click.ClickException as fault:
        _fail(fault.format_message())
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except Exception as fault:  # noqa: BLE001  # nobody but the kit is to blame
        where = traceback.extract_tb(fault.__traceback__)[-1]
        said = f"{type(fault).__name__}: {fault} at {Path(where.filename).name}:{where.lineno}"
        print(f"{PROGRAM}: a fault of the kit itself; please report it: {said}", file=sys.stderr)
        sys.exit(_KIT_FAULT)


def _fail(message: str) -> NoReturn:
    print(f"{PROGRAM}: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(_USAGE)


_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("url")
@click.option("--model", metavar="M", help="The model that every request names.  [default: the document's example]")
@click.option("--api-key-env", metavar="NAME", help="The environment variable that holds the key.")
@click.option("--live", is_flag=True, help="Send requests to Together's own hosts, which cost money.")
@click.option("--quick", is_flag=True, help="Judge what breaks most clients, with about ten requests.")
@click.option("--fuzz", is_flag=True, help="Have Schemathesis try the document's requests too, valid and invalid.")
@click.option("--level", type=click.Choice(["must", "should", "info"]), default="must", help="The lowest that counts.")
@click.option("-k", "expression", metavar="EXPR", help="Judge what matches, as in 'RR-RESULT and not 003'.")
@click.option("--list", "list_only", is_flag=True, help="Show what would be judged, and send nothing.")
@click.option("--reading", type=click.Choice(["corrected", "vendored"]), default="corrected", help="Of the document.")
@click.option("--max-requests", type=click.IntRange(min=1), metavar="N", help="Send no more than so many.")
@click.option("--max-tokens", type=click.IntRange(min=1), metavar="N", help="Spend no more than so many.")
@click.option("--rate", metavar="RATE", help="Send no faster, as in 5/s or 60/minute.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True, max=3600),
    default=30.0,
    metavar="S",
    help="Seconds for one answer.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, metavar="N", help="Of the requests that --fuzz makes.")
@click.option("--known", type=_FILE, metavar="FILE", help="Deviations that count as passed, in TOML.")
@click.option("--junit", type=_FILE, metavar="F", help="Write the report as JUnit's XML.")
@click.option("--json", "as_json", type=_FILE, metavar="F", help="Write the report as JSON.")
@click.option("--markdown", type=_FILE, metavar="F", help="Write the report as Markdown.")
@click.version_option(package_name="together-rerank-kit", prog_name=PROGRAM, message="%(prog)s %(version)s")
def command(
    url: str,
    api_key_env: str | None,
    expression: str | None,
    list_only: bool,
    known: Path | None,
    rate: str | None,
    timeout: float,
    junit: Path | None,
    as_json: Path | None,
    markdown: Path | None,
    **options: Any,
) -> int:
    """Tell whether the rerank endpoint at URL keeps the contract of Together's API."""
    from together_rerank_contract_tests import budget, catalogue, console, settings
    from together_rerank_contract_tests import known as known_deviations
    from together_rerank_contract_tests.examination import Examination

    if not _has_folder():
        raise click.UsageError("the current folder is gone")
    if expression is not None and len(expression) > _LONGEST_EXPRESSION:
        raise click.UsageError("-k: the expression is too long")
    if options["quick"] and options["fuzz"]:
        raise click.UsageError("--quick and --fuzz exclude each other")
    try:
        key, key_name = (None, "") if list_only else settings.key_for(url, api_key_env)
        between = budget.seconds_between(rate) if rate else 0.0
        ids = [each.id for each in catalogue.tests()] if known else []
        deviations = known_deviations.read(known, ids) if known else []
        given = settings.Settings(
            url, key=key, key_name=key_name, seconds_between=between, timeout_s=timeout, **options
        )
    except ValueError as fault:
        raise click.UsageError(str(fault)) from fault
    if not math.isfinite(timeout):
        raise click.BadParameter("nan is not a number of seconds", param_hint="--timeout")
    files = {"junit": junit, "json": as_json, "markdown": markdown}
    for path in filter(None, files.values()):
        if not path.name or not path.parent.is_dir():
            raise click.UsageError(f"'{path}': there is no such folder, or it names no file")
    try:
        examination = Examination(given, console.Counting(sys.stdout))
    except ValueError as fault:
        raise click.UsageError(str(fault)) from fault
    _judge(examination, expression, collect_only=list_only)
    if list_only:
        console.show(sys.stdout, console.listing(examination) + "\n")
        return 0
    return _report(examination, deviations, files)


def _has_folder() -> bool:
    try:
        return bool(Path.cwd())
    except OSError:
        return False


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
    faults = [_write(path, forms[form]()) for form, path in files.items() if path is not None]
    console.show(sys.stdout, f"\n\n{console.text(came)}\n")
    for fault in filter(None, faults):
        raise click.UsageError(fault)
    return came.verdict.status


def _write(path: Path, text: str) -> str:
    """Write *text* to *path*, all of it or nothing; return what kept it from that, if anything did."""
    try:
        path = path.resolve()
        if path.exists() and not path.is_file() and not path.is_dir():  # a pipe or a device stays what it is
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
            return ""
        draft = path.with_name(f".{path.name}.part")
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")
        draft.replace(path)
    except OSError as fault:
        return f"{path}: {fault.strerror}"
    return ""
