"""What every command that asks an endpoint is told: whom to ask, and what it may spend."""

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
    click.option("--live", is_flag=True, help="Send requests to Together's own hosts, which cost money."),
)
SPENDING = (
    click.option("--max-requests", type=_COUNT, metavar="N", help="Send no more than so many."),
    click.option("--max-tokens", type=_COUNT, metavar="N", help="Spend no more than so many."),
    click.option("--rate", metavar="RATE", help="Send no faster, as in 5/s or 60/minute."),
    click.option("--timeout", type=_SECONDS, default=30.0, metavar="S", help="Seconds for one answer."),
)


def given(options: tuple[Any, ...]) -> Callable[[_Command], _Command]:
    """Return a decorator that adds *options* to a command; the help lists them in this order."""
    return lambda command: reduce(lambda done, option: option(done), reversed(options), command)


def settings(
    url: str, *, api_key_env: str | None, rate: str | None, timeout: float, sends: bool = True, **options: Any
) -> Settings:
    """Return the settings from the options, with the key only if the command *sends*; raise UsageError if invalid."""
    try:
        Path.cwd()
    except OSError as fault:
        raise click.UsageError("the current folder is gone") from fault
    if not math.isfinite(timeout):
        raise click.BadParameter("nan is not a number of seconds", param_hint="--timeout")
    try:
        key, key_name = key_for(url, api_key_env) if sends else (None, "")
        between = seconds_between(rate) if rate else 0.0
        return Settings(url, key=key, key_name=key_name, seconds_between=between, timeout_s=timeout, **options)
    except ValueError as fault:
        raise click.UsageError(str(fault)) from fault
