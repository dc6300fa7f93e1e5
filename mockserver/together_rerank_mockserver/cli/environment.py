"""The command `env`: print the environment variables that point clients to a mock."""

import click

from together_rerank_mockserver.cli.options import COMMAND, option, settings_of, url_argument

_KEY = "The key for the clients, as in serve.  [default: any-key]"


@click.command(context_settings=COMMAND)
@url_argument
@option("--api-key", "api_keys", multiple=True, metavar="K", help=_KEY)
@click.pass_context
def env(context: click.Context, /, url: str, api_keys: tuple[str, ...]) -> None:
    """Print the variables that point clients to the mock at URL, as lines NAME=VALUE.

    Of several keys, the clients get the first.
    """
    from together_rerank_mockserver.testing.environment import environment

    accepted = settings_of(context, api_keys=api_keys).api_keys
    for name, value in environment(url, accepted[0] if accepted else "any-key").items():
        click.echo(f"{name}={value}")
