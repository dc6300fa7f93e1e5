"""The command `audit`: run a command as a pipeline under each fault."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from together_rerank_mockserver.cli.options import COMMAND, Duration, option
from together_rerank_mockserver.server.readiness import PROGRAM
from together_rerank_spec.progress_line import ProgressLine

if TYPE_CHECKING:
    from together_rerank_mockserver.audit.report import AuditReport

_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)
_CASE = "--case"
_REPORT_FLAG = "--report"
QUERY = "llamas in Peru"
PASSAGES = (
    "Pandas eat bamboo in the mountains of China.",
    "The sun rises earlier in summer than in winter.",
    "Polar bears hunt seals on the ice.",
    "Rivers carry sand and stones to the sea.",
    "Bread needs flour, water, salt and time.",
    "Old maps show islands that do not exist.",
    "Llamas carry loads over the mountains of Peru.",
    "Bees find their way by the position of the sun.",
)
_PASSAGES_HELP = "The passages: a JSON list, or one passage a line.  [default: eight sentences]"
_TOP_N = "How many passages the command prints.  [default: all]"
_PATIENCE = "After how many seconds the command counts as a hang."
_LOG = "A regular expression; a match on stderr declares a fallback."
_FIELD = "The field of the printed object that declares a fallback."
_REPORT = "Write the report to FILE: .json, .md or .html, repeatable."


def _pattern(_: click.Context, __: click.Parameter, value: str | None) -> re.Pattern[str] | None:
    try:
        return None if value is None else re.compile(value)
    except re.error as error:
        raise click.BadParameter(f"{value!r} is not a regular expression: {error}") from error


@click.command(context_settings=COMMAND)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@option("--query", default=QUERY, metavar="TEXT", help="The query.")
@option("--passages", type=_EXISTING, metavar="FILE", help=_PASSAGES_HELP)
@option("--top-n", type=click.IntRange(1), metavar="N", help=_TOP_N)
@option("--quick", is_flag=True, help="Run only the most important cases.")
@option(_CASE, "only", multiple=True, metavar="NAME", help="A case to run, repeatable.  [default: all]")
@option("--accept", multiple=True, metavar="NAME=REASON", help="A case whose failure is accepted, repeatable.")
@option("--patience", type=Duration("s"), default=20, metavar="S", help=_PATIENCE)
@option("--fallback-log", metavar="REGEX", callback=_pattern, help=_LOG)
@option("--fallback-field", metavar="NAME", help=_FIELD)
@option(_REPORT_FLAG, "reports", multiple=True, type=_FILE, metavar="FILE", help=_REPORT)
def audit(command: tuple[str, ...], reports: tuple[Path, ...], **options: Any) -> int:
    """Run COMMAND under each fault, and show where it fails silently.

    COMMAND gets a JSON object with `query`, `passages` and `top_n` on stdin, and prints a JSON list of passages or
    indexes, best first. Environment variables point its client to a mock.
    """
    from together_rerank_mockserver.audit.report import form_of

    if shutil.which(command[0]) is None:
        raise click.UsageError(f"there is no command {command[0]!r}")
    for path in reports:
        form_of(path)
    report = _audited(command, **options)
    click.echo(str(report))
    for path in reports:
        report.write(path)
    return 1 if report.failures else 0


def _audited(
    command: tuple[str, ...],
    *,
    passages: Path | None,
    accept: tuple[str, ...],
    patience: float,
    fallback_log: re.Pattern[str] | None,
    fallback_field: str | None,
    **options: Any,
) -> AuditReport:
    from together_rerank_mockserver.audit.command import Command
    from together_rerank_mockserver.audit.outcome import shown
    from together_rerank_mockserver.audit.pipeline import Declaration, Pipeline
    from together_rerank_mockserver.audit.run import Audit, Unreadable, local_mock
    from together_rerank_mockserver.testing.environment import environment

    hint = "no output of the command declared a fallback" if fallback_log or fallback_field else None
    with local_mock() as admin:
        search = Command(
            command,
            environment(admin.url, admin.api_key),
            patience,
            top_n=options["top_n"],
            fallback_log=fallback_log,
            fallback_field=fallback_field,
        )
        try:
            run = Audit(
                Pipeline(search, patience, Declaration(argument="declare")),
                admin,
                subject=shlex.join(command),
                passages=PASSAGES if passages is None else _passages(passages),
                accept=_reasons(accept),
                patience_s=patience,
                again=_again,
                hint=hint,
                **options,
            )
            with ProgressLine(lambda: (run.progress, 0)):
                return run.run()
        except Unreadable as error:
            printed = shown(error.returned)
            raise click.ClickException(
                f"the command printed {printed}, not a JSON list of passages or indexes"
            ) from error
        finally:
            search.close()


def _again(case: str) -> str:
    """Return the line that runs *case* alone, with the same options, but without a report."""
    given = iter(sys.argv[2:])
    kept = []
    for each in given:
        if each == "--":
            kept += [each, *given]
        elif each in (_CASE, _REPORT_FLAG):
            next(given, None)
        elif not each.startswith((f"{_CASE}=", f"{_REPORT_FLAG}=")):
            kept.append(each)
    return f"{PROGRAM} audit {_CASE} {case} {shlex.join(kept)}"


def _passages(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
        if not text.lstrip().startswith("["):
            return [line for line in text.splitlines() if line.strip()]
        passages: list[str] = json.loads(text)
    except ValueError as error:
        raise click.UsageError(
            f"{path} must be a JSON list of texts, or a text with one passage a line: {error}"
        ) from error
    return passages


def _reasons(accept: tuple[str, ...]) -> dict[str, str]:
    pairs = [each.partition("=")[::2] for each in accept]
    return {name.strip(): reason.strip() for name, reason in pairs}
