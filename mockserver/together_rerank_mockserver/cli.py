"""The command `together-rerank-mock`: parse, start, hand over."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import BinaryIO, NoReturn

import click
from click.core import ParameterSource

from together_rerank_mockserver import __version__
from together_rerank_mockserver.fixtures_command import fixtures
from together_rerank_mockserver.options import COMMAND, CONTEXT, PROGRAM, document_options, settings_from
from together_rerank_mockserver.serve_command import serve
from together_rerank_mockserver.spec_command import spec
from together_rerank_mockserver.url import base_of


def main() -> NoReturn:
    """Run the command; exit 0 done, 1 not in time, 2 not understood or not started: one line says why."""
    try:
        sys.exit(commands.main(prog_name=PROGRAM, standalone_mode=False) or 0)
    except click.ClickException as fault:
        _fail(fault.format_message() + _origin(fault))
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except (OSError, ValueError) as fault:
        _fail(str(fault))


def _origin(fault: click.ClickException) -> str:
    """Name the environment variable that a bad value came from; click says the flag alone."""
    option, context = getattr(fault, "param", None), getattr(fault, "ctx", None)
    if (
        option is None
        or context is None
        or context.get_parameter_source(option.name) is not ParameterSource.ENVIRONMENT
    ):
        return ""
    return f" (from {option.envvar or f'{context.auto_envvar_prefix}_{option.name.upper()}'})"


def _fail(message: str) -> NoReturn:
    print(f"{PROGRAM}: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)


@click.group(context_settings=CONTEXT, invoke_without_command=True)
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def commands(context: click.Context) -> None:
    """A mock of Together AI's POST /v1/rerank."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


commands.add_command(serve)
commands.add_command(fixtures)
commands.add_command(spec)


@commands.command(context_settings=COMMAND)
@click.argument("url")
@click.option("--timeout", type=click.FloatRange(min=0), default=10.0, metavar="S", help="Seconds to wait.")
def wait(url: str, timeout: float) -> int:
    """Wait until the mock at URL answers; exit 1 when it does not in time."""
    from together_rerank_mockserver.announcement import is_healthy

    try:
        base = base_of(url)
    except ValueError as fault:
        raise click.BadParameter(str(fault), param_hint="URL") from fault
    if not math.isfinite(timeout):
        raise click.BadParameter(f"'{timeout}' is not a number of seconds", param_hint="--timeout")
    deadline = time.monotonic() + timeout
    while not is_healthy(base):
        if time.monotonic() >= deadline:
            print(f"{PROGRAM}: nothing healthy at {url} within {timeout:g} s", file=sys.stderr)
            return 1
        time.sleep(0.02)
    return 0


@commands.command(context_settings=COMMAND)
@click.argument("request_file", metavar="[FILE]", type=click.File("rb"), default="-")
@document_options
@click.option(
    "--json", "as_json", is_flag=True, envvar="TOGETHER_RERANK_MOCK_JSON", help="Print JSON, one object per document."
)
def explain(
    request_file: BinaryIO, reading: str | None, spec: Path | None, overlay: Path | None, as_json: bool
) -> None:
    """Show how the mock ranks the rerank request in FILE, or on stdin, and why."""
    from together_rerank_mockserver import explanation
    from together_rerank_mockserver.body import Content
    from together_rerank_mockserver.errors import ApiError
    from together_rerank_mockserver.request import RequestParser

    document = settings_from(reading, spec, overlay).document()
    raw = request_file.read()
    try:
        request = RequestParser(document).parse(document.request_media_types[0], Content(raw))
    except ApiError as error:
        raise click.ClickException(str(error)) from error
    rows = explanation.explain(raw, request)
    click.echo(json.dumps(rows, ensure_ascii=False, indent=2) if as_json else explanation.table(rows))


@commands.command(context_settings=COMMAND)
@document_options
@click.option(
    "--json", "as_json", is_flag=True, envvar="TOGETHER_RERANK_MOCK_JSON", help="Print JSON, one object per fault."
)
def faults(reading: str | None, spec: Path | None, overlay: Path | None, as_json: bool) -> None:
    """List the faults that the mock can be asked for."""
    from together_rerank_mockserver.faults import Catalogue, table

    catalogue = Catalogue(settings_from(reading, spec, overlay).document())
    described = [fault.described for fault in catalogue]
    click.echo(json.dumps(described, ensure_ascii=False, indent=2) if as_json else table(described))
