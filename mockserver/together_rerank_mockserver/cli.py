"""The command `together-rerank-mock`: parse, start, hand over."""

import math
import os
import sys
import time
from difflib import get_close_matches
from typing import Any, BinaryIO, NoReturn

import click
from click.core import ParameterSource

from together_rerank_mockserver import __version__, options
from together_rerank_mockserver.fixtures_command import fixtures
from together_rerank_mockserver.options import COMMAND, CONTEXT, as_json, document_options, option
from together_rerank_mockserver.readiness import PROGRAM, is_healthy
from together_rerank_mockserver.serve_command import serve
from together_rerank_spec.output import close_output, open_output
from together_rerank_spec.urls import base_of

_LONGEST_TEXT = 40


def main() -> NoReturn:
    """Run the command; exit 0 done, 1 not in time, 2 not understood or not started: one line says why."""
    open_output()
    _warn_of_unknown_variables()
    try:
        status = _run(sys.argv[1:])
    except click.ClickException as fault:
        status = _failed(fault.format_message() + _origin(fault))
    except (KeyboardInterrupt, click.Abort):
        status = 130
    except BrokenPipeError:  # the reader closed the pipe
        status = 0
    except OSError as fault:
        status = _failed(str(fault) if fault.filename else f"cannot write to stdout: {fault.strerror}")
    except ValueError as fault:
        status = _failed(str(fault))
    close_output()
    sys.exit(status)


def _run(arguments: list[str]) -> int:
    # Not click's own main, which exits with 1 if the reader closes the pipe.
    try:
        with commands.make_context(PROGRAM, arguments) as context:
            status = int(commands.invoke(context) or 0)
    except click.exceptions.Exit as end:
        status = end.exit_code
    if sys.stdout:
        sys.stdout.flush()
    return status


def _warn_of_unknown_variables() -> None:
    groups = [commands, *(each for each in commands.commands.values() if isinstance(each, click.Group))]
    every = [command for group in groups for command in group.commands.values()]
    known = sorted({str(each.envvar) for command in every for each in command.params if each.envvar})
    for name in sorted(os.environ):
        if name.startswith(f"{options.PREFIX}_") and name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            print(f"{PROGRAM}: the environment variable {name} is not known and has no effect; {hint}", file=sys.stderr)


def _origin(fault: click.ClickException) -> str:
    """Name the environment variable that a bad value came from; click says the flag alone."""
    option, context = getattr(fault, "param", None), getattr(fault, "ctx", None)
    if option and context and context.get_parameter_source(option.name) is ParameterSource.ENVIRONMENT:
        return f" (from {option.envvar})"
    return ""


def _failed(message: str) -> int:
    print(f"{PROGRAM}: {' '.join(message.split())}", file=sys.stderr)
    return 2


@click.group(context_settings=CONTEXT, invoke_without_command=True)
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def commands(context: click.Context) -> None:
    """A mock of Together AI's POST /v1/rerank."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


commands.add_command(serve)
commands.add_command(fixtures)


@commands.command(context_settings=COMMAND)
@click.argument("url")
@option("--timeout", type=click.FloatRange(min=0), default=10.0, metavar="S", help="Seconds to wait.")
def wait(url: str, timeout: float) -> int:
    """Wait until the mock at URL answers; exit 1 when it does not in time."""
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
@as_json("document")
@click.pass_context
def explain(context: click.Context, /, request_file: BinaryIO, as_json: bool, **document_options: Any) -> None:
    """Show how the mock ranks the rerank request in FILE, or on stdin, and why."""
    from together_rerank_mockserver.body import Content, RequestParser
    from together_rerank_mockserver.errors import ApiError
    from together_rerank_mockserver.rendering import explain as explained

    document = options.settings_of(context, **document_options).document()
    raw = request_file.read()
    try:
        request = RequestParser(document).parse(document.request_media_types[0], Content(raw))
    except ApiError as error:
        raise click.ClickException(str(error)) from error
    head = ("index", "score", "words", "parts", "pairs", "document")
    options.print_rows(explained(raw, request), head, _evidence, as_json=as_json)


@commands.command(context_settings=COMMAND)
@document_options
@as_json("fault")
@click.pass_context
def faults(context: click.Context, /, as_json: bool, **document_options: Any) -> None:
    """List the faults that the mock can be asked for."""
    from together_rerank_mockserver.faults import Catalogue

    catalogue = Catalogue(options.settings_of(context, **document_options).document())
    head = ("fault", "family", "what the client meets", "where it applies", "note")
    options.print_rows([fault.described for fault in catalogue], head, _fault, as_json=as_json)


@commands.command(context_settings=COMMAND)
@document_options
@click.pass_context
def spec(context: click.Context, /, **document_options: Any) -> None:
    """Print the document that the mock serves, as YAML."""
    from together_rerank_spec.document import vendored_text
    from together_rerank_spec.yaml_text import render

    settings = options.settings_of(context, **document_options)
    is_published = settings.spec is None and settings.reading == "vendored"
    click.echo(vendored_text() if is_published else render(settings.document().content), nl=False)


def _evidence(row: dict[str, Any]) -> tuple[str, ...]:
    parts = " ".join(f"{word}({','.join(found)})" for word, found in row["parts"].items())
    pairs = [f"{left}+{right}" for left, right in row["adjacent"]]
    pairs += [f"{left}..{right}" for left, right in row["in_order"]]
    text = " ".join(row["text"].split())
    shown = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
    words = " ".join(row["whole"]), parts, " ".join(pairs)
    return (str(row["index"]), f"{row['score']:.6f}", *(each or "-" for each in words), shown)


def _fault(row: dict[str, Any]) -> tuple[str, ...]:
    notes = [
        "" if row.get("documented", True) else "observed, not documented",
        f"breaks the {row['breaks']}" if "breaks" in row else "",
        "" if row["server"] == "any" else f"--server {row['server']} only",
    ]
    return row["name"], row["family"], row["sentence"], row["applies"], ", ".join(filter(None, notes))
