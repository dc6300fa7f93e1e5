"""The command `completion`, and the answers to the scripts that it prints."""

import click

from together_rerank_mockserver.cli.options import COMMAND
from together_rerank_mockserver.server.readiness import PROGRAM

# A script sets this variable when it runs the command to get completions.
VARIABLE = "_TOGETHER_RERANK_MOCK_COMPLETE"


@click.command(context_settings=COMMAND)
@click.argument("shell", metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, /, shell: str) -> int:
    """Print a script that completes this command in SHELL: bash, zsh or fish."""
    return complete(context.find_root().command, f"{shell}_source")


def complete(commands: click.Command, instruction: str) -> int:
    """Print what *instruction*, a value of VARIABLE, asks for; return the exit status."""
    from click.shell_completion import shell_complete

    try:
        return shell_complete(commands, {}, PROGRAM, VARIABLE, instruction)
    except KeyError as error:  # a variable that the scripts set with it
        raise click.ClickException(f"{VARIABLE} is for the scripts of `completion`, which also set {error}") from error
