"""The options that all commands share: the endpoint, and the limits on requests and tokens."""

import math
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from together_rerank_contract_tests.settings import Settings, key_for, seconds_between

CONTEXT = {"help_option_names": ["-h", "--help"], "show_default": True}
FILE = click.Path(dir_okay=False, path_type=Path)
_COUNT = click.IntRange(min=1)
_SECONDS = click.FloatRange(min=0, min_open=True, max=3600)
_Command = TypeVar("_Command", bound=Callable[..., Any])
ENDPOINT = (
    click.argument("url"),
    click.option("--model", metavar="M", help="The model that every request names.  [default: the document's example]"),
    click.option("--api-key-env", metavar="NAME", help="The environment variable that holds the key."),
    click.option("--live", is_flag=True, help="Allow requests to Together's own hosts, which cost money."),
)
LIMITS = (
    click.option("--max-requests", type=_COUNT, metavar="N", help="Send at most N requests."),
    click.option("--max-tokens", type=_COUNT, metavar="N", help="Use at most N tokens."),
    click.option("--rate", metavar="RATE", help="The highest rate of requests, e.g. 5/s or 60/minute."),
    click.option(
        "--timeout", type=_SECONDS, default=30.0, metavar="S", help="The time limit for one response, in seconds."
    ),
)


def add_options(options: tuple[Any, ...]) -> Callable[[_Command], _Command]:
    """Return a decorator that adds *options* to a command; the help lists them in this sequence."""
    return lambda command: reduce(lambda decorated, option: option(decorated), reversed(options), command)


def build_settings(
    url: str, *, api_key_env: str | None, rate: str | None, timeout: float, sends: bool = True, **options: Any
) -> Settings:
    """Return the settings from the options; read the key only if *sends*. Raise UsageError if an option is invalid."""
    try:
        Path.cwd()
    except OSError as error:
        raise click.UsageError("the current folder does not exist any more") from error
    if not math.isfinite(timeout):
        raise click.BadParameter("nan is not a number of seconds", param_hint="--timeout")
    try:
        key, key_name = key_for(url, api_key_env) if sends else (None, "")
        between = seconds_between(rate) if rate else 0.0
        return Settings(url, key=key, key_name=key_name, seconds_between=between, timeout_s=timeout, **options)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
