"""The command `together-rerank-mock`: its subcommands, its errors and its exit status."""

import os
import sys
from difflib import get_close_matches
from typing import NoReturn

import click
from click.core import ParameterSource

from together_rerank_mockserver import __version__
from together_rerank_mockserver.cli import options
from together_rerank_mockserver.cli.audit import audit
from together_rerank_mockserver.cli.completion import VARIABLE, complete, completion
from together_rerank_mockserver.cli.document import check, faults, spec
from together_rerank_mockserver.cli.environment import env
from together_rerank_mockserver.cli.explain import explain
from together_rerank_mockserver.cli.fixtures import fixtures
from together_rerank_mockserver.cli.options import CONTEXT
from together_rerank_mockserver.cli.serve import serve
from together_rerank_mockserver.cli.wait import wait
from together_rerank_mockserver.server.readiness import PROGRAM
from together_rerank_spec.output import close_output, open_output


def main() -> NoReturn:
    """Run the command and exit: 0, done; 1, it failed; 2, invalid usage or no start (docs/cli.md has the details)."""
    open_output()
    instruction = os.environ.get(VARIABLE)
    if not instruction:
        _warn_of_unknown_variables()
    try:
        status = complete(commands, instruction) if instruction else _run(sys.argv[1:])
    except click.ClickException as error:
        status = _failed(error.format_message() + _origin(error))
    except (KeyboardInterrupt, click.Abort):
        status = 130
    except BrokenPipeError:  # the reader closed the pipe
        status = 0
    except OSError as error:
        status = _failed(str(error) if error.filename else f"cannot write to stdout: {error.strerror}")
    except ValueError as error:
        status = _failed(str(error))
    close_output()
    sys.exit(status)


def _run(arguments: list[str]) -> int:
    # Not with click's own main, which exits with 1 if the reader closes the pipe.
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
            print(f"{PROGRAM}: ignored the unknown environment variable {name}; {hint}", file=sys.stderr)


def _origin(fault: click.ClickException) -> str:
    """Return the environment variable or the file that an invalid value comes from; click names only the flag."""
    option, context = getattr(fault, "param", None), getattr(fault, "ctx", None)
    if not (option and context):
        return ""
    origins = {ParameterSource.ENVIRONMENT: option.envvar, ParameterSource.DEFAULT_MAP: context.obj}
    origin = origins.get(context.get_parameter_source(option.name))
    return f" (from {origin})" if origin else ""


def _failed(message: str) -> int:
    print(f"{PROGRAM}: {' '.join(message.split())}", file=sys.stderr)
    return 2


@click.group(context_settings=CONTEXT, invoke_without_command=True)
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def commands(context: click.Context) -> None:
    """A mock server for Together AI's POST /v1/rerank."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for each in (serve, audit, fixtures, wait, env, explain, faults, spec, check, completion):
    commands.add_command(each)
